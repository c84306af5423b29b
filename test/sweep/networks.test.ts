import { describe, expect, it } from 'vitest';
import { int64 } from '../../src/core/tensor.ts';
import { lowerAggregates } from '../../src/graph/aggregate/index.ts';
import { backward } from '../../src/graph/backward.ts';
import { constant } from '../../src/graph/trace.ts';
import { crossEntropy } from '../../src/model/losses/classification.ts';
import { FAMILIES, familyOf } from '../../src/model/networks/families.ts';
import { createFeatures } from '../../src/model/networks/features.ts';
import { createModel, NETWORKS, type NetworkName } from '../../src/model/networks/table.ts';
import { parameterCount, type Traced, traceNetwork } from '../../src/model/scope.ts';

const NAMES = Object.keys(NETWORKS) as NetworkName[];

/** Large enough for the largest window at the last stage; what knows one size gets that. */
function sideOf(name: string): number {
  const { config, input } = createModel(name);
  if (!familyOf(config.kind).anySize(config)) return input.size;
  return input.size <= 64 ? 32 : 128;
}

function traced(name: string, mode: 'training' | 'inference', overrides: object = {}): Traced {
  const side = sideOf(name);
  const { network, config } = createModel(name, { ...overrides });
  return traceNetwork(network, { inputs: { x: { shape: [2, config.inChannels, side, side] } }, mode });
}

describe('the table of networks', () => {
  it('has a name once, in one family', () => {
    const names = Object.values(FAMILIES).flatMap(({ networks }) => Object.keys(networks));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(NAMES.length);
  });
});

describe.each(NAMES)('%s', (name) => {
  const { config } = createModel(name);
  const family = familyOf(config.kind);

  it('has as many trainable values as its record says', () => {
    expect(parameterCount(traced(name, 'inference').state)).toBe(NETWORKS[name].parameters);
  });

  it('gives feature maps that shrink from stage to stage, and holds nothing of its head for them', () => {
    const { features, network, config: own, input } = createFeatures(name);
    const { outputs, state } = traceNetwork(network, {
      inputs: { x: { shape: [1, own.inChannels, input.size, input.size] } },
      mode: 'inference',
    });
    expect([...outputs.keys()]).toEqual(features.map((f) => f.name));
    for (const { name: feature, channels, reduction } of features) {
      const side = Math.floor(input.size / reduction);
      expect(outputs.get(feature)!.shape, feature).toEqual([1, channels, side, side]);
    }
    const reductions = features.map((f) => f.reduction);
    expect(reductions).toEqual([...new Set(reductions)].sort((a, b) => a - b));
    const whole = traced(name, 'inference', { classes: own.classes + 3 }).state.filter((s) => s.role === 'param');
    const other = traced(name, 'inference', { classes: own.classes + 4 }).state;
    const shapes = new Map(other.map((s) => [s.name, String(s.shape)]));
    const head = whole.filter((s) => shapes.get(s.name) !== String(s.shape)).map((s) => s.name);
    expect(head.length).toBeGreaterThan(0);
    expect(state.filter((s) => head.includes(s.name))).toEqual([]);
  });

  it('places every tensor in its stem, a stage or its head', () => {
    const { state } = traced(name, 'inference');
    const stages = new Set(state.flatMap((s) => family.place(s.name)?.stage ?? []));
    expect(stages.size).toBe(family.stages(config));
  });

  it('gives every parameter a gradient', () => {
    const t = traced(name, 'training', { classes: 5 });
    const loss = crossEntropy(t.outputs.get('logits')!, constant(int64([2], [1, 3])));
    const { outputs } = lowerAggregates(new Map([['loss', loss]]), { provider: 'cpu', training: true });
    const parameters = t.state.filter((s) => s.role === 'param');
    const found = backward(
      outputs.get('loss')!,
      parameters.map((s) => t.parameters.get(s.name)!),
    );
    expect(parameters.filter((s) => !found.has(t.parameters.get(s.name)!)).map((s) => s.name)).toEqual([]);
  });
});
