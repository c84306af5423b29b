import type { DType } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { sameShape, showShape } from '../core/shape.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import { showName } from './safetensors-header.ts';

/** A tensor that a network wants. Without `dtype` any will do. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype?: DType;
}

/** A tensor that is there, but with another shape or dtype. */
export interface MisshapenTensor {
  readonly name: string;
  readonly expected: ExpectedTensor;
  readonly got: Pick<Tensor, 'dtype' | 'shape'>;
}

/** How a file's tensors differ from a network's, each list sorted by name. */
export interface LoadReport {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshapen: readonly MisshapenTensor[];
}

/** Tensors that fit, in the network's order, and what did not. */
export interface Loaded extends LoadReport {
  readonly tensors: Map<string, Tensor>;
}

/** Options of {@link loadTensors}. */
export interface LoadOptions {
  /** What is loaded, to begin the message with: a file's name, say. */
  readonly where?: string;
  /** `strict` (usual): every difference is a fault; `partial`: what fits is taken, the rest is reported. */
  readonly mode?: 'strict' | 'partial';
}

/**
 * The tensors of a file that a network wants, in the network's order. In strict mode all missing, unexpected and
 * misshapen tensors are told in one fault, with what most likely lies behind them.
 */
export function loadTensors(expected: readonly ExpectedTensor[], found: TensorMap, options: LoadOptions = {}): Loaded {
  const tensors = new Map<string, Tensor>();
  const missing: string[] = [];
  const misshapen: MisshapenTensor[] = [];
  for (const e of expected) {
    const got = found.get(e.name);
    if (!got) missing.push(e.name);
    else if (!sameShape(e.shape, got.shape) || (e.dtype !== undefined && e.dtype !== got.dtype)) {
      misshapen.push({ name: e.name, expected: e, got });
    } else tensors.set(e.name, got);
  }
  const wanted = new Set(expected.map((e) => e.name));
  const unexpected = [...found.keys()].filter((name) => !wanted.has(name));
  missing.sort();
  unexpected.sort();
  misshapen.sort((a, b) => (a.name < b.name ? -1 : 1));
  const loaded = { tensors, missing, unexpected, misshapen };
  const clean = missing.length + unexpected.length + misshapen.length === 0;
  if (options.mode !== 'partial' && !clean)
    throw misfit(loaded, expected.length, { where: options.where ?? 'weights' });
  return loaded;
}

/** One fault that tells all differences, of which each list is cut after ten, and what most likely lies behind them. */
export function misfit(
  report: LoadReport,
  expected: number,
  { where, hint: given }: { readonly where: string; readonly hint?: string },
): Fault {
  const parts = [
    list('missing', report.missing, showName),
    list('unexpected', report.unexpected, showName),
    list('misshapen', report.misshapen, (m) => `${showName(m.name)} expected ${show(m.expected)}, got ${show(m.got)}`),
  ].filter((part) => part !== '');
  const hint =
    given ??
    prefixHint(report.missing, report.unexpected) ??
    headHint(report.misshapen, report.missing.length + report.unexpected.length) ??
    trackedHint(report.missing) ??
    'Check that the weights belong to this network, or load in partial mode to take what fits.';
  return new Fault(
    'data',
    `${where}: expected exactly the ${expected} tensors of the network, got ${parts.join('; ')}. ${hint}`,
  );
}

/** At most ten of a kind, after their count. */
function list<T>(kind: string, items: readonly T[], say: (item: T) => string): string {
  if (items.length === 0) return '';
  const more = items.length > 10 ? `, and ${items.length - 10} more` : '';
  return `${items.length} ${kind} (${items.slice(0, 10).map(say).join(', ')}${more})`;
}

function show(t: ExpectedTensor | Pick<Tensor, 'dtype' | 'shape'>): string {
  return t.dtype === undefined ? showShape(t.shape) : `${t.dtype} ${showShape(t.shape)}`;
}

/** Dots of a name that may end a prefix; wrappers like `module.` or `state_dict.model.` have one to three. */
const PREFIX_DOTS = 4;

/**
 * Says so when names would agree without a common beginning: weights saved from a wrapper (`module.`, `model.`), or
 * those of a bare network loaded into a larger one.
 */
function prefixHint(missing: readonly string[], unexpected: readonly string[]): string | undefined {
  const extra = commonPrefix(unexpected, missing);
  if (extra) {
    return `${extra.count} names of the file differ only by the prefix ${showName(extra.prefix)}: remove it with a rename rule.`;
  }
  const lacking = commonPrefix(missing, unexpected);
  if (lacking) {
    return `${lacking.count} names of the file lack only the prefix ${showName(lacking.prefix)}: add it with a rename rule.`;
  }
  return undefined;
}

/** The prefix, ending in a dot, that most `long` names have before a name of `short`; it must hold for half of them. */
function commonPrefix(
  long: readonly string[],
  short: readonly string[],
): { readonly prefix: string; readonly count: number } | undefined {
  const wanted = new Set(short);
  const counts = new Map<string, number>();
  for (const name of long) {
    let dot = name.indexOf('.');
    for (let i = 0; i < PREFIX_DOTS && dot >= 0; i++) {
      if (wanted.has(name.slice(dot + 1))) {
        const prefix = name.slice(0, dot + 1);
        counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      }
      dot = name.indexOf('.', dot + 1);
    }
  }
  const best = [...counts].sort((a, b) => b[1] - a[1])[0];
  return best && best[1] * 2 >= wanted.size ? { prefix: best[0], count: best[1] } : undefined;
}

/** Says so when only one layer's number of outputs differs: a classifier of other classes. */
function headHint(misshapen: readonly MisshapenTensor[], otherDifferences: number): string | undefined {
  const [first] = misshapen;
  if (!first || otherDifferences > 0) return undefined;
  const layer = first.name.slice(0, first.name.lastIndexOf('.') + 1);
  const ours = first.expected.shape[0];
  const theirs = first.got.shape[0];
  const alike = misshapen.every(
    ({ name, expected, got }) =>
      name.startsWith(layer) &&
      !name.slice(layer.length).includes('.') &&
      expected.shape.length === got.shape.length &&
      expected.shape[0] === ours &&
      got.shape[0] === theirs &&
      expected.shape.every((d, i) => i === 0 || d === got.shape[i]),
  );
  if (!alike || layer === '' || ours === theirs) return undefined;
  return `Only ${showName(layer.slice(0, -1))} differs, ${theirs} outputs in the file and ${ours} here: set the number of classes to ${theirs}, or load in partial mode and train this layer anew.`;
}

/** Says so when only the counters of batch norms are missing, which files from before PyTorch 0.4.1 lack. */
function trackedHint(missing: readonly string[]): string | undefined {
  if (missing.length === 0 || !missing.every((name) => name.endsWith('num_batches_tracked'))) return undefined;
  return 'Only counters of batch norms are missing, as in files of old PyTorch versions: load in partial mode and set them to 0.';
}
