import { sameShape } from '../core/shape.ts';
import type { NetworkConfig } from '../model/networks/named.ts';
import { NAME_TABLES } from '../model/networks/names/index.ts';
import { createModel, NETWORKS, namedNetwork } from '../model/networks/table.ts';
import type { StateSpec } from '../model/scope.ts';
import { type FoundTensor, planWeights, type WeightsPlan } from '../weights/adapt.ts';
import { fitNames, sameButOnes } from '../weights/rename.ts';
import type { ModelConfig } from './config.ts';
import { networkParts, stateOf } from './network-parts.ts';
import type { Shapes } from './recognise-context.ts';
import { describeDifferences, type ResnetTraits, resnetTraits } from './recognise-resnet.ts';

/** Which network a file's tensors are of. */
export interface Recognised {
  /** The nearest named network. */
  readonly name: string;
  /** What must be changed of it so that every tensor fits; empty where nothing. */
  readonly overrides: Readonly<Record<string, unknown>>;
  /** What is changed, in words. */
  readonly changes: readonly string[];
}

type Found = ReadonlyMap<string, FoundTensor>;

/** How many of the named networks are compared with the classifier and the picture's channels free. */
const CLOSE = 3;

/**
 * The network that a file is of, by names and shapes alone: a named one, or a named residual network with other
 * options, proved by every tensor that it has. Null where none fits. Numbers of classes and channels are free.
 */
export function recognise(found: Found): Recognised | null {
  for (const kind of Object.keys(NAME_TABLES) as NetworkConfig['kind'][]) {
    const shapes = ownShapes(found, kind);
    if (!shapes) continue;
    for (const name of closest(shapes, kind).slice(0, CLOSE)) {
      if (isOf(found, { name, overrides: {} })) return { name, overrides: {}, changes: [] };
    }
    const variant = kind === 'resnet' ? variantOf(found, shapes) : null;
    if (variant) return variant;
  }
  return null;
}

const states = new Map<string, readonly StateSpec[]>();

/** The state of a named network; traced once. */
function stateOfNamed(name: string): readonly StateSpec[] {
  const state = states.get(name) ?? stateOf(createModel(name));
  states.set(name, state);
  return state;
}

/** Below this share of known names a file is of no network of a kind. */
const KNOWN = 0.1;

/** The file's shapes by our names, read by the table under which most are known; null where hardly any is. */
function ownShapes(found: Found, kind: NetworkConfig['kind']): Shapes | null {
  const known = new Set(namesOfKind(kind).flatMap((name) => stateOfNamed(name).map((s) => s.name)));
  const wanted = [...known].map((name) => ({ name, shape: [-1] }));
  const { rename, names } = fitNames(wanted, found, NAME_TABLES[kind]);
  if (names.size < KNOWN * found.size || names.size === 0) return null;
  return new Map([...found].map(([name, { shape }]) => [rename(name), shape]));
}

function namesOfKind(kind: NetworkConfig['kind']): string[] {
  return Object.keys(NETWORKS).filter((name) => namedNetwork(name).config.kind === kind);
}

/** Named networks that share a tensor with the file, by the share of common tensors among those that either has. */
function closest(shapes: Shapes, kind: NetworkConfig['kind']): readonly string[] {
  const isNoCounter = (name: string): boolean => !name.endsWith('num_batches_tracked');
  const size = [...shapes.keys()].filter(isNoCounter).length;
  return namesOfKind(kind)
    .map((name) => {
      const state = stateOfNamed(name).filter((s) => isNoCounter(s.name));
      const common = state.filter((s) => sameButOnes(s.shape, shapes.get(s.name) ?? [-1])).length;
      return { name, likeness: common / (state.length + size - common) };
    })
    .filter((c) => c.likeness > 0)
    .sort((a, b) => b.likeness - a.likeness)
    .map((c) => c.name);
}

/** Whether every tensor of a network is in the file, but for a classifier, and nothing of its kind is left over. */
function isOf(found: Found, model: Pick<ModelConfig, 'name' | 'overrides'>): boolean {
  const { plan, head } = planFor(found, model);
  const missing = plan.missing.filter((name) => !head.has(name));
  const headMissing = plan.missing.length - missing.length;
  if (missing.length + plan.misshapen.length > 0 || (headMissing > 0 && headMissing < head.size)) return false;
  const headParts = new Set([...head].map(topOf));
  const tops = new Set(plan.taken.map(({ name }) => topOf(name)).filter((top) => !headParts.has(top)));
  // A detector's other parts, or a head of another form, may be left over.
  return !plan.unused.some((name) => tops.has(topOf(plan.fit.rename(name))));
}

/** The part of a network that a tensor is in: what stands before the first dot. */
function topOf(name: string): string {
  return name.split('.', 1)[0]!;
}

/** How a file fits a network, its classifier and its picture's channels being free. */
function planFor(
  found: Found,
  model: Pick<ModelConfig, 'name' | 'overrides'>,
): { readonly plan: WeightsPlan; readonly head: ReadonlySet<string> } {
  const parts = networkParts(model);
  const input = new Set(parts.input);
  const state = parts.state.map((s) => (input.has(s.name) ? withChannels(s, found, parts.tables) : s));
  return { plan: planWeights(state, found, parts), head: parts.head };
}

/** The first convolution with as many channels as the file's has. */
function withChannels(s: StateSpec, found: Found, tables: Parameters<typeof fitNames>[2]): StateSpec {
  const theirs = found.get(fitNames([s], found, tables).names.get(s.name) ?? '')?.shape;
  const [outputs, , ...kernel] = s.shape;
  const fits = theirs?.length === s.shape.length && theirs[0] === outputs && sameShape(theirs.slice(2), kernel);
  return fits ? { ...s, shape: theirs } : s;
}

/** The named network with the fewest other options than the shapes tell, where every tensor fits with these. */
function variantOf(found: Found, shapes: Shapes): Recognised | null {
  const traits = resnetTraits(shapes);
  if (!traits) return null;
  const near = namesOfKind('resnet').flatMap((name) => {
    const other = traitsOf(stateOfNamed(name));
    return other
      ? [{ name, other, changes: describeDifferences(traits, other), distance: distance(traits, other) }]
      : [];
  });
  near.sort((a, b) => a.distance - b.distance);
  const [best] = near;
  if (!best) return null;
  const { name, changes } = best;
  const overrides = changed(traits, best.other);
  return isValid({ name, overrides }) && isOf(found, { name, overrides }) ? { name, overrides, changes } : null;
}

/** How many options differ; other kinds of context blocks count more than other options of the same. */
function distance(a: ResnetTraits, b: ResnetTraits): number {
  const kinds = (t: ResnetTraits): string => [...new Set(t.context.map((c) => c.context.kind))].sort().join();
  return describeDifferences(a, b).length + (kinds(a) === kinds(b) ? 0 : 1);
}

function traitsOf(state: readonly StateSpec[]): ResnetTraits | null {
  return resnetTraits(new Map(state.map((s) => [s.name, s.shape])));
}

/** Options of `a` that are not those of `b`; classes and channels stay as they are. */
function changed(a: ResnetTraits, b: ResnetTraits): Record<string, unknown> {
  const keys = Object.keys(a).filter((key) => key !== 'classes' && key !== 'inChannels') as (keyof ResnetTraits)[];
  return Object.fromEntries(keys.filter((k) => JSON.stringify(a[k]) !== JSON.stringify(b[k])).map((k) => [k, a[k]]));
}

function isValid({ name, overrides }: Pick<ModelConfig, 'name' | 'overrides'>): boolean {
  try {
    createModel(name, overrides);
    return true;
  } catch {
    return false;
  }
}

/** What a file is and how to ask for it: `It looks like resnet50-gc-r4 (..). Use --model resnet50-gc-r4.` */
export function describeRecognised(
  { name, overrides, changes }: Recognised,
  wanted: Pick<ModelConfig, 'name' | 'overrides'>,
): string {
  const other = differencesFrom(wanted, { name, overrides });
  const looks = changes.length > 0 ? `${name} with ${changes.join(', ')}` : name;
  const than = other.length > 0 && changes.length === 0 ? ` (${other.join(', ')})` : '';
  const set = Object.keys(overrides).length > 0 ? ` --set 'model.overrides=${JSON.stringify(overrides)}'` : '';
  return `The file looks like ${looks}${than}: use --model ${name}${set}.`;
}

function differencesFrom(
  wanted: Pick<ModelConfig, 'name' | 'overrides'>,
  got: Pick<ModelConfig, 'name' | 'overrides'>,
): readonly string[] {
  const [a, b] = [got, wanted].map(({ name, overrides }) => traitsOf(stateOf(createModel(name, overrides))));
  return a && b ? describeDifferences(a, b) : [];
}
