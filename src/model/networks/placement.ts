import { Fault } from '../../core/fault.ts';
import { sameDims, showDims } from '../../graph/dimension.ts';
import type { Value } from '../../graph/value.ts';
import { type ContextSpec, contextBlock } from '../blocks/context.ts';
import { blockOf } from '../blocks/table.ts';
import type { Scope } from '../scope.ts';

/** Where in a residual network a context block may stand. */
export type ContextPosition =
  /** After that convolution of the block, its norm and its ReLU; after the last one before the addition, without ReLU. */
  | 'after-conv1'
  | 'after-conv2'
  | 'after-conv3'
  /** Between the residual addition and the last ReLU. */
  | 'after-add'
  /** After the block's last ReLU. */
  | 'after-block'
  /** After the last block of the stage, once. */
  | 'after-stage';

/** A context block in some blocks of some stages. */
export interface ContextPlacement {
  readonly context: ContextSpec;
  readonly position: ContextPosition;
  /** Stages, counted from 1; all where absent. */
  readonly stages?: readonly number[];
  /** Blocks of those stages, counted from 0, or from the end by negative numbers (-1 is the last); all where absent. */
  readonly blocks?: readonly number[];
  /** The child that holds it; by the block's reference where absent (`context_block`, `non_local_block`, `se`, `gc`). */
  readonly name?: string;
}

/** A network whose stages of blocks may hold context blocks. */
export interface ContextHost {
  /** Blocks in each stage. */
  readonly layers: readonly number[];
  readonly context: readonly ContextPlacement[];
  /** Convolutions of a block. */
  readonly convolutions: 2 | 3;
}

/** Puts the context blocks of one place on a feature map, in order. */
export type PlaceContext = (s: Scope, x: Value, position: ContextPosition) => Value;

/** The context blocks of block `block` (from 0) of stage `stage` (from 1). */
export function contextAt(config: Omit<ContextHost, 'convolutions'>, stage: number, block: number): PlaceContext {
  const count = config.layers[stage - 1]!;
  const here = config.context.filter(({ stages, blocks, position }) => {
    if (stages && !stages.includes(stage)) return false;
    return position === 'after-stage' || !blocks || blocks.some((b) => (b < 0 ? b + count : b) === block);
  });
  return (s, x, position) => here.filter((p) => p.position === position).reduce((y, p) => put(s, y, p), x);
}

function put(s: Scope, x: Value, placement: ContextPlacement): Value {
  return s.module(childName(placement), (child) => {
    const y = contextBlock(child, x, placement.context);
    if (sameDims(y.shape, x.shape)) return y;
    const got = `"${placement.context.kind}" that makes ${showDims(y.shape)} of it`;
    const advice = 'Leave its stride out, or give it as an operator.';
    throw new Fault('config', `${child.path}: expected a block that keeps ${showDims(x.shape)}, got ${got}. ${advice}`);
  });
}

function childName({ name, position, context }: ContextPlacement): string {
  return name ?? blockOf(context.kind, 'context').child[position === 'after-stage' ? 'stage' : 'block'];
}

/** A fault if a placement names what the network does not have, or two would share a name at one place. */
export function checkContext(config: ContextHost): void {
  const taken = new Map<string, number>();
  config.context.forEach((placement, i) => {
    const where = `context[${i}]`;
    const { position, stages = config.layers.map((_, k) => k + 1), blocks } = placement;
    if (position === 'after-conv3' && config.convolutions === 2) {
      throw new Fault(
        'config',
        `${where}: expected a position in a block of two convolutions, got "after-conv3". Use "after-conv2".`,
      );
    }
    if (position === 'after-stage' && blocks) {
      throw new Fault(
        'config',
        `${where}: expected no blocks with position "after-stage", got [${blocks.join(', ')}].`,
      );
    }
    for (const stage of stages) {
      const count = config.layers[stage - 1];
      if (count === undefined) {
        throw new Fault('config', `${where}: expected stages from 1 to ${config.layers.length}, got ${stage}.`);
      }
      for (const place of placesOf(placement, stage, { count, where })) {
        const before = taken.get(place);
        if (before !== undefined) {
          const message = `${where}: "${place}" is taken by context[${before}] already. Give one of them a name.`;
          throw new Fault('config', message);
        }
        taken.set(place, i);
      }
    }
  });
}

/** Paths of the children that a placement makes in one stage of `count` blocks. */
function placesOf(p: ContextPlacement, stage: number, { count, where }: { count: number; where: string }): string[] {
  if (p.position === 'after-stage') return [`stage ${stage}: ${childName(p)}`];
  const blocks = p.blocks ?? Array.from({ length: count }, (_, b) => b);
  return blocks.map((b) => {
    const block = b < 0 ? b + count : b;
    if (block >= 0 && block < count) return `stage ${stage}, block ${block}: ${childName(p)}`;
    throw new Fault('config', `${where}: expected blocks of stage ${stage} from ${-count} to ${count - 1}, got ${b}.`);
  });
}
