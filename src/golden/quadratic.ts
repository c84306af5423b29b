import * as z from 'zod';
import { float32, floats, type Tensor, tensor, toNumbers } from '../core/tensor.ts';
import * as op from '../graph/ops/index.ts';
import { constant, scalar } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { ZEROS } from '../model/init.ts';
import { type Network, type Scope, type Traced, traceNetwork } from '../model/scope.ts';
import { emaDecay, emaUpdate } from '../train/ema.ts';
import { createStepper } from '../train/step.ts';
import { type Attempt, computed, type GoldenEnvironment, notSupported, sessionOptions } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import { type Recipe, readRecipe, stepOptions } from './recipe.ts';
import { checkedState } from './state.ts';

z.config({ jitless: true }); // asks for no `eval`

const vector = z.array(z.number()).min(1);
const schema = z.object({ loss: z.string(), a: vector, c: vector });

/**
 * Optimizer cases (`opt_*`, `sched_*`, `ema`): our update rules, schedules and averages on one parameter.
 *
 *     loss = f Σ a (p − c)²
 *
 * Outputs `p` [steps, n] after each step, `loss` and `lr` [steps], `grad_norm` [steps] before clipping, `emaI` [steps, n].
 */
export async function runQuadratic(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const { loss, a, c: centre } = readConfig(c, schema);
  const factor = /^(?:([\d.e+-]+)\*)?sum\(a\*\(p-c\)(?:\^|\*\*)2\)$/.exec(loss.replaceAll(/\s/g, ''));
  if (!factor) return notSupported(`the loss "${loss}"`);
  const network: Network = (s) => ({ loss: quadratic(s, { a, centre, factor: Number(factor[1] ?? 1) }) });
  const traced = traceNetwork(network, { inputs: {}, mode: 'training' });
  return computed(await train(traced, checkedState(c, traced.state), readRecipe(c), env));
}

interface Quadratic {
  readonly a: readonly number[];
  readonly centre: readonly number[];
  readonly factor: number;
}

function quadratic(s: Scope, { a, centre, factor }: Quadratic): Value {
  const p = s.param('p', [a.length], ZEROS);
  const off = op.sub(p, constant(float32([centre.length], centre)));
  const terms = op.mul(constant(float32([a.length], a)), op.mul(off, off));
  return op.mul(scalar(factor), op.reduceSum(terms, undefined, false));
}

async function train(
  traced: Traced,
  state: Map<string, Tensor>,
  recipe: Recipe,
  env: GoldenEnvironment,
): Promise<Map<string, Tensor>> {
  const averages = recipe.averages.map((config) => ({ config, value: copyOf(state.get('p')!) }));
  const stepper = await createStepper(env.runtime, traced, stepOptions(recipe), { state }, sessionOptions(env));
  const log = new Log();
  try {
    for (let i = 0; i < recipe.steps; i++) {
      const rate = recipe.rate(i);
      const results = await stepper.run({}, rate);
      log.add('lr', [rate]);
      log.add('loss', toNumbers(results.loss!));
      if (results.gradientNorm) log.add('grad_norm', toNumbers(results.gradientNorm));
      const p = stepper.state.get('p')!;
      log.add('p', toNumbers(p));
      averages.forEach(({ config, value }, k) => {
        emaUpdate(value, p, emaDecay(config, i + 1));
        log.add(`ema${k}`, toNumbers(value));
      });
    }
  } finally {
    await stepper.release();
  }
  return log.tensors();
}

function copyOf(t: Tensor): Tensor {
  return float32(t.shape, floats(t).slice());
}

/** Rows of numbers by name, one row a step. */
class Log {
  readonly #rows = new Map<string, ArrayLike<number>[]>();

  add(name: string, row: ArrayLike<number>): void {
    const rows = this.#rows.get(name);
    if (rows) rows.push(row);
    else this.#rows.set(name, [row]);
  }

  /** [steps] where a row holds one number of its own, else [steps, n]. */
  tensors(): Map<string, Tensor> {
    return new Map(
      [...this.#rows].map(([name, rows]) => {
        const vectors = name === 'p' || name.startsWith('ema');
        const shape = vectors ? [rows.length, rows[0]!.length] : [rows.length];
        return [name, tensor('float64', shape, Float64Array.from(rows.flatMap((r) => Array.from(r))))] as const;
      }),
    );
  }
}
