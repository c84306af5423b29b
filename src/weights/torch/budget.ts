import { Fault } from '../../core/fault.ts';

/**
 * Most containers, and copies of their items, that a pickle may make. A byte of a pickle can ask for an object of 100,
 * and one that copies a long list for any number of them; the largest published checkpoints need some 100,000.
 */
const OBJECTS = 400_000;
/** Most steps of the machine: each can hold on to a value of 8 bytes or so. */
const STEPS = 2_000_000;

/** Counts what a pickle makes, so that a short one cannot fill the memory or run for long. */
export class Budget {
  readonly #where: string;
  #objects = OBJECTS;
  #steps = STEPS;

  constructor(where: string) {
    this.#where = where;
  }

  /** A step of the machine. */
  step(): void {
    if (--this.#steps < 0) throw this.#spent(`${STEPS} steps`);
  }

  /** `n` containers or entries are about to be made. */
  objects(n: number): void {
    this.#objects -= n;
    if (this.#objects < 0) throw this.#spent(`${OBJECTS} objects`);
  }

  #spent(what: string): Fault {
    return new Fault(
      'data',
      `${this.#where}: expected a pickle that makes at most ${what}, got more. Save the state_dict alone.`,
    );
  }
}
