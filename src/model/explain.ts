import { Fault } from '../core/fault.ts';
import {
  type Alternative,
  type Choice,
  type LoweringName,
  lowerAggregates,
  type Site,
  sitesOf,
  type Target,
} from '../graph/aggregate/index.ts';
import { backward } from '../graph/backward.ts';
import { costOf, totalMacs } from '../graph/cost.ts';
import { known } from '../graph/dimension.ts';
import * as op from '../graph/ops/index.ts';
import type { Value } from '../graph/value.ts';
import type { BlockSpec } from './blocks/block.ts';
import { contextBlock } from './blocks/context.ts';
import { blockOf, blockSpec } from './blocks/table.ts';
import type { FamilyConfig } from './networks/family.ts';
import { createModel, namedNetwork } from './networks/table.ts';
import { readOptions } from './read-options.ts';
import { type Network, parameterCount, type Traced, traceNetwork } from './scope.ts';

/** What is to be explained. */
export interface ExplainRequest {
  /** The name of a network, or `block:KIND` for the small sample of a block. */
  readonly model: string;
  /** Options that are other than the network's, or than those of the block's sample. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Side of the pictures; what the network is made for, or the block's sample has, where absent. */
  readonly size?: number;
  /** Pictures at a time; 1. */
  readonly batch?: number;
  /** Whether the graph will be differentiated. */
  readonly training?: boolean;
  /** Where it will run; `cpu`. */
  readonly provider?: Target['provider'];
}

/** A way of computing an affinity that was weighed. */
export interface ExplainedWay {
  readonly lowering: LoweringName;
  /** Multiply-adds and bytes of one use; absent where it is refused. */
  readonly macs?: number;
  readonly bytes?: number;
  /** Its estimated time as a multiple of the chosen way's. */
  readonly times?: number;
  readonly refused?: string;
}

/** Uses of `aggregate` that are the same but for their place. */
export interface ExplainedUse {
  readonly paths: readonly string[];
  /** What each query reads and how, in words: `everywhere, dot-product, softmax, 1 head`. */
  readonly affinity: string;
  readonly queries: number;
  /** Positions that each query reads. */
  readonly positions: number;
  readonly chosen: ExplainedWay;
  readonly others: readonly ExplainedWay[];
}

/** How a network, or a block, will be computed. */
export interface Explanation {
  readonly model: string;
  /** Shape of its input. */
  readonly input: readonly number[];
  readonly provider: Target['provider'];
  readonly training: boolean;
  readonly uses: readonly ExplainedUse[];
  readonly parameters: number;
  /** Multiply-adds of the whole graph as lowered; with its derivative in training. */
  readonly macs: number;
  /** Of these, what the affinities take forward. */
  readonly affinityMacs: number;
  /** Estimate of the most bytes alive at once in one inference; null in training. */
  readonly peakBytes: number | null;
}

/** Which lowering each affinity of a network gets, what it costs, and what the others would have cost or why not. */
export function explainModel(request: ExplainRequest): Explanation {
  const { model, batch = 1, training = false, provider = 'cpu' } = request;
  const { network, shape } = subjectOf(request);
  const input = [batch, ...shape.slice(1)];
  const traced = traceNetwork(network, { inputs: { x: { shape: input } }, mode: training ? 'training' : 'inference' });
  const { outputs, choices } = lowerAggregates(traced.outputs, { provider, training });
  const cost = costOf(training ? withDerivative(outputs, traced) : outputs);
  const uses = usesOf(sitesOf(traced.outputs), choices);
  return {
    ...{ model, input, provider, training, uses },
    parameters: parameterCount(traced.state),
    macs: totalMacs(cost.macs),
    affinityMacs: uses.reduce((sum, { chosen, paths }) => sum + (chosen.macs ?? 0) * paths.length, 0),
    peakBytes: training ? null : cost.peakBytes,
  };
}

interface Subject {
  readonly network: Network;
  /** Of its input, for one picture. */
  readonly shape: readonly number[];
}

const BLOCK = 'block:';

function subjectOf({ model, overrides = {}, size }: ExplainRequest): Subject {
  if (size !== undefined && !(Number.isInteger(size) && size > 0 && size <= 4096)) {
    throw new Fault('config', `explain: expected a size from 1 to 4096 pixels, got ${size}.`);
  }
  if (!model.startsWith(BLOCK)) {
    const { network, config, input } = createModel(model, overrides);
    const side = size ?? input.size;
    return { network, shape: [1, config.inChannels, side, side] };
  }
  const { sample } = blockOf(model.slice(BLOCK.length), 'explain');
  const spec = readOptions(blockSpec, { ...sample.config, ...overrides }, model) as BlockSpec;
  const [n = 1, c = 1, ...space] = sample.shape;
  return {
    network: (s, { x }) => ({ y: contextBlock(s, x!, spec) }),
    shape: [n, c, ...space.map((d) => size ?? d)],
  };
}

/** The options of a network by name, or of `block:KIND` in its sample: what overrides change. */
export function explainedOptions(model: string): FamilyConfig | BlockSpec {
  if (!model.startsWith(BLOCK)) return namedNetwork(model).config;
  return blockOf(model.slice(BLOCK.length), 'explain').sample.config;
}

/** The outputs and the gradients of their sum by every parameter. */
function withDerivative(outputs: ReadonlyMap<string, Value>, traced: Traced): ReadonlyMap<string, Value> {
  const sums = [...outputs.values()].map((v) => op.reduceSum(v, undefined, false));
  const loss = sums.reduce((a, b) => op.add(a, b));
  const trained = traced.state.filter(({ role, name }) => role === 'param' && traced.parameters.has(name));
  const gradients = backward(
    loss,
    trained.map(({ name }) => traced.parameters.get(name)!),
  );
  return new Map([...outputs, ...[...gradients.values()].map((g, i) => [`gradient ${i}`, g] as const)]);
}

function usesOf(sites: readonly Site[], choices: readonly Choice[]): readonly ExplainedUse[] {
  const groups = new Map<string, ExplainedUse>();
  choices.forEach((choice, i) => {
    const use = useOf(sites[i]!, choice);
    const key = JSON.stringify({ ...use, paths: [] });
    const before = groups.get(key);
    groups.set(key, before ? { ...before, paths: [...before.paths, ...use.paths] } : use);
  });
  return [...groups.values()];
}

function useOf(site: Site, { path, alternatives, ...chosen }: Choice): ExplainedUse {
  const way = ({ lowering, cost, time, refused }: Alternative): ExplainedWay => ({
    lowering,
    ...(cost && { macs: known(cost.macs, path), bytes: known(cost.bytes, path) }),
    ...(time !== undefined && { times: chosen.time > 0 ? time / chosen.time : 1 }),
    ...(refused !== undefined && { refused }),
  });
  return {
    paths: [path],
    affinity: affinityWords(site),
    queries: known(site.q, path),
    positions: known(site.l, path),
    chosen: way(chosen),
    others: alternatives.map(way),
  };
}

/** An affinity in words: `window 7 x 7, dot-product + prior, softmax, 8 heads`. */
export function affinityWords({ affinity, window, prior, mask, heads }: Site): string {
  const { reads, score, normalise } = affinity;
  const stride = window?.stride.some((s) => s > 1) ? `, stride ${window.stride.join(' x ')}` : '';
  const said = window
    ? `window ${window.size.join(' x ')}${stride}`
    : reads.kind === 'along'
      ? `along ${reads.axes.length > 1 ? 'axes' : 'axis'} ${reads.axes.join(', ')}`
      : 'everywhere';
  const scored = `${score.kind}${prior ? ' + prior' : ''}${mask ? ', masked' : ''}`;
  return [said, scored, normalise, `${heads} head${heads === 1 ? '' : 's'}`].join(', ');
}
