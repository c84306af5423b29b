import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import type { Init } from '../init.ts';
import type { Scope } from '../scope.ts';
import { convNd } from './conv.ts';
import { linear } from './linear.ts';

/** Options of {@link mlp} and {@link convMlp}. */
export interface MlpConfig {
  readonly hidden: number;
  /** First values of a weight with that fan in and out, and of the biases; PyTorch's own where absent. */
  readonly init?: (fanIn: number, fanOut: number) => Init;
  readonly biasInit?: Init;
}

/** W₂ GELU(W₁ x + b₁) + b₂ on the last axis, GELU by the error function. x [.., C] → the same. State: `fc1`, `fc2`. */
export function mlp(s: Scope, x: Value, config: MlpConfig): Value {
  const c = x.shape[x.shape.length - 1] as number;
  const { hidden } = config;
  const a = linear(s.at('fc1'), x, { features: hidden, ...first(config, c, hidden) });
  return linear(
    s.at('fc2'),
    s.within(() => op.gelu(a)),
    { features: c, ...first(config, hidden, c) },
  );
}

/** {@link mlp} on the channels of a map, in convolutions of 1. x [N, C, ..] → the same. State: `fc1`, `fc2`. */
export function convMlp(s: Scope, x: Value, config: MlpConfig): Value {
  const c = x.shape[1] as number;
  const common = { kernel: 1, bias: true, init: { kind: 'fan-in-uniform' } } as const;
  const { hidden } = config;
  const a = convNd(s.at('fc1'), x, { ...common, channels: hidden, ...first(config, c, hidden) });
  return convNd(
    s.at('fc2'),
    s.within(() => op.gelu(a)),
    { ...common, channels: c, ...first(config, hidden, c) },
  );
}

function first(
  { init, biasInit }: MlpConfig,
  fanIn: number,
  fanOut: number,
): { readonly init?: Init; readonly biasInit?: Init } {
  return { ...(init && { init: init(fanIn, fanOut) }), ...(biasInit && { biasInit }) };
}
