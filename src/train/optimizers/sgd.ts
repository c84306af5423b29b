import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Optimizer, SgdConfig } from './optimizer.ts';

/**
 * Stochastic gradient descent with momentum.
 *
 *     g ← g + λ p
 *     v ← μ v + (1 − dampening) g        (v ← g in the first step)
 *     p ← p − η v, or p − η (g + μ v) with Nesterov's momentum
 *
 * Source: torch.optim.SGD. Departures: nowhere.
 */
export function sgd(config: SgdConfig): Optimizer {
  const { momentum = 0, dampening = 0, nesterov = false } = config;
  if (nesterov && (momentum <= 0 || dampening !== 0)) {
    const got = `momentum ${momentum} and dampening ${dampening}`;
    throw new Fault('config', `optimizer: Nesterov's momentum needs a momentum above 0 and dampening 0, got ${got}.`);
  }
  return {
    slots: momentum === 0 ? [] : ['momentum_buffer'],
    scalars: (step, learningRate) => ({
      learningRate,
      ...(dampening !== 0 && { share: step === 1 ? 1 : 1 - dampening }),
    }),
    update: ({ parameter, gradient, slots, scalars, decay, rate }) => {
      const g = decay === 0 ? gradient : op.add(gradient, op.mul(parameter, scalar(decay)));
      const lr = rate === 1 ? scalars['learningRate']! : op.mul(scalars['learningRate']!, scalar(rate));
      if (momentum === 0) return { parameter: op.sub(parameter, op.mul(g, lr)), slots: {} };
      const added = dampening === 0 ? g : op.mul(g, scalars['share']!);
      const v = op.add(op.mul(slots['momentum_buffer']!, scalar(momentum)), added);
      const direction = nesterov ? op.add(g, op.mul(v, scalar(momentum))) : v;
      return { parameter: op.sub(parameter, op.mul(direction, lr)), slots: { momentum_buffer: v } };
    },
  };
}
