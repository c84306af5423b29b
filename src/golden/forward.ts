import { Fault } from '../core/fault.ts';
import { int64, type Tensor, type TensorMap, tensor, toNumbers, zeros } from '../core/tensor.ts';
import { backward } from '../graph/backward.ts';
import { knownShape } from '../graph/dimension.ts';
import * as op from '../graph/ops/index.ts';
import { input } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { type Mode, type Network, type Traced, traceNetwork } from '../model/scope.ts';
import { lowerTraced } from '../train/network.ts';
import { type Attempt, computed, type GoldenEnvironment, runGraph } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { countDifferences } from './counted.ts';
import { checkedState } from './state.ts';

/** `config.mode`: batch statistics in `train`, running ones in `eval` and where absent. */
export function modeOf(c: ArrayCase): Mode {
  const { mode } = c.config;
  if (mode === 'train') return 'training';
  if (mode === undefined || mode === 'eval') return 'inference';
  throw new Fault('data', `${c.name}: config.mode: expected "eval" or "train", got ${JSON.stringify(mode)}.`);
}

/** The inputs of a network case: the one that it reads, whatever its key, and the cotangent, whose key begins `dy`. */
export interface NetworkInputs {
  readonly key: string;
  readonly x: Tensor;
  readonly dy?: Tensor;
}

/** Tells the inputs of a network case apart; a fault unless there is one to read. */
export function networkInputs(c: ArrayCase): NetworkInputs {
  const tensors = [...c.inputs].flatMap(([key, i]) => (i.from === 'file' ? [] : [[key, i.tensor] as const]));
  const [first, ...more] = tensors.filter(([key]) => !key.startsWith('dy'));
  const cotangents = tensors.filter(([key]) => key.startsWith('dy'));
  if (!first || more.length > 0 || cotangents.length > 1 || tensors.length < c.inputs.size) {
    const got = [...c.inputs.keys()].join(', ') || 'none';
    throw new Fault('data', `${c.name}: expected one input of numbers, and perhaps dy, got the inputs ${got}.`);
  }
  return { key: first[0], x: first[1], ...(cotangents[0] && { dy: cotangents[0][1] }) };
}

/**
 * Runs a block or a network once. `network` maps `x` to named outputs, of which `main` is the one that `dy` weighs.
 *
 * Outputs are those of the network and `after.BUFFER` as this run leaves it, from the graph that users run; and
 * `loss` = Σ main dy, `grad.x` (also under the input's key) and `grad.PARAMETER`, from the graph that learns.
 */
export async function runForward(
  c: ArrayCase,
  env: GoldenEnvironment,
  network: Network,
  main: 'y' | 'logits',
): Promise<Attempt> {
  const { key, x, dy } = networkInputs(c);
  const traced = traceNetwork(network, { inputs: { x: { shape: x.shape } }, mode: modeOf(c) });
  const state = checkedState(c, traced.state);
  const wanted = (name: string): boolean => c.outputs.has(name);
  const run = lowerTraced(traced, { provider: env.provider, training: false });
  const named = new Map([...run.outputs].filter(([name]) => wanted(name)));
  for (const [name, v] of run.updates) if (wanted(`after.${name}`)) named.set(`after.${name}`, v);
  const out = unchanged(traced, state);
  const constants = new Map([...state].filter(([name]) => traced.parameters.has(name)));
  for (const [name, t] of await runGraph(env, named, { x }, constants)) out.set(name, t);
  if (dy) {
    const learning = lowerTraced(traced, { provider: env.provider, training: true });
    const { outputs, zero } = gradientGraph(learning, main, { key, wanted });
    const feeds = { x, dy, ...Object.fromEntries(state) };
    for (const [name, t] of [...zero, ...(await runGraph(env, outputs, feeds))]) out.set(name, t);
    const y = out.get(LEARNED);
    if (y) out.set('loss', dot(y, dy));
  }
  return computed(out, countDifferences(c, traced));
}

/** The main output as the graph that learns computes it. */
const LEARNED = 'learned';

/** Σ a b, in double: the sum may nearly cancel. */
function dot(a: Tensor, b: Tensor): Tensor {
  const [u, v] = [toNumbers(a), toNumbers(b)];
  return tensor('float64', [1], Float64Array.of(u.reduce((sum, value, i) => sum + value * v[i]!, 0)));
}

interface Wanted {
  /** Key of the input that the network knows as `x`. */
  readonly key: string;
  readonly wanted: (name: string) => boolean;
}

interface GradientGraph {
  readonly outputs: Map<string, Value>;
  /** Gradients of what the loss does not depend on. */
  readonly zero: Map<string, Tensor>;
}

function gradientGraph(traced: Traced, main: string, { key, wanted }: Wanted): GradientGraph {
  const outputs = new Map<string, Value>();
  const zero = new Map<string, Tensor>();
  const y = traced.outputs.get(main)!;
  const loss = op.reduceSum(op.mul(y, input('dy', 'float32', y.shape)), undefined, false);
  if (wanted('loss')) outputs.set(LEARNED, y);
  const x = traced.inputs.get('x')!;
  const places = [...new Set(['x', key])].map((name) => [name, x] as const).concat([...traced.parameters]);
  const asked = places.filter(([name]) => wanted(`grad.${name}`));
  const gradients = backward(
    loss,
    asked.map(([, v]) => v),
  );
  for (const [name, v] of asked) {
    const g = gradients.get(v);
    if (g) outputs.set(`grad.${name}`, g);
    else zero.set(`grad.${name}`, zeros('float32', knownShape(v.shape, name)));
  }
  return { outputs, zero };
}

/** Buffers as a run leaves them where it does not change them; counters after the one step that training mode is. */
function unchanged(traced: Traced, state: TensorMap): Map<string, Tensor> {
  const step = traced.updates.size > 0 ? 1 : 0;
  const out = new Map<string, Tensor>();
  for (const { name, role } of traced.state) {
    const t = state.get(name)!;
    out.set(`after.${name}`, role === 'counter' ? int64(t.shape, [Number(t.data[0]) + step]) : t);
  }
  return out;
}
