import * as z from 'zod';
import { int64, type Tensor, tensor, toNumbers } from '../core/tensor.ts';
import { crossEntropy } from '../model/losses/classification.ts';
import { type Network, traceNetwork } from '../model/scope.ts';
import { lowerTraced } from '../train/network.ts';
import { createStepper, type Stepper } from '../train/step.ts';
import { type Attempt, computed, type GoldenEnvironment, notSupported, runGraph, sessionOptions } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import { modeOf, networkInputs } from './forward.ts';
import { networkOf } from './networks.ts';
import { type Recipe, readRecipe, stepOptions } from './recipe.ts';
import { checkedState } from './state.ts';

z.config({ jitless: true }); // asks for no `eval`

const schema = z.object({
  labels: z.array(z.number().int().nonnegative()),
  loss: z.string(),
  optimizer: z.object({ decay_applies_to: z.string().default('all parameters') }),
});

/**
 * Training cases of a network: optimizer steps on one batch, then inference.
 *
 * Outputs `losses`, `lr`, with clipping `grad_norm` [steps] before each update; of the first step `logits.step1`, `grad.P`, `grad_l2.step1`,
 * `after1.BUFFER`; of the end `param_l2.after` and `logits.eval`.
 */
export async function runTraining(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const { labels, loss, optimizer } = readConfig(c, schema);
  if (!loss.startsWith('cross entropy, mean')) return notSupported(`the loss "${loss}"`);
  const scope = optimizer.decay_applies_to;
  if (scope !== 'all parameters') return notSupported(`weight decay that applies to ${scope}`);
  const network = networkOf(c, []);
  if (typeof network !== 'function') return network;
  const { x } = networkInputs(c);
  const trained: Network = (s, { x: images, labels: classes }) => {
    const logits = network(s, { x: images! }).logits!;
    return { logits, loss: crossEntropy(logits, classes!) };
  };
  const inputs = { x: { shape: x.shape }, labels: { shape: [labels.length], dtype: 'int64' as const } };
  const traced = lowerTraced(traceNetwork(trained, { inputs, mode: modeOf(c) }), {
    provider: env.provider,
    training: true,
  });
  const state = checkedState(c, traced.state);
  const recipe = readRecipe(c);
  const options = { ...stepOptions(recipe), outputs: true, watch: () => true };
  const stepper = await createStepper(env.runtime, traced, options, { state }, sessionOptions(env));
  let out: Map<string, Tensor>;
  try {
    const batch = { x, labels: int64([labels.length], labels) };
    out = await train(c, stepper, { recipe, batch, progress: env.progress ?? (() => {}) });
  } finally {
    await stepper.release();
  }
  const judged = lowerTraced(traceNetwork(network, { inputs: { x: { shape: x.shape } }, mode: 'inference' }), {
    provider: env.provider,
    training: false,
  });
  const constants = new Map([...stepper.state].filter(([name]) => judged.parameters.has(name)));
  const end = await runGraph(env, judged.outputs, { x }, constants);
  return computed(out.set('logits.eval', end.get('logits')!));
}

interface Course {
  readonly recipe: Recipe;
  readonly batch: Readonly<Record<'x' | 'labels', Tensor>>;
  readonly progress: (doing: string) => void;
}

async function train(
  c: ArrayCase,
  stepper: Stepper,
  { recipe, batch, progress }: Course,
): Promise<Map<string, Tensor>> {
  const out = new Map<string, Tensor>();
  const losses: number[] = [];
  const rates: number[] = [];
  const gradientNorms: number[] = [];
  for (let i = 0; i < recipe.steps; i++) {
    progress(`step ${i + 1} of ${recipe.steps}`);
    rates.push(recipe.rate(i));
    const results = await stepper.run(batch, recipe.rate(i));
    losses.push(toNumbers(results.loss!)[0]!);
    if (results.gradientNorm) gradientNorms.push(toNumbers(results.gradientNorm)[0]!);
    if (i === 0) firstStep(c, results, stepper, out);
  }
  out.set('losses', numbers(losses));
  out.set('lr', numbers(rates));
  out.set('grad_norm', numbers(gradientNorms));
  out.set(
    'param_l2.after',
    norms(c, (name) => stepper.state.get(name)),
  );
  return out;
}

/** What is told of the first step; later steps write to the same buffers, so they are copied. */
function firstStep(
  c: ArrayCase,
  results: Readonly<Record<string, Tensor>>,
  stepper: Stepper,
  out: Map<string, Tensor>,
): void {
  out.set('logits.step1', results.logits!);
  out.set(
    'grad_l2.step1',
    norms(c, (name) => results[`grad/${name}`]),
  );
  for (const name of c.outputs.keys()) {
    const [kind, path] = [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)];
    const gradient = kind === 'grad' ? results[`grad/${path}`] : undefined;
    const kept = kind === 'after1' ? stepper.state.get(path) : undefined;
    if (gradient) out.set(name, gradient);
    if (kept) out.set(name, { ...kept, data: kept.data.slice() });
  }
}

/** The l2 norm of each tensor that `param_order` names; one that is missing counts as zero. */
function norms(c: ArrayCase, find: (name: string) => Tensor | undefined): Tensor {
  return numbers(
    c.rules.paramOrder.map((name) => {
      const t = find(name);
      return t ? Math.sqrt(toNumbers(t).reduce((sum, v) => sum + v * v, 0)) : 0;
    }),
  );
}

function numbers(values: readonly number[]): Tensor {
  return tensor('float64', [values.length], Float64Array.from(values));
}
