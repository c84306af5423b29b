import { Fault } from '../core/fault.ts';
import { showName } from './safetensors-header.ts';
import { ofKind, type PickleDict, type PickleValue, type TorchTensor } from './torch/value.ts';

/** The tensors of a checkpoint by name, and what was found around them. */
export interface Unwrapped {
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Numbers and short texts that stood beside them: epoch, arch, version. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Keys that led to the tensors, outermost first. */
  readonly keys: readonly string[];
}

/**
 * Keys under which training scripts keep a network's state, the first that holds tensors wins. Averaged weights come
 * first, as in timm's `load_checkpoint`: they are what the scripts report.
 */
const WRAPPERS: readonly string[] = [
  'state_dict_ema',
  'model_ema',
  'ema_state_dict',
  'params_ema',
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'module',
  'net',
  'network',
  'params',
  'weights',
];

/** Deepest nesting of wrappers, and of dicts of tensors. */
const DEPTH = 4;
/** Longest text and most pairs of metadata that are kept. */
const TEXT = 4096;
const PAIRS = 64;

/** Finds the network's state in what torch.save wrote. `key` (`model`, or `checkpoint.model`) says where to look. */
export function unwrap(root: PickleValue, where: string, key?: string): Unwrapped {
  let dict = ofKind(root, 'dict');
  if (!dict) throw noTensors(where, root, []);
  const keys: string[] = [];
  const around: PickleDict[] = [];
  const enter = (name: string, into: PickleDict): void => {
    around.push(dict!);
    keys.push(name);
    dict = into;
  };
  for (const name of key?.split('.') ?? []) {
    const into = ofKind(dict.entries.get(name), 'dict');
    if (!into) throw noTensors(where, dict, [...keys, name]);
    enter(name, into);
  }
  for (let depth = 0; key === undefined && depth < DEPTH; depth++) {
    const next = wrapped(dict);
    if (!next) break;
    enter(...next);
  }
  const tensors = new Map<string, TorchTensor>();
  collect(dict, '', { tensors, seen: new Set(), where });
  if (tensors.size === 0) throw noTensors(where, dict, keys);
  return { tensors, metadata: metadataOf(around), keys };
}

/** The dict inside that is the state; undefined where this one is. */
function wrapped(dict: PickleDict): [name: string, into: PickleDict] | undefined {
  for (const name of WRAPPERS) {
    const into = ofKind(dict.entries.get(name), 'dict');
    if (into && holdsTensors(into)) return [name, into];
  }
  const values = [...dict.entries.values()];
  if (values.some((value) => ofKind(value, 'tensor'))) return undefined;
  const inner = [...dict.entries].flatMap(([name, value]): [string, PickleDict][] => {
    const into = ofKind(value, 'dict');
    return into && typeof name === 'string' && holdsTensors(into) ? [[name, into]] : [];
  });
  return inner.length === 1 ? inner[0] : undefined;
}

/** Whether a dict holds tensors, itself or in the dicts that it holds. */
function holdsTensors(dict: PickleDict): boolean {
  const seen = new Set([dict]);
  for (const each of seen) {
    for (const value of each.entries.values()) {
      if (ofKind(value, 'tensor')) return true;
      const inner = ofKind(value, 'dict');
      if (inner) seen.add(inner);
    }
  }
  return false;
}

interface Collecting {
  readonly tensors: Map<string, TorchTensor>;
  /** Dicts that were walked: one that holds itself ends there. */
  readonly seen: Set<PickleDict>;
  readonly where: string;
}

function collect(dict: PickleDict, prefix: string, to: Collecting, depth = 0): void {
  to.seen.add(dict);
  for (const [key, value] of dict.entries) {
    if (typeof key !== 'string' && typeof key !== 'number') continue;
    const name = `${prefix}${key}`;
    const tensor = ofKind(value, 'tensor');
    const inner = ofKind(value, 'dict');
    if (tensor) {
      if (to.tensors.has(name)) {
        throw new Fault('data', `${to.where}: expected names that differ, got ${showName(name)} twice.`);
      }
      to.tensors.set(name, tensor);
    } else if (inner && depth < DEPTH && !to.seen.has(inner)) collect(inner, `${name}.`, to, depth + 1);
  }
}

function metadataOf(around: readonly PickleDict[]): Readonly<Record<string, string>> {
  const pairs: [string, string][] = [];
  for (const { entries } of around) {
    for (const [key, value] of entries) {
      const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      const text = plain ? String(value) : '';
      if (plain && typeof key === 'string' && text.length <= TEXT && key.length <= TEXT) pairs.push([key, text]);
    }
  }
  return Object.fromEntries(pairs.slice(0, PAIRS));
}

function noTensors(where: string, value: PickleValue, keys: readonly string[]): Fault {
  const at = keys.length > 0 ? ` under ${showName(keys.join('.'))}` : '';
  const dict = ofKind(value, 'dict');
  const known = [...(dict?.entries.keys() ?? [])].filter((k) => typeof k === 'string');
  const got = dict
    ? `a dict with the keys ${known.slice(0, 10).map(showName).join(', ') || '(none)'}`
    : describe(value);
  return new Fault('data', `${where}: expected a dict of tensors${at}, got ${got}. Save model.state_dict().`);
}

function describe(value: PickleValue): string {
  if (ofKind(value, 'tensor')) return 'a single tensor';
  return ofKind(value, 'list') || ofKind(value, 'tuple') ? 'a list' : 'something else';
}

/** Beginnings of names that wrappers of a network add: DataParallel's and torch.compile's. */
const PREFIXES: readonly string[] = ['module.', '_orig_mod.'];

/** Entries without the beginnings that a wrapper put before all their names (those with a dot), and these beginnings. */
export function withoutPrefixes<E extends { readonly name: string }>(
  entries: readonly E[],
): { readonly entries: readonly E[]; readonly prefixes: readonly string[] } {
  const prefixes: string[] = [];
  let rest = entries;
  for (;;) {
    const dotted = rest.filter(({ name }) => name.includes('.'));
    const prefix = PREFIXES.find((p) => dotted.length > 0 && dotted.every(({ name }) => name.startsWith(p)));
    if (prefix === undefined) return { entries: rest, prefixes };
    const stripped = rest.map((e) => (e.name.startsWith(prefix) ? { ...e, name: e.name.slice(prefix.length) } : e));
    if (new Set(stripped.map(({ name }) => name)).size < stripped.length) return { entries: rest, prefixes };
    prefixes.push(prefix);
    rest = stripped;
  }
}
