import { Fault } from '../../core/fault.ts';
import type { Value } from '../../graph/value.ts';
import type { Scope } from '../scope.ts';
import { type GlobalContextConfig, globalContext } from './global-context.ts';
import { type NonLocalConfig, nonLocal } from './non-local.ts';
import { type SimplifiedNonLocalConfig, simplifiedNonLocal } from './simplified-non-local.ts';
import { type SqueezeExcitationConfig, squeezeExcitation } from './squeeze-excitation.ts';

/** A context block and its options, as plain JSON: one value serves code, command line and checkpoint. */
export type ContextSpec = NonLocalConfig | SimplifiedNonLocalConfig | SqueezeExcitationConfig | GlobalContextConfig;

/** Puts the block that `spec` says on a feature map. x [N, C, ..] → the same shape. */
export function contextBlock(s: Scope, x: Value, spec: ContextSpec): Value {
  switch (spec.kind) {
    case 'non-local':
      return nonLocal(s, x, spec);
    case 'simplified-non-local':
      return simplifiedNonLocal(s, x, spec);
    case 'squeeze-excitation':
      return squeezeExcitation(s, x, spec);
    case 'global-context':
      return globalContext(s, x, spec);
    default:
      throw new Fault('config', `${s.path}: unknown context block ${JSON.stringify(spec satisfies never)}.`);
  }
}
