import type { ContextPlacement } from '../model/networks/placement.ts';
import type { ResnetConfig } from '../model/networks/resnet-config.ts';
import { contextsOf, describeContexts, type Shapes } from './recognise-context.ts';

/** Options of a residual network that its tensors' shapes tell. */
export type ResnetTraits = Pick<
  ResnetConfig,
  'block' | 'layers' | 'width' | 'groups' | 'widthPerGroup' | 'stem' | 'shortcut' | 'inChannels' | 'classes'
> & { readonly context: readonly ContextPlacement[] };

/** What the shapes say of a residual network; null where they are not of one. */
export function resnetTraits(shapes: Shapes): ResnetTraits | null {
  const get = (name: string): readonly number[] => shapes.get(`${name}.weight`) ?? [];
  const layers = layersOf(shapes);
  const stem = stemOf(get);
  if (layers.length === 0 || !stem) return null;
  const block = get('layer1.0.conv3').length > 0 ? 'bottleneck' : 'basic';
  const [width, grouping] = block === 'bottleneck' ? bottleneckOf(get) : [get('layer1.0.conv1')[0] ?? 0, PLAIN];
  if (!Number.isInteger(width) || width < 1) return null;
  return {
    block,
    layers,
    width,
    ...grouping,
    stem: stem.deep === null ? stem.kind : stem.deep * 2 === width ? 'deep' : 'deep-tiered',
    shortcut: hasPooledShortcut(get, layers) ? 'average' : 'convolution',
    inChannels: stem.inChannels,
    classes: get('fc')[0] ?? 0,
    context: contextsOf(shapes, { block, layers }),
  };
}

type Get = (name: string) => readonly number[];
const PLAIN = { groups: 1, widthPerGroup: 64 } as const;

/** Blocks of each stage: `layer1.0`, `layer1.1`, .. as far as they go on. */
function layersOf(shapes: Shapes): readonly number[] {
  const layers: number[] = [];
  for (let stage = 1; ; stage++) {
    let blocks = 0;
    while (shapes.has(`layer${stage}.${blocks}.conv1.weight`)) blocks++;
    if (blocks === 0) return layers;
    layers.push(blocks);
  }
}

function stemOf(
  get: Get,
): { readonly kind: '7x7' | '3x3'; readonly deep: number | null; readonly inChannels: number } | null {
  const [, channels = 0, kernel] = get('conv1');
  const [deep, deepChannels = 0] = get('conv1.0');
  if (deep !== undefined) return { kind: '7x7', deep, inChannels: deepChannels };
  if (kernel !== 7 && kernel !== 3) return null;
  return { kind: kernel === 7 ? '7x7' : '3x3', deep: null, inChannels: channels };
}

/** Width of the stages, and groups of the 3 x 3 convolution [W, W / groups, 3, 3], W = ⌊width · widthPerGroup / 64⌋ · groups. */
function bottleneckOf(get: Get): [number, Pick<ResnetTraits, 'groups' | 'widthPerGroup'>] {
  const width = (get('layer1.0.conv3')[0] ?? 0) / 4;
  const [inner = 0, perGroup = 1] = get('layer1.0.conv2');
  const groups = inner / perGroup;
  return [width, { groups, widthPerGroup: Math.round((perGroup * 64) / width) }];
}

/** An average pool takes the first place of a shortcut, so that its convolution is the second. */
function hasPooledShortcut(get: Get, layers: readonly number[]): boolean {
  return layers.some((_, k) => get(`layer${k + 1}.0.downsample.1`).length === 4);
}

/** What two residual networks differ in: `depth 3-4-23-3 instead of 3-4-6-3`; classes and channels are left out. */
export function describeDifferences(of: ResnetTraits, other: ResnetTraits): readonly string[] {
  const [a, b] = [words(of), words(other)];
  return Object.keys(a).flatMap((key) => (a[key] === b[key] ? [] : [`${key}${a[key]} instead of ${b[key]}`]));
}

function words(t: ResnetTraits): Readonly<Record<string, string>> {
  return {
    'blocks of kind ': t.block,
    'depth ': t.layers.join('-'),
    'width ': String(t.width),
    'groups ': String(t.groups),
    'width per group ': String(t.widthPerGroup),
    'stem ': t.stem,
    'shortcuts by ': t.shortcut,
    '': describeContexts(t.context),
  };
}
