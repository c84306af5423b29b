import * as z from 'zod';
import type { Tensor } from '../core/tensor.ts';
import { backward } from '../graph/backward.ts';
import * as op from '../graph/ops/index.ts';
import { input, scalar } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { sigmoidFocalLoss } from '../model/losses/focal.ts';
import { smoothL1 } from '../model/losses/smooth-l1.ts';
import { type Attempt, computed, type GoldenEnvironment, notSupported, runGraph, tensorInput } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';

z.config({ jitless: true }); // asks for no `eval`

type Loss = (x: Value, targets: Value | undefined) => Value;

/** `smooth_l1`: outputs `loss_B`, `dx_B` by beta with three decimals; to targets of zero where none are given. */
export async function runSmoothL1(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const { betas } = readConfig(c, z.object({ betas: z.array(z.number()) }));
  const entries = betas.map((beta): readonly [string, Loss] => [
    beta.toFixed(3),
    (x, targets) => smoothL1(x, targets ?? scalar(0), { beta }),
  ]);
  return runLosses(c, env, new Map(entries));
}

/** `sigmoid_focal_loss`: outputs `loss_V`, `dx_V`, `sum_V`, `mean_V` by variant [alpha, gamma]; alpha below 0 is none. */
export async function runFocalLoss(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const { variants } = readConfig(c, z.object({ variants: z.record(z.string(), z.tuple([z.number(), z.number()])) }));
  const entries = Object.entries(variants).map(([name, [alpha, gamma]]): readonly [string, Loss] => [
    name,
    (x, targets) => sigmoidFocalLoss(x, targets!, { gamma, ...(alpha >= 0 && { alpha }) }),
  ]);
  tensorInput(c, 'targets');
  return runLosses(c, env, new Map(entries));
}

/**
 * Losses of an input `x`, times the factor that `config.x` says. `loss_V` is the sum where the case expects one
 * number; `dx_V` is the gradient of Σ loss dy by what the factor gave, or of Σ loss where the case has no `dy`.
 */
async function runLosses(c: ArrayCase, env: GoldenEnvironment, losses: ReadonlyMap<string, Loss>): Promise<Attempt> {
  const words = z.object({ x: z.string().optional() });
  const scaled = /^(?:([\d.e+-]+) *\* *)?input (\w+)$/.exec(readConfig(c, words).x ?? 'input x');
  if (!scaled) return notSupported(`the input "${String(c.config.x)}"`);
  const feeds: Record<string, Tensor> = {};
  const feed = (name: string): Value => {
    const t = tensorInput(c, name);
    feeds[name] = t;
    return input(name, t.dtype, t.shape);
  };
  const x = op.mul(feed(scaled[2]!), scalar(Number(scaled[1] ?? 1)));
  const targets = c.inputs.has('targets') ? feed('targets') : undefined;
  const dy = c.inputs.has('dy') ? feed('dy') : undefined;
  const outputs = new Map<string, Value>();
  for (const [variant, build] of losses) {
    const loss = build(x, targets);
    const sum = op.reduceSum(loss, undefined, false);
    const single = c.outputs.get(`loss_${variant}`)?.shape.every((d) => d === 1);
    outputs.set(`loss_${variant}`, single ? sum : loss);
    outputs.set(`sum_${variant}`, sum);
    outputs.set(`mean_${variant}`, op.reduceMean(loss, undefined, false));
    const weighted = dy ? op.reduceSum(op.mul(loss, dy), undefined, false) : sum;
    outputs.set(`dx_${variant}`, backward(weighted, [x]).get(x)!);
  }
  for (const name of outputs.keys()) if (!c.outputs.has(name)) outputs.delete(name);
  return computed(await runGraph(env, outputs, feeds));
}
