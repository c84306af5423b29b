import { Fault } from '../../core/fault.ts';
import { showDims } from '../../graph/dimension.ts';
import type { Value } from '../../graph/value.ts';
import type { Scope } from '../scope.ts';
import type { AnyBlockSpec, BlockSpec } from './block.ts';
import { blockOf } from './table.ts';

/** Any block and its options, as plain JSON: one value serves code, command line and checkpoint. */
export type ContextSpec = BlockSpec | AnyBlockSpec;

/** Letters of one, two and three axes of positions. */
const SPACES = { 1: 'L', 2: 'H, W', 3: 'T, H, W' } as const;

/** Puts the block that `spec` says on a feature map. x [N, C, ..] → [N, C', ..], the same shape unless it strides. */
export function contextBlock(s: Scope, x: Value, spec: ContextSpec): Value {
  const block = blockOf(spec.kind, s.path || 'block');
  if (!(block.axes as readonly number[]).includes(x.shape.length - 2)) {
    const shapes = block.axes.map((n) => `[N, C, ${SPACES[n]}]`).join(' or ');
    throw new Fault('shape', `${s.path || block.kind}: ${block.title} expects ${shapes}, got ${showDims(x.shape)}.`);
  }
  return block.build(s, x, spec);
}
