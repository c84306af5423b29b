import { Fault } from '../../core/fault.ts';

/**
 * Containers, and copies of their items, that a pickle may make, and steps of the machine: so many for any file, and one
 * more for so many bytes of it. A byte of a pickle can ask for an object of 100, and one that copies a long list for any
 * number of them; a tensor of a checkpoint counts 25, and its data make the file longer.
 */
const OBJECTS = { any: 200_000, bytesEach: 64, most: 10_000_000 } as const;
const STEPS = { any: 1_000_000, bytesEach: 16, most: 50_000_000 } as const;

/** What an empty dict counts, which takes some 230 bytes. */
export const DICT = 4;

function allowed({ any, bytesEach, most }: typeof OBJECTS | typeof STEPS, fileBytes: number): number {
  return Math.min(most, any + Math.floor(fileBytes / bytesEach));
}

/** Counts what a pickle makes, so that a short one cannot fill the memory or run for long. */
export class Budget {
  readonly #where: string;
  readonly #mostObjects: number;
  readonly #mostSteps: number;
  #objects = 0;
  #steps = 0;

  constructor(where: string, fileBytes: number) {
    this.#where = where;
    this.#mostObjects = allowed(OBJECTS, fileBytes);
    this.#mostSteps = allowed(STEPS, fileBytes);
  }

  /** A step of the machine. */
  step(): void {
    if (++this.#steps > this.#mostSteps) throw this.#spent(`${this.#mostSteps} steps`);
  }

  /** `n` containers or entries are about to be made. */
  objects(n: number): void {
    this.#objects += n;
    if (this.#objects > this.#mostObjects) throw this.#spent(`${this.#mostObjects} objects`);
  }

  #spent(what: string): Fault {
    return new Fault(
      'data',
      `${this.#where}: expected a pickle that makes at most ${what}, got more. Save the state_dict alone.`,
    );
  }
}
