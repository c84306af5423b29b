import { Fault } from '../../core/fault.ts';
import { subDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { type ContextSpec, contextBlock } from '../blocks/context.ts';
import { blockOf } from '../blocks/table.ts';
import { averagePool } from '../layers/pool.ts';
import type { Scope } from '../scope.ts';

/**
 * How a block with an operator strides: `own`, the operator itself does; `average-before`, a 3 x 3 average pool in front
 * of it, its zeros of padding counted (CoTNet); `average-after`, the same pool behind it (ResNeSt); `blur-after`,
 * a 3 x 3 binomial filter behind it, the map's border mirrored (Zhang, "Making Convolutional Networks Shift-Invariant
 * Again", ICML 2019, arXiv:1904.11486).
 */
export type OperatorStride = 'own' | 'average-before' | 'average-after' | 'blur-after';

/** An operator in the place of the second 3 x 3 convolution, child `conv2`, in some blocks of some stages. */
export interface OperatorPlacement {
  /** Any block of ours that keeps the map's shape. */
  readonly operator: ContextSpec;
  /** Stages, counted from 1; all where absent. */
  readonly stages?: readonly number[];
  /** Blocks of those stages, counted from 0, or from the end by negative numbers (-1 is the last); all where absent. */
  readonly blocks?: readonly number[];
  /** Whether a bottleneck's `bn2` and ReLU follow it; false where absent. A basic block keeps its `bn2`. */
  readonly norm?: boolean;
  /** `own` where absent if the operator can stride, `average-before` otherwise. */
  readonly stride?: OperatorStride;
}

/** A network whose blocks may have operators instead of convolutions. */
export interface OperatorHost {
  /** Blocks in each stage. */
  readonly layers: readonly number[];
  readonly operators: readonly OperatorPlacement[];
}

/** The operator of block `block` (from 0) of stage `stage` (from 1): the first placement that fits counts. */
export function operatorAt(config: OperatorHost, stage: number, block: number): OperatorPlacement | undefined {
  const count = config.layers[stage - 1]!;
  return config.operators.find(
    ({ stages, blocks }) =>
      (!stages || stages.includes(stage)) && (!blocks || blocks.some((b) => (b < 0 ? b + count : b) === block)),
  );
}

/** A fault if a placement names a stage or a block that the network does not have. */
export function checkOperators({ layers, operators }: OperatorHost): void {
  operators.forEach(({ operator, stages = layers.map((_, k) => k + 1), blocks = [] }, i) => {
    const where = `operators[${i}]`;
    if ('stride' in operator && operator.stride !== 1) {
      const got = `stride ${JSON.stringify(operator.stride)}`;
      const advice = 'Leave it out: the network says which blocks stride.';
      throw new Fault('config', `${where}.operator: expected an operator without a stride, got ${got}. ${advice}`);
    }
    for (const stage of stages) {
      const count = layers[stage - 1];
      if (count === undefined) {
        throw new Fault('config', `${where}: expected stages from 1 to ${layers.length}, got ${stage}.`);
      }
      const wrong = blocks.find((b) => b < -count || b >= count);
      if (wrong !== undefined) {
        const range = `blocks of stage ${stage} from ${-count} to ${count - 1}`;
        throw new Fault('config', `${where}: expected ${range}, got ${wrong}.`);
      }
    }
  });
}

/** The operator of a block, with the block's stride. x [N, C, H, W] → [N, C, H', W'], H' = ⌊(H − 1) / stride⌋ + 1. */
export function operate(s: Scope, x: Value, placement: OperatorPlacement, stride: number): Value {
  const { operator } = placement;
  const block = blockOf(operator.kind, s.path);
  const how = placement.stride ?? (block.strides ? 'own' : 'average-before');
  if (how === 'own' && !block.strides) {
    const others = '"average-before", "average-after" or "blur-after"';
    throw new Fault('config', `${s.path}: expected a stride that ${block.title} can have, got "own". Use ${others}.`);
  }
  if (stride === 1) return contextBlock(s, x, operator);
  switch (how) {
    case 'own':
      return contextBlock(s, x, strided(operator, stride));
    case 'average-before':
      return contextBlock(s, pooled(s, x, stride), operator);
    case 'average-after':
      return pooled(s, contextBlock(s, x, operator), stride);
    case 'blur-after':
      return blurred(s, contextBlock(s, x, operator), stride);
    default:
      return how satisfies never;
  }
}

/** An operator with a stride of its own. */
export function strided(operator: ContextSpec, stride: number): ContextSpec {
  return Object.assign({}, operator, { stride });
}

function pooled(s: Scope, x: Value, stride: number): Value {
  return s.within(() => averagePool(x, { kernel: 3, stride, padding: 1, countPadding: true }));
}

/** (1 2 1) / 4 along both axes, the border mirrored without repeating its pixels, every `stride`-th result kept. */
function blurred(s: Scope, x: Value, stride: number): Value {
  return s.within(() => {
    const mirrored = mirror(s, mirror(s, x, 2), 3); // [N, C, H + 2, W + 2]
    // Two windows of two: (1 1) / 2 after (1 1) / 2 is (1 2 1) / 4.
    return averagePool(averagePool(mirrored, { kernel: 2, stride: 1 }), { kernel: 2, stride });
  });
}

function mirror(s: Scope, x: Value, axis: number): Value {
  const size = x.shape[axis]!;
  if (typeof size === 'number' && size < 2) {
    throw new Fault('shape', `${s.path}: expected a map of at least 2 x 2 to blur, got ${size} along axis ${axis}.`);
  }
  const second = op.slice(x, { axes: [axis], starts: [1], ends: [2] });
  const beforeLast = op.slice(x, { axes: [axis], starts: [subDim(size, 2)], ends: [subDim(size, 1)] });
  return op.concat([second, x, beforeLast], axis);
}
