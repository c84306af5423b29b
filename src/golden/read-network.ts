import type { Network } from '../model/scope.ts';
import type { Attempt } from './attempt.ts';
import type { ArrayCase } from './case.ts';

/** A network of ours from a case's `config`, or why not; `features` are the intermediates to give as outputs too. */
export type ReadNetwork = (
  c: ArrayCase,
  features: readonly string[],
) => Network | (Attempt & { readonly kind: 'unsupported' });

/** A network of our table that a case names. */
export interface NamedCase {
  readonly name: string;
  readonly classes: number;
  readonly features: readonly string[];
}

/** What a family does with the rest of a case's `config`. */
export type ReadNamed = (c: ArrayCase, named: NamedCase) => ReturnType<ReadNetwork>;
