import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import type { Init } from '../init.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link linear}. */
export interface LinearConfig {
  /** Output features. */
  readonly features: number;
  /** Whether there is a bias; true where absent. */
  readonly bias?: boolean;
  readonly init?: Init;
  readonly biasInit?: Init;
}

/** y = x Wᵀ + b on the last axis. x [.., C] → [.., features]. State: `weight` [features, C], `bias`. */
export function linear(s: Scope, x: Value, config: LinearConfig): Value {
  const c = x.shape[x.shape.length - 1] as number;
  return s.within(() => {
    const w = s.param('weight', [config.features, c], config.init ?? { kind: 'fan-in-uniform' });
    if (config.bias === false) return op.matMul(x, w, { transB: true });
    const b = s.param('bias', [config.features], config.biasInit ?? { kind: 'fan-in-uniform', fanIn: c });
    return x.shape.length === 2 ? op.gemm(x, w, b) : op.add(op.matMul(x, w, { transB: true }), b);
  });
}
