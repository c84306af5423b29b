import { Fault } from '../core/fault.ts';

/**
 * A size along an axis: a number, or an expression in symbols with +, −, × and floor division.
 * Expressions are kept in a normal form (a polynomial over symbols and quotients), so that equal ones have equal keys.
 */
export type Dim = number | SymbolicDim;

/** A dimension that is known only when its symbols are bound. */
export interface SymbolicDim {
  readonly kind: 'symbolic';
  readonly terms: readonly Term[];
  /** The normal form as text; two dimensions are equal exactly when their keys are. */
  readonly key: string;
}

interface Term {
  readonly coefficient: number;
  readonly atoms: readonly Atom[];
}

/** A symbol, or floor(numerator / denominator). */
export type Atom =
  | { readonly kind: 'symbol'; readonly name: string; readonly key: string }
  | { readonly kind: 'quotient'; readonly numerator: Dim; readonly denominator: Dim; readonly key: string };

/** Sizes of symbols by name. */
export type Bindings = ReadonlyMap<string, number>;

function make(terms: readonly Term[]): Dim {
  const byKey = new Map<string, Term>();
  for (const term of terms) {
    const atoms = [...term.atoms].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    const key = atoms.map((a) => a.key).join('*');
    const coefficient = (byKey.get(key)?.coefficient ?? 0) + term.coefficient;
    byKey.set(key, { coefficient, atoms });
  }
  const kept = [...byKey].filter(([, t]) => t.coefficient !== 0).sort(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0));
  if (kept.length === 0) return 0;
  if (kept.length === 1 && kept[0]![1].atoms.length === 0) return kept[0]![1].coefficient;
  return { kind: 'symbolic', terms: kept.map(([, t]) => t), key: kept.map(([k, t]) => showTerm(k, t)).join('+') };
}

function showTerm(key: string, term: Term): string {
  if (key === '') return String(term.coefficient);
  return term.coefficient === 1 ? key : `${term.coefficient}*${key}`;
}

function termsOf(d: Dim): readonly Term[] {
  if (typeof d !== 'number') return d.terms;
  return d === 0 ? [] : [{ coefficient: d, atoms: [] }];
}

/** A symbol, such as `batch`. */
export function symbol(name: string): SymbolicDim {
  const atom: Atom = { kind: 'symbol', name, key: name };
  return { kind: 'symbolic', terms: [{ coefficient: 1, atoms: [atom] }], key: name };
}

/** a + b */
export function addDim(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  return make([...termsOf(a), ...termsOf(b)]);
}

/** a − b */
export function subDim(a: Dim, b: Dim): Dim {
  return addDim(a, mulDim(b, -1));
}

/** a × b */
export function mulDim(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  const terms: Term[] = [];
  for (const x of termsOf(a)) {
    for (const y of termsOf(b)) {
      terms.push({ coefficient: x.coefficient * y.coefficient, atoms: [...x.atoms, ...y.atoms] });
    }
  }
  return make(terms);
}

/** floor(a / b); a divisor that is a number must be positive. */
export function floorDivDim(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.floor(a / b);
  if (sameDim(a, b)) return 1;
  if (typeof b !== 'number') return exactQuotient(a, b) ?? quotient(a, b);
  if (b === 1) return a;
  // floor((q b + r) / b) = q + floor(r / b), term by term with r's coefficients in [0, b).
  const whole: Term[] = [];
  const rest: Term[] = [];
  for (const { coefficient, atoms } of termsOf(a)) {
    const q = Math.floor(coefficient / b);
    if (q !== 0) whole.push({ coefficient: q, atoms });
    if (coefficient - q * b !== 0) rest.push({ coefficient: coefficient - q * b, atoms });
  }
  const remainder = make(rest);
  const fraction = typeof remainder === 'number' ? Math.floor(remainder / b) : quotient(remainder, b);
  return addDim(make(whole), fraction);
}

function quotient(a: Dim, b: Dim): Dim {
  const sum = typeof b === 'number' ? quotientAndRest(a) : undefined;
  if (sum && typeof b === 'number') {
    // floor((floor(x / m) + d) / n) = floor((x + m d) / (m n)), d a whole number
    return floorDivDim(addDim(sum.numerator, mulDim(sum.rest, sum.denominator)), sum.denominator * b);
  }
  const atom: Atom = { kind: 'quotient', numerator: a, denominator: b, key: `floor((${showDim(a)})/(${showDim(b)}))` };
  return make([{ coefficient: 1, atoms: [atom] }]);
}

/** The parts of floor(x / m) + rest, m a number and no quotient in the rest. */
function quotientAndRest(d: Dim): { numerator: Dim; denominator: number; rest: Dim } | undefined {
  const terms = termsOf(d);
  const quotients = terms.filter((t) => t.atoms.some((a) => a.kind === 'quotient'));
  const atom = quotients[0]?.atoms[0];
  if (quotients.length !== 1 || quotients[0]!.coefficient !== 1 || quotients[0]!.atoms.length !== 1) return undefined;
  if (atom?.kind !== 'quotient' || typeof atom.denominator !== 'number') return undefined;
  const rest = make(terms.filter((t) => t !== quotients[0]));
  return { numerator: atom.numerator, denominator: atom.denominator, rest };
}

/** a / b where b is one product that divides every term of a exactly. */
function exactQuotient(a: Dim, b: SymbolicDim): Dim | undefined {
  if (b.terms.length !== 1) return undefined;
  const divisor = b.terms[0]!;
  const out: Term[] = [];
  for (const term of termsOf(a)) {
    const atoms = [...term.atoms];
    for (const atom of divisor.atoms) {
      const at = atoms.findIndex((x) => x.key === atom.key);
      if (at < 0) return undefined;
      atoms.splice(at, 1);
    }
    if (term.coefficient % divisor.coefficient !== 0) return undefined;
    out.push({ coefficient: term.coefficient / divisor.coefficient, atoms });
  }
  return make(out);
}

/** Product of dimensions; 1 for none. */
export function productDim(dims: readonly Dim[]): Dim {
  return dims.reduce(mulDim, 1 as Dim);
}

/** Whether two dimensions are equal for every binding of their symbols (as far as the normal form tells). */
export function sameDim(a: Dim, b: Dim): boolean {
  return typeof a === 'number' || typeof b === 'number' ? a === b : a.key === b.key;
}

/** Whether two shapes are equal, dimension by dimension. */
export function sameDims(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((d, i) => sameDim(d, b[i]!));
}

/** A dimension as people read it. */
export function showDim(d: Dim): string {
  return typeof d === 'number' ? String(d) : d.key;
}

/** A shape as people read it: `[batch, 3, 224, 224]`. */
export function showDims(dims: readonly Dim[]): string {
  return `[${dims.map(showDim).join(', ')}]`;
}

/** The dimension with its symbols replaced by sizes; unbound symbols stay. */
export function bindDim(d: Dim, bindings: Bindings): Dim {
  if (typeof d === 'number') return d;
  let sum: Dim = 0;
  for (const { coefficient, atoms } of d.terms) {
    sum = addDim(
      sum,
      atoms.reduce<Dim>((p, a) => mulDim(p, bindAtom(a, bindings)), coefficient),
    );
  }
  return sum;
}

function bindAtom(atom: Atom, bindings: Bindings): Dim {
  if (atom.kind === 'quotient')
    return floorDivDim(bindDim(atom.numerator, bindings), bindDim(atom.denominator, bindings));
  return bindings.get(atom.name) ?? symbol(atom.name);
}

/** The number a dimension stands for; a fault if it depends on a symbol. */
export function known(d: Dim, what: string): number {
  if (typeof d === 'number') return d;
  throw new Fault('shape', `${what}: expected a known size, got ${d.key}. Bind its symbols first.`);
}

/** All dimensions as numbers; a fault if one depends on a symbol. */
export function knownShape(dims: readonly Dim[], what: string): number[] {
  return dims.map((d) => known(d, `${what}, shape ${showDims(dims)}`));
}
