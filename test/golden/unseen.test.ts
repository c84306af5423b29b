import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, int64, type Tensor } from '../../src/core/tensor.ts';
import { loadCase, stateTensors } from '../../src/golden/case.ts';
import { fillInput } from '../../src/golden/fill.ts';
import { type CaseResult, runCaseText } from '../../src/golden/run.ts';
import { backward } from '../../src/graph/backward.ts';
import * as op from '../../src/graph/ops/index.ts';
import { input } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';
import { type ContextSpec, contextBlock } from '../../src/model/blocks/context.ts';
import { traceNetwork } from '../../src/model/scope.ts';
import { lowerTraced } from '../../src/train/network.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { interpret } from '../support/interpret.ts';
import { CPU } from './environment.ts';

/** The JSON and tensors of a case that the corpus does not hold. */
interface Unseen {
  readonly json: object;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const absmax = (t: Tensor): number => Array.from(t.data, Number).reduce((m, v) => Math.max(m, Math.abs(v)), 0);

function unseen(head: object, outputs: ReadonlyMap<string, Tensor>): Unseen {
  const told = [...outputs].map(([key, t]) => [
    key,
    { shape: t.shape, mean: 0, l2: 0, absmax: absmax(t), stored: 'whole' },
  ]);
  const shared = { source: 'this test', checks: 'a case that the corpus lacks' };
  return {
    json: { ...shared, inputs: {}, state: [], parameters: 0, ...head, outputs: Object.fromEntries(told) },
    tensors: outputs,
  };
}

async function run(folder: string, { json, tensors }: Unseen): Promise<CaseResult> {
  return runCaseText(JSON.stringify(json), { folder, weights: writeSafetensors(tensors) }, CPU);
}

/** A block case in train mode whose numbers the float64 interpreter gives; `key` is the input's key. */
function blockCase(spec: ContextSpec, config: object, shape: readonly number[], key: string): Unseen {
  const traced = lowerTraced(
    traceNetwork((s, { x }) => ({ y: contextBlock(s, x!, spec) }), { inputs: { x: { shape } }, mode: 'training' }),
    { provider: 'cpu', training: true },
  );
  const y = traced.outputs.get('y')!;
  const loss = op.reduceSum(op.mul(y, input('dy', 'float32', y.shape)), undefined, false);
  const places = new Map<string, Value>([['x', traced.inputs.get('x')!], ...traced.parameters]);
  const gradients = backward(loss, [...places.values()]);
  const outputs = new Map<string, Value>([['y', y]]);
  for (const [name, v] of places) {
    const g = gradients.get(v);
    if (g) outputs.set(`grad.${name}`, g);
  }
  for (const [name, v] of traced.updates) outputs.set(`after.${name}`, v);
  const state = traced.state.map(({ name, shape: s, role }) => {
    return { name, shape: s, role: role === 'param' ? 'param' : 'buffer', filled: true };
  });
  const parameters = state.reduce((n, t) => n + (t.role === 'param' ? sizeOf(t.shape) : 0), 0);
  const inputs = { [key]: { from: 'unit', shape }, dy: { from: 'unit', shape } };
  const head = { name: 'unseen', config: { ...config, mode: 'train' }, inputs, state, parameters };
  const filled = loadCase(JSON.stringify(unseen(head, new Map()).json), { weights: writeSafetensors([]) });
  if (filled.kind === 'plain') throw new Error('a case of tensors became plain');
  const feeds = new Map(stateTensors(filled));
  for (const [name, from] of [
    ['x', key],
    ['dy', 'dy'],
  ] as const)
    feeds.set(name, float32(shape, fillInput(from, shape)));
  const exact = interpret(outputs, feeds);
  const expected = new Map<string, Tensor>([...exact].map(([name, t]) => [name, float32(t.shape, t.data)]));
  for (const { name } of state) if (name.endsWith('tracked')) expected.set(`after.${name}`, int64([], [1]));
  return unseen(head, expected);
}

describe('cases that the corpus does not hold', () => {
  it('a block in train mode, of other sizes and with another key of its input', async () => {
    const spec = { kind: 'non-local', innerChannels: 5, scale: 'C^-1/2', norm: 'batch', names: 'timm' } as const;
    const config = { model: 'timm.NonLocalAttn', channels: 10, rd_channels: 5 };
    const made = blockCase(spec, config, [3, 10, 5, 4], 'maps7');
    expect([...made.tensors.keys()]).toContain('after.norm.running_var');
    const zero = ['grad.p.bias', 'grad.g.bias', 'grad.z.bias']; // before a softmax, before a batch norm
    const json = { ...made.json, config: { ...config, mode: 'train', zero } };
    expect(await run('blocks', { ...made, json })).toMatchObject({ status: 'pass', why: '' });
  });

  it('an eval case whose after.* are what they were', async () => {
    const spec = { kind: 'non-local', innerChannels: 5, scale: 'C^-1/2', norm: 'batch', names: 'timm' } as const;
    const made = blockCase(spec, {}, [3, 10, 5, 4], 'x');
    const config = { model: 'timm.NonLocalAttn', rd_channels: 5, mode: 'eval' };
    const { json } = unseen({ ...made.json, config }, new Map([['after.norm.num_batches_tracked', int64([], [0])]]));
    const tensors = new Map([['after.norm.num_batches_tracked', int64([], [0])]]);
    expect(await run('blocks', { json, tensors })).toMatchObject({ status: 'pass', error: 0 });
  });

  it('pooling along one axis of an input with another key, worked out by hand', async () => {
    const x = float32([1, 1, 5], [3, -1, 4, 1, -5]);
    const dy = float32([1, 1, 3], [10, 20, 30]);
    const inputs = { line: { from: 'stored', shape: [1, 1, 5] }, 'dy.k2_ceil': { from: 'stored', shape: [1, 1, 3] } };
    const made = unseen(
      { name: 'pool_ceil_1d', config: {}, inputs },
      new Map([
        ['y.k2_ceil', float32([1, 1, 3], [3, 4, -5])],
        ['dx.k2_ceil', float32([1, 1, 5], [10, 0, 20, 0, 30])],
      ]),
    );
    const tensors = new Map([...made.tensors, ['input.line', x], ['input.dy.k2_ceil', dy]] as const);
    expect(await run('ops', { ...made, tensors })).toMatchObject({ status: 'pass', error: 0 });
  });

  it('interpolation by a factor of its own for each axis, worked out by hand', async () => {
    const x = float32([1, 1, 1, 2], [0, 8]);
    const inputs = { x: { from: 'stored', shape: [1, 1, 1, 2] } };
    const y = float32([1, 1, 2, 4], [0, 2, 6, 8, 0, 2, 6, 8]);
    const made = unseen({ name: 'interpolate_factors', config: {}, inputs }, new Map([['y.sf2', y]]));
    expect(await run('ops', { ...made, tensors: new Map([...made.tensors, ['input.x', x]]) })).toMatchObject({
      status: 'pass',
    });
  });

  it('AdamW with clipping and a cosine, by the rule in double precision', async () => {
    const [a, c, steps] = [[2, 0.5], [0.25, -1], 7];
    const optimizer = { type: 'AdamW', lr: 0.1, betas: [0.8, 0.95], eps: 1e-6, weight_decay: 0.02 };
    const schedule = { type: 'CosineAnnealingLR', T_max: 5, eta_min: 0.01 };
    const config = { loss: 'sum(a * (p - c)^2)', a, c, steps, optimizer, schedule, clip_grad_norm: 0.3 };
    const state = [{ name: 'p', shape: [2], role: 'param', filled: true }];
    const head = { name: 'opt_unseen', config, state, parameters: 2 };
    const bare = loadCase(JSON.stringify(unseen(head, new Map()).json), { weights: writeSafetensors([]) });
    if (bare.kind === 'plain') throw new Error('a case of tensors became plain');
    const p = Array.from(stateTensors(bare).get('p')!.data, Number);
    const rows = adamW(p, { a, c, steps });
    const outputs = new Map([
      [
        'p',
        float32(
          [steps, 2],
          rows.flatMap((r) => r.p),
        ),
      ],
      [
        'lr',
        float32(
          [steps],
          rows.map((r) => r.lr),
        ),
      ],
      [
        'loss',
        float32(
          [steps],
          rows.map((r) => r.loss),
        ),
      ],
      [
        'grad_norm',
        float32(
          [steps],
          rows.map((r) => r.norm),
        ),
      ],
    ]);
    expect(await run('training', unseen(head, outputs))).toMatchObject({ status: 'pass', why: '' });
  });
});

/** The rule of `config` above, written out. */
function adamW(
  p: number[],
  { a, c, steps }: { a: number[]; c: number[]; steps: number },
): { p: number[]; lr: number; loss: number; norm: number }[] {
  const [m, v] = [
    [0, 0],
    [0, 0],
  ];
  return Array.from({ length: steps }, (_, i) => {
    const lr = 0.01 + 0.5 * 0.09 * (1 + Math.cos((Math.PI * i) / 5));
    const loss = p.reduce((sum, x, k) => sum + a[k]! * (x - c[k]!) ** 2, 0);
    const g = p.map((x, k) => 2 * a[k]! * (x - c[k]!));
    const norm = Math.hypot(...g);
    for (const [k, raw] of g.entries()) {
      const clipped = raw * Math.min(1, 0.3 / (norm + 1e-6));
      m[k] = 0.8 * m[k]! + 0.2 * clipped;
      v[k] = 0.95 * v[k]! + 0.05 * clipped * clipped;
      const root = Math.sqrt(v[k]!) / Math.sqrt(1 - 0.95 ** (i + 1)) + 1e-6;
      p[k] = p[k]! * (1 - lr * 0.02) - ((lr / (1 - 0.8 ** (i + 1))) * m[k]!) / root;
    }
    return { p: [...p], lr, loss, norm };
  });
}
