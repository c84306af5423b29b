import { isFloating } from '../core/dtype.ts';
import type { ArrayCase, CaseOutput } from './case.ts';

/**
 * How far an output may be off. `relative`: max |ours - theirs| / max |theirs|; `absolute`: max |ours - theirs|, in
 * the output's own unit; `exact`: every element equal; `zero`: max |ours| alone; `agree`: `absolute`, and the mean
 * of |ours - theirs| at most `mean`.
 */
export interface Bound {
  readonly measure: 'relative' | 'absolute' | 'exact' | 'zero' | 'agree';
  readonly most: number;
  readonly mean?: number;
}

/** Names of gradients of tensors in the corpus: `grad.P`, `d.P`, `dx`, `dx.V`, `dgrid.V`, ... */
export function isGradient(output: string): boolean {
  return /^(grad\.|d\.|dx|dgrid|ddeltas|dgiou)/.test(output);
}

/**
 * The bounds of an output; agreement with one of them suffices, since a wider one replaces the usual one.
 *
 * In order: `config.zero` and `config.agree` stand alone; integers agree exactly; else the bound of the folder and
 * model, four times the reference's own float32 error, and a bound that the notes name.
 */
export function boundsOf(c: ArrayCase, output: CaseOutput): readonly Bound[] {
  const { rules } = c;
  if (rules.zero.includes(output.name)) {
    return [{ measure: 'zero', most: Math.max(1e-5 * largestGradient(c), 10 * output.absmax) }];
  }
  const agree = rules.agree.get(output.name);
  if (agree) {
    return [{ measure: 'agree', most: agree.max_abs, mean: agree.mean_abs ?? Number.POSITIVE_INFINITY }];
  }
  if (!isFloating(output.values.dtype) || isExact(c, output.name)) return [{ measure: 'exact', most: 0 }];
  const own = typeof rules.referenceError === 'number' ? rules.referenceError : rules.referenceError.get(output.name);
  return [usualBound(c, output.name), { measure: 'relative', most: 4 * (own ?? 0) }, ...boundsInNotes(c.notes)];
}

/** The largest |element| among all gradients of a case. */
function largestGradient(c: ArrayCase): number {
  let most = 0;
  for (const o of c.outputs.values()) if (isGradient(o.name)) most = Math.max(most, o.absmax);
  return most;
}

/** Classes and indices that the corpus stores as float32. */
function isExact(c: ArrayCase, output: string): boolean {
  return c.config.model === 'duplicate_removal' && (output === 'target' || output === 'sorted_index');
}

/** The table "Bounds" of the corpus. */
function usualBound(c: ArrayCase, output: string): Bound {
  const relative = (most: number): Bound => ({ measure: 'relative', most });
  const model = typeof c.config.model === 'string' ? c.config.model : undefined;
  switch (c.folder) {
    case 'blocks':
    case 'ops':
    case 'metrics':
    case 'tracking':
      return relative(1e-5);
    case 'backbones':
      return relative(1e-4);
    case 'training':
      return relative(model === undefined ? 1e-5 : 1e-3);
    case 'video':
      if (model === 'slowfast.Nonlocal' || model === 'slowfast.inflate_weight') return relative(1e-5);
      return relative(isGradient(output) ? 1e-3 : 1e-4);
    case 'detection':
      if (model === 'relation_geometry') return { measure: 'absolute', most: 3e-4 };
      if (model === 'relation_module' || model === 'duplicate_removal' || isGradient(output)) return relative(1e-3);
      if (output === 'det.boxes' || output === 'proposals') return { measure: 'absolute', most: 0.02 }; // pixels
      return relative(1e-4);
    default:
      return c.folder satisfies never;
  }
}

/** "agree to 1e-3", "agree to 3e-4 absolute" in a case's notes. */
function boundsInNotes(notes: string): readonly Bound[] {
  return [...notes.matchAll(/\bagree to (\d+(?:\.\d+)?(?:e-?\d+)?)( absolute)?/gi)].map(([, number, absolute]) => ({
    measure: absolute ? 'absolute' : 'relative',
    most: Number(number),
  }));
}
