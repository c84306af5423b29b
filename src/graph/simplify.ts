import { sizeOf } from '../core/shape.ts';
import { bytesOf, float32, type Tensor } from '../core/tensor.ts';
import { constant, constantOf, INPUT, rewrite } from './trace.ts';
import type { AttributeValue, Node, Value } from './value.ts';

/** Constants with more elements than this are not folded: the engine does that when it loads the graph. */
const FOLD_LIMIT = 4096;
const MOST_ROUNDS = 12;

/**
 * Rewrites words and operators that the engine lacks, everywhere or with `provider`, to ones it has. Comes after
 * differentiation.
 */
export function legalise(outputs: ReadonlyMap<string, Value>, provider?: string): Map<string, Value> {
  let current = new Map(outputs);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let changed = false;
    current = rewrite(current, (node) => {
      const { legalise: always, elsewhere } = node.def;
      const to = always?.(node) ?? (provider === undefined ? undefined : elsewhere?.[provider]?.(node));
      if (to) changed = true;
      return to;
    });
    if (!changed) return current;
  }
  return current;
}

/** The same outputs in ONNX's own operators, without contrib operators: what any runtime may read. Comes last. */
export function portable(outputs: ReadonlyMap<string, Value>): Map<string, Value> {
  return rewrite(outputs, (node) => node.def.portable?.(node));
}

/**
 * The same outputs from fewer nodes: algebraic identities from the operators' records, folded small constants,
 * common subexpressions once. Values that nothing needs are gone since a graph is what its outputs reach.
 */
export function simplify(outputs: ReadonlyMap<string, Value>): Map<string, Value> {
  let current = new Map(outputs);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let changed = false;
    const seen = new Map<string, readonly Value[]>();
    const next = rewrite(current, (node) => {
      const simpler = fold(node) ?? node.def.simplify?.(node);
      if (simpler && simpler !== node.outputs[0]) {
        changed = true;
        return [simpler];
      }
      const key = keyOf(node);
      if (key === undefined) return undefined;
      const twin = seen.get(key);
      if (!twin) {
        seen.set(key, node.outputs);
        return undefined;
      }
      if (twin !== node.outputs) changed = true;
      return twin;
    });
    current = next;
    if (!changed) return current;
  }
  return current;
}

/** What two nodes that compute the same share; undefined for inputs, which are never the same. */
function keyOf(node: Node): string | undefined {
  if (node.def === INPUT) return undefined;
  const inputs = node.inputs.map((v) => (v ? v.id : '-')).join(',');
  return `${node.def.domain}:${node.def.name}(${inputs})${keyOfAttributes(node.attributes)}`;
}

function keyOfAttributes(attributes: Node['attributes']): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${keyOfValue(value)}`)
    .join(';');
}

function keyOfValue(value: AttributeValue | undefined): string {
  if (typeof value !== 'object') return String(value);
  if (isTensor(value)) return keyOfTensor(value);
  return JSON.stringify(value);
}

function isTensor(value: object): value is Tensor {
  return 'dtype' in value && 'data' in value;
}

const tensorKeys = new WeakMap<Tensor, string>();

function keyOfTensor(t: Tensor): string {
  let key = tensorKeys.get(t);
  if (key === undefined) {
    const bytes = bytesOf(t);
    const small = bytes.length <= 64 * 1024;
    key = `${t.dtype}[${t.shape}]${small ? characters(bytes) : `#${identify(t)}`}`;
    tensorKeys.set(t, key);
  }
  return key;
}

/** Bytes as a string, one character a byte. */
function characters(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 8192) out += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return out;
}

let identities = 0;
const identity = new WeakMap<object, number>();
function identify(t: Tensor): number {
  const known = identity.get(t.data) ?? identities++;
  identity.set(t.data, known);
  return known;
}

/** A node on small float constants as a constant, by its record's scalar rule. */
function fold(node: Node): Value | undefined {
  const { scalar } = node.def;
  const out = node.outputs[0];
  if (!scalar || !out || out.dtype !== 'float32') return undefined;
  const tensors = node.inputs.map(constantOf);
  if (!tensors.every((t) => t?.dtype === 'float32')) return undefined;
  const shape = out.shape as number[];
  if (sizeOf(shape) > FOLD_LIMIT) return undefined;
  const read = (tensors as Tensor[]).map((t) => reader(t, shape));
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
    scalar(
      read.map((r) => r(i)),
      node.attributes,
    ),
  );
  return constant(float32(shape, data));
}

/** Reads a tensor as if broadcast to `shape`, by flat index. */
function reader(t: Tensor, shape: readonly number[]): (i: number) => number {
  const data = t.data as Float32Array;
  if (data.length === 1) return () => data[0]!;
  const extra = shape.length - t.shape.length;
  return (i) => {
    let rest = i;
    let at = 0;
    let step = 1;
    for (let axis = shape.length - 1; axis >= extra; axis--) {
      const size = t.shape[axis - extra]!;
      if (size > 1) at += (rest % shape[axis]!) * step;
      step *= size;
      rest = Math.floor(rest / shape[axis]!);
    }
    return data[at]!;
  };
}
