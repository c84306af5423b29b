import { DTYPES, type DType, isFloating } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { toFloat16 } from '../core/half.ts';
import type { NameTable } from '../core/name-table.ts';
import type { PositionGrid } from '../core/position-grid.ts';
import { sameShape, showShape } from '../core/shape.ts';
import { type Tensor, type TensorMap, tensor, toNumbers } from '../core/tensor.ts';
import { adaptInputChannels, canAdaptInput } from './input-channels.ts';
import { type ExpectedTensor, type MisshapenTensor, misfit } from './load.ts';
import { adaptPositions, canAdaptPositions } from './positions.ts';
import { fitNames, type NameFit, sameButOnes } from './rename.ts';
import { showName } from './safetensors-header.ts';
import { toFloat32 } from './widen.ts';

/** A tensor of a network's state. */
export interface WantedTensor extends ExpectedTensor {
  readonly dtype: DType;
  /** A `counter` may be absent from a file: old PyTorch versions did not write them. */
  readonly role?: 'param' | 'buffer' | 'counter';
  /** The grid that a table of learned positions lies on: one of another grid is resampled. */
  readonly grid?: PositionGrid;
}

/** A tensor of a file, before it is read. */
export interface FoundTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** What is known of the network and the file. */
export interface AdaptOptions {
  /** Names that the file may bear; the network's own where absent. */
  readonly tables?: readonly NameTable[];
  /** Tensors of the classifier: they start fresh where the file has another number of classes. */
  readonly head?: ReadonlySet<string>;
  /** Convolutions that read the picture: their weights are adapted to its number of channels. */
  readonly input?: ReadonlySet<string>;
}

/** How a tensor of a file becomes one of the network. */
export interface TakenTensor {
  /** The network's name. */
  readonly name: string;
  /** The file's name. */
  readonly from: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** What is done to its values beside a change of dtype. */
  readonly how: 'as it is' | 'reshaped' | 'input channels' | 'positions';
  /** What a table of positions is resampled to, where `how` says so. */
  readonly grid?: PositionGrid;
}

/** What is taken from a file, and what is not. All lists are in the network's order, `unused` in the file's. */
export interface WeightsPlan {
  readonly fit: NameFit;
  readonly taken: readonly TakenTensor[];
  /** Classifier tensors that start fresh, since the file's have another number of classes. */
  readonly replaced: readonly MisshapenTensor[];
  /** Tensors that the file does not have; counters are left out. */
  readonly missing: readonly string[];
  /** Tensors that the file has with another shape. */
  readonly misshapen: readonly MisshapenTensor[];
  /** The file's names that the network has no use for. */
  readonly unused: readonly string[];
  /** Tensors that the network has. */
  readonly wanted: number;
}

const OWN_NAMES: readonly NameTable[] = [{ source: "the network's own names", rules: [] }];

/**
 * Says which tensor of a file becomes which of a network: by the rename table that fits most, the classifier fresh
 * where its number of classes differs, the first convolution adapted to the picture's channels. Nothing is read.
 */
export function planWeights(
  wanted: readonly WantedTensor[],
  found: ReadonlyMap<string, FoundTensor>,
  options: AdaptOptions = {},
): WeightsPlan {
  const fit = fitNames(wanted, found, options.tables ?? OWN_NAMES);
  const otherClasses = hasOtherClasses(wanted, found, { fit, head: options.head ?? new Set() });
  const plan = { taken: [] as TakenTensor[], replaced: [] as MisshapenTensor[], missing: [] as string[] };
  const misshapen: MisshapenTensor[] = [];
  for (const w of wanted) {
    const from = fit.names.get(w.name);
    const got = from === undefined ? undefined : found.get(from);
    if (!got) {
      if (w.role !== 'counter') plan.missing.push(w.name);
    } else if (otherClasses && options.head?.has(w.name)) {
      plan.replaced.push({ name: w.name, expected: w, got });
    } else {
      const how = howTaken(w, got, options.input?.has(w.name) ?? false);
      const grid = how === 'positions' ? w.grid : undefined;
      if (how)
        plan.taken.push({ name: w.name, from: from!, shape: w.shape, dtype: w.dtype, how, ...(grid && { grid }) });
      else misshapen.push({ name: w.name, expected: w, got });
    }
  }
  const used = new Set(fit.names.values());
  const unused = [...found.keys()].filter((name) => !used.has(name) && !name.endsWith('num_batches_tracked'));
  return { fit, ...plan, misshapen, unused, wanted: wanted.length };
}

/** Whether the file's classifier is this one but for its number of outputs: the first axis of every tensor of it. */
function hasOtherClasses(
  wanted: readonly WantedTensor[],
  found: ReadonlyMap<string, FoundTensor>,
  { fit, head }: { readonly fit: NameFit; readonly head: ReadonlySet<string> },
): boolean {
  let other = false;
  for (const { name, shape } of wanted) {
    const got = head.has(name) ? found.get(fit.names.get(name) ?? '') : undefined;
    if (!got) continue;
    if (!sameButOnes(shape.slice(1), got.shape.slice(1))) return false;
    if (shape[0] !== got.shape[0]) other = true;
  }
  return other;
}

function howTaken(want: WantedTensor, got: FoundTensor, readsPicture: boolean): TakenTensor['how'] | null {
  if (isFloating(want.dtype) !== isFloating(got.dtype) || got.dtype === 'bool') return null;
  if (sameShape(want.shape, got.shape)) return 'as it is';
  if (readsPicture && canAdaptInput(want.shape, got.shape)) return 'input channels';
  if (want.grid && canAdaptPositions(want.shape, got.shape, want.grid)) return 'positions';
  return sameButOnes(want.shape, got.shape) ? 'reshaped' : null;
}

/** Whether a plan takes every tensor of the network but a replaced classifier's, and every tensor of the file. */
export function isComplete({ missing, misshapen, unused }: WeightsPlan): boolean {
  return missing.length + misshapen.length + unused.length === 0;
}

/**
 * A fault that tells all that a plan leaves out, unless it is complete. `hint` says what most likely lies behind it.
 */
export function requireComplete(plan: WeightsPlan, where: string, hint?: string): void {
  if (isComplete(plan)) return;
  const { missing, misshapen, unused: unexpected, wanted, fit } = plan;
  const by = fit.names.size === 0 ? '' : ` (read by ${showFit(fit)})`;
  throw misfit({ missing: [...missing].sort(), misshapen, unexpected: [...unexpected].sort() }, wanted, {
    where: `${where}${by}`,
    ...(hint !== undefined && { hint }),
  });
}

/** Whose names were read, and what stood in front: `timm's context blocks, without the prefix "module."`. */
export function showFit({ source, prefix }: NameFit): string {
  return prefix === '' ? source : `${source}, without the prefix ${showName(prefix)}`;
}

/** The tensors of a plan, read one after the other: copies that may be written to, in the network's shapes and dtypes. */
export async function takeWeights(
  plan: WeightsPlan,
  read: (name: string) => Promise<Tensor>,
): Promise<Map<string, Tensor>> {
  const out = new Map<string, Tensor>();
  for (const step of plan.taken) out.set(step.name, takeTensor(step, await read(step.from)));
  return out;
}

/** A file's tensors as a network's state, with what was done; see {@link planWeights}. */
export function adaptWeights(
  wanted: readonly WantedTensor[],
  found: TensorMap,
  options: AdaptOptions & { readonly where?: string; readonly mode?: 'strict' | 'partial' } = {},
): { readonly plan: WeightsPlan; readonly tensors: Map<string, Tensor> } {
  const plan = planWeights(wanted, found, options);
  if (options.mode !== 'partial') requireComplete(plan, options.where ?? 'weights');
  return { plan, tensors: new Map(plan.taken.map((t) => [t.name, takeTensor(t, found.get(t.from)!)])) };
}

/** One tensor as the network wants it; a fault where a value is not a number. */
export function takeTensor({ from, shape, dtype, how, grid }: TakenTensor, got: Tensor): Tensor {
  const cast = castTensor(got, dtype);
  const bad = cast.data instanceof Float32Array ? cast.data.findIndex((v) => !Number.isFinite(v)) : -1;
  if (bad >= 0) {
    const value = String(cast.data[bad]);
    throw new Fault(
      'data',
      `${showName(from)}: expected finite numbers, got ${value} at element ${bad} of ${showShape(got.shape)}. These weights are spoilt.`,
    );
  }
  if (how === 'input channels') return adaptInputChannels(cast, shape[1]!);
  if (grid) return adaptPositions(cast, grid);
  return tensor(dtype, shape, cast.data === got.data ? got.data.slice() : cast.data);
}

/**
 * The same numbers in another dtype; the tensor itself where it has it. Float64 is rounded to float32, which is rounded
 * to float16; what float16 cannot hold is a fault that begins with `where`.
 */
export function castTensor(t: Tensor, dtype: DType, where = 'weights'): Tensor {
  if (t.dtype === dtype) return t;
  if (dtype === 'float16') return toFloat16(toFloat32(t), where);
  if (dtype === 'float32' && isFloating(t.dtype)) return toFloat32(t);
  const data = DTYPES[dtype].make(t.data.length);
  const values = toNumbers(t);
  if (data instanceof BigInt64Array) for (let i = 0; i < data.length; i++) data[i] = BigInt(Math.trunc(values[i]!));
  else data.set(values);
  return tensor(dtype, t.shape, data);
}
