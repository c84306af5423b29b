import { type DType, isFloating } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { type Tensor, zeros } from '../core/tensor.ts';
import type { Files } from '../data/files.ts';
import type { Output } from '../data/output.ts';
import { castTensor, planWeights, requireComplete, showFit, takeTensor, type WeightsPlan } from '../weights/adapt.ts';
import type { HubRequest } from '../weights/hub.ts';
import { openWeights, type WeightsFile } from '../weights/open.ts';
import type { TensorSpec } from '../weights/safetensors-write.ts';
import { type TensorSource, type WrittenShards, writeShards } from '../weights/write-shards.ts';
import type { ModelConfig } from './config.ts';
import { findWeights, type LocalWeights, type WeightsPlaces } from './find-weights.ts';
import { networkParts } from './network-parts.ts';
import { describeRecognised, recognise } from './recognise.ts';

/** What is converted, and into what. */
export interface ConvertRequest extends HubRequest {
  /** A file, a folder of shards, `hf:owner/name` or the name of published weights. */
  readonly input: string;
  /** The file to write, which ends in `.safetensors`. */
  readonly output: string;
  /** Where in a checkpoint of PyTorch the tensors are, where it has several sets of them: `model_ema`. */
  readonly key?: string;
  /** A network of the table whose names and shapes they get; its classes and channels are the file's. */
  readonly to?: string;
  /** What is changed of that network's configuration. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Whether what does not fit that network is left out instead of being a fault. */
  readonly partial?: boolean;
  /** What floating tensors become; as they are where absent (bfloat16 is float32 then). */
  readonly dtype?: 'float32' | 'float16';
  /** Most bytes of tensors in one file; all in one where absent. */
  readonly maxShardBytes?: number;
}

/** What was converted. */
export interface ConvertResult {
  /** The file to open: the one of weights, or the index of shards. */
  readonly path: string;
  /** Names of all files. */
  readonly files: readonly string[];
  readonly tensors: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** The network whose names they have; null where they keep their own. */
  readonly network: Pick<ModelConfig, 'name' | 'overrides'> | null;
  /** The file's names that were not written, and the network's that were not found. */
  readonly unused: readonly string[];
  readonly missing: readonly string[];
  /** What was done, in sentences: where the tensors were, what was renamed, adapted, left out. */
  readonly notes: readonly string[];
}

/** What converting needs of a machine. */
export type ConvertPlatform = WeightsPlaces & { readonly files: Files; readonly output: Output };

/** What a file of weights holds. */
export interface WeightsListing {
  readonly path: string;
  readonly format: string;
  readonly unwrapped: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: readonly {
    readonly name: string;
    readonly dtype: DType;
    /** The file's own word for the dtype. */
    readonly stored: string;
    readonly shape: readonly number[];
  }[];
  /** The network that it is of, as `--model` and `--set` would say it; null where none is known. */
  readonly network: Pick<ModelConfig, 'name' | 'overrides'> | null;
}

/** What tensors a file holds and which network it is of; no tensor is read. */
export async function inspectWeights(
  request: Pick<ConvertRequest, 'input' | 'key' | keyof HubRequest>,
  platform: ConvertPlatform,
): Promise<WeightsListing> {
  const { file, local } = await openInput(request, platform);
  try {
    const { format, unwrapped, metadata, entries } = file;
    const known = recognise(new Map(entries.map((e) => [e.name, e])));
    const network = known && { name: known.name, overrides: known.overrides };
    return { path: local.path, format, unwrapped, metadata, entries, network };
  } finally {
    await file.close();
  }
}

/**
 * Writes any weights that can be read as safetensors: one file, or shards with an index; with `to`, by the names and
 * in the shapes of a network. Tensors are read one at a time; every file is written whole or not at all.
 */
export async function convertWeights(request: ConvertRequest, platform: ConvertPlatform): Promise<ConvertResult> {
  const { folder, name } = placeOf(request.output);
  const { file, local } = await openInput(request, platform);
  try {
    const made = request.to === undefined ? asTheyAre(file, request) : await asNetwork(file, local, request);
    if (made.source.entries.length === 0) {
      throw new Fault('data', `${local.name}: expected tensors to write, got none. Is it the file that you mean?`);
    }
    await platform.output.makeFolder(folder);
    const written = await writeAll({ folder, name, made, request, platform });
    const { path, files, totalBytes: bytes } = written;
    const { network, unused, missing } = made;
    const notes = [...local.notes, ...file.unwrapped.map((u) => `Took off: ${u}.`), ...made.notes];
    return { path, files, tensors: made.source.entries.length, bytes, network, unused, missing, notes };
  } finally {
    await file.close();
  }
}

async function openInput(
  { input, key, ...request }: Pick<ConvertRequest, 'input' | 'key' | keyof HubRequest>,
  platform: ConvertPlatform,
): Promise<{ readonly file: WeightsFile; readonly local: LocalWeights }> {
  const local = await findWeights(input, platform, request);
  return { local, file: await openWeights(platform.files, local.path, key === undefined ? {} : { key }) };
}

function placeOf(output: string): { readonly folder: string; readonly name: string } {
  const [, folder = '', name = ''] = /^(.*[/\\])?([^/\\]+)\.safetensors$/.exec(output) ?? [];
  if (name === '') {
    throw new Fault('config', `${output}: expected a file to write that ends in .safetensors, got another name.`);
  }
  return { folder: folder === '' ? '.' : folder, name };
}

/** Tensors ready to be written, and what was done to get there. */
interface Made extends Pick<ConvertResult, 'network' | 'unused' | 'missing' | 'notes'> {
  readonly source: TensorSource;
  readonly metadata: Readonly<Record<string, string>>;
}

function asTheyAre(file: WeightsFile, { dtype }: ConvertRequest): Made {
  const entries = file.entries.map(({ name, shape, dtype: own }) => ({ name, shape, dtype: dtypeOf(own, dtype) }));
  const byName = new Map(entries.map((e) => [e.name, e.dtype]));
  const read = async (name: string): Promise<Tensor> => castTensor(await file.read(name), byName.get(name)!, name);
  return { source: { entries, read }, metadata: metadataOf(file), network: null, unused: [], missing: [], notes: [] };
}

function dtypeOf(own: DType, wanted: ConvertRequest['dtype']): DType {
  return wanted !== undefined && isFloating(own) ? wanted : own;
}

async function asNetwork(file: WeightsFile, local: LocalWeights, request: ConvertRequest): Promise<Made> {
  const found = new Map(file.entries.map((e) => [e.name, e]));
  const network = networkOf(found, { name: request.to!, overrides: request.overrides ?? {} });
  const parts = networkParts(network);
  const plan = planWeights(parts.state, found, parts);
  if (!request.partial) requireComplete(plan, local.name, hintFor(found, network));
  const taken = new Map(plan.taken.map((t) => [t.name, t]));
  const counters = parts.state.filter((s) => s.role === 'counter' && !taken.has(s.name));
  const entries: TensorSpec[] = parts.state
    .filter((s) => taken.has(s.name) || counters.includes(s))
    .map(({ name, shape, dtype }) => ({ name, shape, dtype: dtypeOf(dtype, request.dtype) }));
  const byName = new Map(entries.map((e) => [e.name, e]));
  const read = async (name: string): Promise<Tensor> => {
    const { dtype, shape } = byName.get(name)!;
    const step = taken.get(name);
    if (!step) return zeros(dtype, shape);
    return castTensor(takeTensor(step, await file.read(step.from)), dtype, name);
  };
  const missing = [...plan.missing, ...plan.misshapen.map((m) => m.name)];
  const metadata = { ...metadataOf(file), 'farsight.network': JSON.stringify(network) };
  const notes = notesOf(plan, { counters: counters.length, missing });
  return { source: { entries, read }, metadata, network, unused: plan.unused, missing, notes };
}

/** The network with the file's number of classes, its picture's channels, and no classifier where the file has none. */
function networkOf(
  found: Parameters<typeof planWeights>[1],
  wanted: Pick<ModelConfig, 'name' | 'overrides'>,
): Pick<ModelConfig, 'name' | 'overrides'> {
  const parts = networkParts(wanted);
  const { fit } = planWeights(parts.state, found, parts);
  const shapeOf = (name: string): readonly number[] | undefined => found.get(fit.names.get(name) ?? '')?.shape;
  const own = (names: ReadonlySet<string>, axis: number): { ours?: number; theirs?: number } => {
    const state = parts.state.find((s) => names.has(s.name) && s.shape.length > axis);
    const [ours, theirs] = [state?.shape[axis], state && shapeOf(state.name)?.[axis]];
    return { ...(ours !== undefined && { ours }), ...(theirs !== undefined && { theirs }) };
  };
  const [classes, channels] = [own(parts.head, 0), own(parts.input, 1)];
  const headless = parts.head.size > 0 && ![...parts.head].some((name) => fit.names.has(name));
  return {
    name: wanted.name,
    overrides: {
      ...wanted.overrides,
      ...(classes.theirs !== undefined && classes.theirs !== classes.ours && { classes: classes.theirs }),
      ...(headless && { classes: 0 }),
      ...(channels.theirs !== undefined && channels.theirs !== channels.ours && { inChannels: channels.theirs }),
    },
  };
}

function hintFor(found: Parameters<typeof planWeights>[1], network: Pick<ModelConfig, 'name' | 'overrides'>): string {
  const known = recognise(found);
  if (known && known.name !== network.name) return describeRecognised(known, network).replace('--model', '--to');
  return 'Convert with --partial to leave out what does not fit.';
}

/** Free text of the output: the input's, and the word by which other libraries know a file of PyTorch's tensors. */
function metadataOf({ metadata }: WeightsFile): Readonly<Record<string, string>> {
  return { format: 'pt', ...metadata };
}

function notesOf(
  plan: WeightsPlan,
  { counters, missing }: { readonly counters: number; readonly missing: readonly string[] },
): readonly string[] {
  const { taken, fit, unused, wanted } = plan;
  const renamed = taken.filter((t) => t.name !== t.from).length;
  const reshaped = taken.filter((t) => t.how !== 'as it is');
  const lines = [`Read ${taken.length} of ${wanted} tensors by ${showFit(fit)}; ${renamed} got another name.`];
  if (reshaped.length > 0) lines.push(`Reshaped: ${reshaped.map((t) => t.name).join(', ')}.`);
  if (counters > 0) lines.push(`Set to zero, since the file has none: ${counters} counters of batch norms.`);
  if (missing.length > 0) lines.push(`Not in the file: ${missing.join(', ')}.`);
  if (unused.length > 0) lines.push(`Left out: ${unused.join(', ')}.`);
  return lines;
}

interface Writing {
  readonly folder: string;
  readonly name: string;
  readonly made: Made;
  readonly request: ConvertRequest;
  readonly platform: ConvertPlatform;
}

/** Writes all shards, or takes back those that were written. */
async function writeAll({ folder, name, made, request, platform }: Writing): Promise<WrittenShards> {
  const { output } = platform;
  const fresh: string[] = [];
  const recording = {
    write: async (path: string, pieces: Parameters<Output['write']>[1]): Promise<void> => {
      const had = await output.exists(path);
      await output.write(path, pieces);
      if (!had) fresh.push(path);
    },
  };
  const source: TensorSource = {
    entries: made.source.entries,
    read: async (tensor) => {
      request.signal?.throwIfAborted();
      return made.source.read(tensor);
    },
  };
  const { maxShardBytes } = request;
  try {
    const options = { name, metadata: made.metadata, ...(maxShardBytes !== undefined && { maxShardBytes }) };
    return await writeShards(recording, folder, source, options);
  } catch (error) {
    for (const path of fresh) await output.remove(path);
    throw error;
  }
}
