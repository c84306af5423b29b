import { Fault } from '../core/fault.ts';
import { sameShape, showShape, sizeOf } from '../core/shape.ts';
import { type Tensor, type TensorMap, tensor, zeros } from '../core/tensor.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import {
  type CaseFolder,
  type CaseRules,
  folderOf,
  type InputJson,
  type OutputJson,
  readArrays,
  readHead,
  readRules,
  type StateEntry,
} from './case-json.ts';
import { fill, fillInput, scaleFloat32 } from './fill.ts';

/** An input: a tensor, or the name of a file beside the case, for `readFile`. */
export type CaseInput =
  | { readonly from: 'unit' | 'stored'; readonly shape: readonly number[]; readonly tensor: Tensor }
  | { readonly from: 'file'; readonly shape: readonly number[]; readonly file: string };

/** An expected output and what is stored of it. */
export interface CaseOutput {
  readonly name: string;
  readonly shape: readonly number[];
  /** `sampled`: `values` [count] are those at `samplePositions(name, size, count)` of the flattened output. */
  readonly stored: 'whole' | 'sampled';
  readonly values: Tensor;
  /** Of the whole output, not only of what is stored. */
  readonly mean: number;
  readonly l2: number;
  readonly absmax: number;
}

interface CaseHead {
  readonly name: string;
  readonly folder: CaseFolder;
  readonly source: string;
  readonly checks: string;
  readonly notes: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Reads a file beside the case. */
  readonly readFile: (name: string) => Promise<Uint8Array>;
}

/** A case of tensors: inputs, state and expected outputs. */
export interface ArrayCase extends CaseHead {
  readonly kind: 'arrays';
  readonly rules: CaseRules;
  readonly inputs: ReadonlyMap<string, CaseInput>;
  /** In the order of the reference's state dict. */
  readonly state: readonly StateEntry[];
  readonly outputs: ReadonlyMap<string, CaseOutput>;
  /** Number of trainable values. */
  readonly parameters: number;
}

/** A case whose inputs and expected values stand in its JSON. */
export interface PlainCase extends CaseHead {
  readonly kind: 'plain';
  /** The whole JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A golden case. */
export type GoldenCase = ArrayCase | PlainCase;

/** What lies beside a case's JSON. */
export interface CaseFiles {
  /** The folder that the case stands in, or a path that ends in it; told from the case itself if it is none of the corpus. */
  readonly folder?: string;
  /** What to call a case whose own name cannot be read. */
  readonly name?: string;
  /** The bytes of `NAME.safetensors`; a plain case has none. */
  readonly weights?: Uint8Array;
  /** Reads a file of the case's folder by its relative name. */
  readonly readFile?: (name: string) => Promise<Uint8Array>;
}

/** A golden case from its JSON and what lies beside it. Inputs are ready; the state waits for {@link stateTensors}. */
export function loadCase(text: string, files: CaseFiles = {}): GoldenCase {
  const json = readHead(text);
  const { name, source, checks, notes, config } = json;
  const folder = folderOf(files.folder, json);
  const head: CaseHead = { name, folder, source, checks, notes, config, readFile: guardedReader(name, files.readFile) };
  if (json.kind === 'plain') return { ...head, kind: 'plain', body: json };
  if (json.kind !== undefined) {
    throw new Fault('data', `${name}: expected kind "plain" or none, got ${JSON.stringify(json.kind)}.`);
  }
  const { inputs, state, outputs, parameters } = readArrays(json);
  const stored = files.weights && readSafetensors(files.weights, `${name}.safetensors`).tensors;
  return {
    ...head,
    kind: 'arrays',
    rules: readRules(json),
    inputs: new Map(Object.entries(inputs).map(([key, i]) => [key, readInput(name, key, i, stored)])),
    state,
    outputs: new Map(Object.entries(outputs).map(([key, o]) => [key, readOutput(name, key, o, stored)])),
    parameters,
  };
}

/** A state tensor's values, scaled as the case says; undefined for a constant that the network computes itself. */
export function stateTensor(c: ArrayCase, entry: StateEntry): Tensor | undefined {
  if (!entry.filled) return undefined;
  const { name, role } = entry;
  if (name.slice(name.lastIndexOf('.') + 1) === 'num_batches_tracked') return zeros('int64', entry.shape);
  let values = fill(name, entry.shape);
  const factor = c.rules.scale.get(name);
  if (factor !== undefined) values = scaleFloat32(values, factor);
  for (const rule of c.rules.afterFill) {
    if (role === 'param' && name.startsWith(rule.starting) && name.endsWith(rule.ending)) {
      values = scaleFloat32(values, rule.factor);
    }
  }
  return tensor('float32', entry.shape, values);
}

/** All state tensors that the formula fills, in the order of the reference's state dict. */
export function stateTensors(c: ArrayCase): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const entry of c.state) {
    const t = stateTensor(c, entry);
    if (t) out.set(entry.name, t);
  }
  return out;
}

function readInput(name: string, key: string, input: InputJson, stored: TensorMap | undefined): CaseInput {
  switch (input.from) {
    case 'file':
      return input;
    case 'unit':
      return { ...input, tensor: tensor('float32', input.shape, fillInput(key, input.shape)) };
    case 'stored':
      return { ...input, tensor: storedTensor(name, `input.${key}`, input.shape, stored) };
    default:
      return input satisfies never;
  }
}

function readOutput(name: string, key: string, o: OutputJson, stored: TensorMap | undefined): CaseOutput {
  if (o.stored === 'whole') return { ...o, name: key, values: storedTensor(name, key, o.shape, stored) };
  const values = storedTensor(name, `${key}@val`, undefined, stored);
  if (sizeOf(o.shape) === 0)
    throw new Fault('data', `${name}: output "${key}": expected samples of elements, got none.`);
  return { ...o, name: key, values };
}

/** A tensor of the case's safetensors; without a wanted shape, of one dimension. */
function storedTensor(
  name: string,
  key: string,
  wanted: readonly number[] | undefined,
  stored: TensorMap | undefined,
): Tensor {
  if (!stored) throw new Fault('data', `${name}: expected ${name}.safetensors beside the case, got none.`);
  const t = stored.get(key);
  if (!t) throw new Fault('data', `${name}.safetensors: expected a tensor "${key}", got a file without it.`);
  if (wanted ? sameShape(t.shape, wanted) : t.shape.length === 1) return t;
  const shapeText = wanted ? showShape(wanted) : 'one dimension';
  throw new Fault('data', `${name}.safetensors: "${key}": expected ${shapeText}, got ${showShape(t.shape)}.`);
}

/** The reader, for names that stay below the case's folder. */
function guardedReader(name: string, read: CaseFiles['readFile']): CaseHead['readFile'] {
  return async (file) => {
    if (file === '' || /^[\\/]|^[A-Za-z]:|\\|\0/.test(file) || file.split('/').includes('..')) {
      throw new Fault('data', `${name}: expected the name of a file beside the case, got ${JSON.stringify(file)}.`);
    }
    if (!read) throw new Fault('data', `${name}: expected a way to read ${JSON.stringify(file)}, got none.`);
    return read(file);
  };
}
