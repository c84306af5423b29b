import { DICT } from './budget.ts';
import { latin1 } from './cursor.ts';
import type { Machine } from './machine.ts';
import { makeNumpyDType, numpyScalar, setNumpyState } from './numpy.ts';
import { STORAGE_TYPES, type StorageType } from './storage.ts';
import { makeTensor } from './tensor.ts';
import { describeValue, ofKind, type PickleDict, type PickleValue, REFUSED } from './value.ts';

type Call = (args: readonly PickleValue[], m: Machine) => PickleValue;

/** The elements of storages by the names of their classes, of the processor and of CUDA. */
const STORAGES: ReadonlyMap<string, StorageType> = new Map(
  [...STORAGE_TYPES].flatMap(([name, type]) => [
    [`torch.${name}Storage`, type],
    [`torch.cuda.${name}Storage`, type],
  ]),
);

/** Classes of tensors, which the oldest files name and which say nothing that the storage does not. */
const TENSORS: readonly string[] = [...STORAGE_TYPES.keys()].flatMap((name) => [
  `torch.${name}Tensor`,
  `torch.cuda.${name}Tensor`,
]);

const DTYPES: readonly string[] = [
  ...[...STORAGE_TYPES.values()].map(({ stored }) => `torch.${stored}`),
  'torch.strided',
  'torch.contiguous_format',
  'torch.channels_last',
  'torch.preserve_format',
];

/** Types that stand for themselves: the default of a defaultdict. */
const TYPES: readonly string[] = ['list', 'dict', 'int', 'float', 'set'].flatMap((name) => [
  `builtins.${name}`,
  `__builtin__.${name}`,
]);

/** Names that may be asked for but not called. */
const NAMES: ReadonlySet<string> = new Set([...STORAGES.keys(), ...TENSORS, ...DTYPES, ...TYPES]);

const tuple: Call = ([items], m) => ({ kind: 'tuple', items: sequence(items, m) });
const set: Call = ([items], m) => ({ kind: 'set', items: items === undefined ? [] : sequence(items, m) });
const parameter: Call = ([data], m) => {
  if (data === REFUSED || ofKind(data, 'tensor')) return data!;
  throw m.broken(`a tensor as a parameter, not ${describeValue(data)},`);
};
const scalar: Call = (args, m) => numpyScalar(args, m);

/**
 * What may be called: what checkpoints of PyTorch hold beside tensors and plain data (counters of schedules, scores as
 * numpy numbers, options of argparse), each made here, of values that are checked.
 */
const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ['torch._utils._rebuild_tensor', makeTensor],
  ['torch._utils._rebuild_tensor_v2', makeTensor],
  ['torch._utils._rebuild_parameter', parameter],
  ['torch._utils._rebuild_parameter_with_state', parameter],
  ['torch.Size', tuple],
  [
    'torch.device',
    (args, m) =>
      args
        .slice(0, 2)
        .map((a) => plainText(a, m))
        .join(':'),
  ],
  ['torch.serialization._get_layout', ([name], m) => plainText(name, m)],
  ['collections.OrderedDict', ([items], m) => dict(items, m)],
  ['collections.Counter', ([items], m) => dict(items, m)],
  ['collections.defaultdict', ([, items], m) => dict(items, m)],
  ['argparse.Namespace', (_, m) => dict(undefined, m, true)],
  ['builtins.set', set],
  ['__builtin__.set', set],
  ['builtins.frozenset', set],
  ['__builtin__.frozenset', set],
  ['_codecs.encode', encode],
  ['numpy.dtype', makeNumpyDType],
  ['numpy.core.multiarray.scalar', scalar],
  ['numpy._core.multiarray.scalar', scalar],
]);

/** Names that a pickle may call, in the order of the list. */
export const CALLABLE: readonly string[] = [...CALLS.keys()];

/** Whether a pickle may ask for a name. */
export function isKnown(name: string): boolean {
  return CALLS.has(name) || NAMES.has(name);
}

/** The elements that a storage class holds, or undefined. */
export function storageType(name: string): StorageType | undefined {
  return STORAGES.get(name);
}

/** Makes what a name of the list stands for. */
export function call(name: string, args: readonly PickleValue[], m: Machine): PickleValue {
  const made = CALLS.get(name);
  if (!made) throw m.broken(`a name that can be called, not ${name},`);
  m.budget.objects(DICT); // whatever is made
  return made(args, m);
}

/** Gives an object its state: entries to a namespace, byte order to a numpy dtype; other attributes are dropped. */
export function build(target: PickleValue, state: PickleValue, m: Machine): void {
  if (target === REFUSED) return;
  const into = ofKind(target, 'dict');
  const dtype = ofKind(target, 'numpy-dtype');
  if (dtype) setNumpyState(dtype, state, m);
  else if (!into) throw m.broken(`something that has a state, not ${describeValue(target)},`);
  const from = ofKind(state, 'dict');
  if (!into?.namespace || !from) return;
  m.budget.objects(from.entries.size);
  for (const [key, value] of from.entries) into.entries.set(key, value);
}

/** The items of a list, a tuple or a set, copied. */
function sequence(value: PickleValue | undefined, m: Machine): PickleValue[] {
  const from = ofKind(value, 'list') ?? ofKind(value, 'tuple') ?? ofKind(value, 'set');
  if (!from) throw m.broken(`a list or a tuple, not ${describeValue(value)},`);
  m.budget.objects(from.items.length);
  return [...from.items];
}

/** A dict of another dict, or of pairs. */
function dict(from: PickleValue | undefined, m: Machine, namespace = false): PickleDict {
  const entries = new Map<PickleValue, PickleValue>();
  const given = ofKind(from, 'dict');
  if (given) {
    m.budget.objects(given.entries.size);
    for (const [key, value] of given.entries) entries.set(key, value);
  } else if (from !== undefined) {
    for (const item of sequence(from, m)) {
      const pair = ofKind(item, 'tuple') ?? ofKind(item, 'list');
      if (pair?.items.length !== 2) throw m.broken('pairs of a key and a value');
      entries.set(pair.items[0]!, pair.items[1]!);
    }
  }
  return { kind: 'dict', entries, namespace };
}

/** Bytes as protocol 2 of Python 3 writes them: text of their Latin-1 characters. */
function encode(args: readonly PickleValue[], m: Machine): PickleValue {
  const [text, codec] = args;
  if (typeof text !== 'string' || codec !== 'latin1') throw m.broken('text to be encoded in latin1');
  m.budget.objects(Math.ceil(text.length / 64)); // a few bytes of a pickle can have a long text encoded again
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff);
  if (latin1(bytes) !== text) throw m.broken('text of Latin-1 characters');
  return bytes;
}

function plainText(value: PickleValue | undefined, m: Machine): string {
  if (typeof value === 'string' && value.length <= 64) return value;
  if (typeof value === 'number') return String(value);
  throw m.broken(`a short text, not ${describeValue(value)},`);
}
