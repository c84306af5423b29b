import type { ContextSpec } from '../model/blocks/context.ts';
import { allBlocks, blockOf } from '../model/blocks/table.ts';
import type { ContextPlacement, ContextPosition } from '../model/networks/placement.ts';

/** Shapes by name, in the network's own names. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What must be known of a residual network to place context blocks. */
export interface Stages {
  readonly block: 'basic' | 'bottleneck';
  readonly layers: readonly number[];
}

/** A context block that was found at `layerS.B.CHILD`. */
interface Found {
  readonly stage: number;
  readonly block: number;
  readonly child: string;
  readonly context: ContextSpec;
  readonly position: ContextPosition;
}

/** The context blocks that a file's tensors speak of, as options that make those tensors; where shapes leave a choice, the default. */
export function contextsOf(shapes: Shapes, network: Stages): readonly ContextPlacement[] {
  const groups = new Map<string, Found[]>();
  for (const found of blocksOf(shapes, network)) {
    const { child, context, position } = found;
    const key = JSON.stringify([child, context, position]);
    groups.set(key, [...(groups.get(key) ?? []), found]);
  }
  return [...groups.values()].flatMap((group) => placementsOf(group, network));
}

function blocksOf(shapes: Shapes, network: Stages): Found[] {
  const places = new Map<string, { readonly stage: number; readonly block: number; readonly child: string }>();
  for (const name of shapes.keys()) {
    const [, stage, block, child = ''] = /^layer(\d+)\.(\d+)\.([a-z]\w*)\./.exec(name) ?? [];
    if (!stage || /^(conv|bn)\d$|^downsample$/.test(child)) continue;
    places.set(`layer${stage}.${block}.${child}`, { stage: Number(stage), block: Number(block), child });
  }
  return [...places].flatMap(([path, place]) => {
    const context = contextOf(shapes, path);
    if (!context) return [];
    return [{ ...place, context, position: positionOf(context, network, inside(shapes, path, place)) }];
  });
}

/** Whether a context block reads another number of channels than the residual block gives: it stands inside of it. */
function inside(shapes: Shapes, path: string, place: Pick<Found, 'stage' | 'block'>): boolean {
  const names = ['channel_add_conv.0', 'channel_mul_conv.0', 'mlp_add.fc1', 'mlp_scale.fc1', 'fc1'];
  const first = names.map((name) => shapes.get(`${path}.${name}.weight`)).find((shape) => shape);
  return first !== undefined && first[1] !== outputOf(shapes, place);
}

/** Channels that a residual block gives. */
function outputOf(shapes: Shapes, { stage, block }: Pick<Found, 'stage' | 'block'>): number | undefined {
  const at = `layer${stage}.${block}`;
  return (shapes.get(`${at}.conv3.weight`) ?? shapes.get(`${at}.conv2.weight`))?.[0];
}

function positionOf({ kind }: ContextSpec, network: Stages, isInside: boolean): ContextPosition {
  if (kind === 'non-local') return 'after-block';
  return network.block === 'basic' || isInside ? 'after-conv2' : 'after-conv3';
}

/** The options of the context block at `path`, by whichever record knows its tensors; null for anything else. */
function contextOf(shapes: Shapes, path: string): ContextSpec | null {
  const get = (name: string): readonly number[] | undefined => shapes.get(`${path}.${name}`);
  for (const { recognise } of allBlocks()) {
    const spec = recognise?.(get);
    if (spec) return spec;
  }
  return null;
}

/** Blocks of one kind as few placements: stages of which the same blocks have it go together. */
function placementsOf(group: readonly Found[], { layers }: Stages): ContextPlacement[] {
  const { child, context, position } = group[0]!;
  const byBlocks = new Map<string, { blocks: readonly number[] | null; stages: number[] }>();
  for (const stage of [...new Set(group.map((f) => f.stage))].sort((a, b) => a - b)) {
    const blocks = group.filter((f) => f.stage === stage).map((f) => f.block);
    blocks.sort((a, b) => a - b);
    const all = blocks.length === layers[stage - 1];
    const entry = byBlocks.get(all ? 'all' : blocks.join()) ?? { blocks: all ? null : blocks, stages: [] };
    entry.stages.push(stage);
    byBlocks.set(all ? 'all' : blocks.join(), entry);
  }
  return [...byBlocks.values()].map(({ blocks, stages }) => ({
    context,
    position,
    ...(stages.length < layers.length && { stages }),
    ...(blocks && { blocks }),
    ...(child !== blockOf(context.kind, 'context').child.block && { name: child }),
  }));
}

/** Context blocks in words: `global context with ratio 1/16 in stages 2, 3, 4`. */
export function describeContexts(contexts: readonly ContextPlacement[]): string {
  if (contexts.length === 0) return 'no context blocks';
  return contexts
    .map(({ context: { kind, ...options }, stages, blocks }) => {
      const said = Object.entries(options).map(([key, value]) => `${key} ${showOption(value)}`);
      const where = [
        ...(blocks ? [`block${blocks.length > 1 ? 's' : ''} ${blocks.join(', ')}`] : []),
        ...(stages ? [`stage${stages.length > 1 ? 's' : ''} ${stages.join(', ')}`] : ['every stage']),
      ];
      return `${blockOf(kind, 'context').title}${said.length > 0 ? ` with ${said.join(', ')}` : ''} in ${where.join(' of ')}`;
    })
    .join(' and ');
}

function showOption(value: unknown): string {
  if (typeof value === 'number' && value < 1 && Number.isInteger(1 / value)) return `1/${1 / value}`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
