import { Fault } from '../../core/fault.ts';
import { showName } from '../safetensors-header.ts';
import { Budget } from './budget.ts';
import { Cursor } from './cursor.ts';
import { build, call, isKnown } from './globals.ts';
import { describeValue, ofKind, type PickleGlobal, type PickleValue, REFUSED } from './value.ts';

/** Deepest stack, in values and in marks. */
const DEPTH = 1_000_000;

/** Names that a message lists. */
const NAMED = 10;

/** Gives what a persistent id stands for: a storage, in PyTorch's files. */
export type PersistentLoad = (id: PickleValue) => PickleValue;

/** What a pickle is read in. */
export interface PickleContext {
  /** Begins a message; the file's name. */
  readonly where: string;
  /** Size of the whole file, which bounds what its pickles may make. */
  readonly fileBytes: number;
  /** Without it a persistent id is a fault. */
  readonly persistent?: PersistentLoad;
}

/**
 * The stack, the marks and the memo of a pickle being read. It makes tensors and plain data: a global is a name on a
 * list, calling one is a function of `globals.ts`, and nothing else is ever looked up by a name from the file.
 */
export class Machine {
  readonly cursor: Cursor;
  readonly where: string;
  readonly budget: Budget;
  /** Names that were asked for and are not on the list. */
  readonly refused: Set<string> = new Set();
  /** The opcode that was met and is not on the list. */
  refusedOpcode: string | undefined;
  readonly #persistent: PersistentLoad | undefined;
  readonly #globals: Map<string, PickleGlobal> = new Map();
  readonly #memo: Map<number, PickleValue> = new Map();
  #stack: PickleValue[] = [];
  readonly #marks: number[] = [];

  constructor(bytes: Uint8Array, { where, fileBytes, persistent }: PickleContext) {
    this.cursor = new Cursor(bytes, where);
    this.where = where;
    this.budget = new Budget(where, fileBytes);
    this.#persistent = persistent;
  }

  push(value: PickleValue): void {
    if (this.#stack.length >= DEPTH) throw this.broken(`a stack of at most ${DEPTH} values`);
    this.#stack.push(value);
  }

  pop(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.broken('a value on the stack');
    return this.#stack.pop()!;
  }

  /** The value on top, which stays. */
  top(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.broken('a value on the stack');
    return this.#stack.at(-1)!;
  }

  mark(): void {
    if (this.#marks.length >= DEPTH) throw this.broken(`at most ${DEPTH} marks`);
    this.#marks.push(this.#stack.length);
  }

  /** The values above the last mark, which goes with them. */
  popMark(): PickleValue[] {
    const start = this.#marks.pop();
    if (start === undefined) throw this.broken('a mark');
    return this.#stack.splice(start);
  }

  remember(index: number): void {
    this.budget.objects(this.#memo.has(index) ? 0 : 1);
    this.#memo.set(index, this.top());
  }

  rememberNext(): void {
    this.remember(this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.broken(`something remembered under ${index}`);
    this.push(value);
  }

  global(module: string, name: string): void {
    const full = `${module}.${name}`;
    const known = this.#globals.get(full);
    if (known) {
      this.push(known);
    } else if (isKnown(full)) {
      const made: PickleGlobal = { kind: 'global', name: full };
      this.#globals.set(full, made);
      this.push(made);
    } else {
      this.budget.objects(1);
      this.refused.add(full);
      this.push(REFUSED);
    }
  }

  /** Calls what lies below the arguments on the stack, if it is a global of the list. */
  reduce(): void {
    const args = this.pop();
    const target = this.pop();
    if (target === REFUSED) {
      this.push(REFUSED);
      return;
    }
    const global = ofKind(target, 'global');
    const tuple = ofKind(args, 'tuple');
    if (!global || !tuple) {
      throw this.broken(`a name and a tuple to call it with, got ${describeValue(target)} and ${describeValue(args)}`);
    }
    this.push(call(global.name, tuple.items, this));
  }

  /** Gives the object on the stack its state. */
  build(): void {
    const state = this.pop();
    build(this.top(), state, this);
  }

  persistent(): void {
    if (!this.#persistent) throw this.broken('a pickle that stands alone, not a persistent id,');
    this.push(this.#persistent(this.pop()));
  }

  /** A fault at the place reached. */
  broken(expected: string): Fault {
    return new Fault(
      'data',
      `${this.where}: expected ${expected} at byte ${this.cursor.at} of the pickle. The file is damaged or was not written by torch.save.`,
    );
  }

  /** Says what was asked for and is not on the list; undefined where all was. */
  refusal(): Fault | undefined {
    const opcode = this.refusedOpcode;
    if (this.refused.size === 0 && opcode === undefined) return undefined;
    const names = [...this.refused].slice(0, NAMED).map(showName);
    if (this.refused.size > NAMED) names.push(`${this.refused.size - NAMED} more`);
    const globals = names.length > 0 ? [`the ${names.length === 1 ? 'global' : 'globals'} ${names.join(', ')}`] : [];
    const asked = [...globals, ...(opcode === undefined ? [] : [`the opcode ${opcode}`])].join(' and ');
    return new Fault(
      'data',
      `${this.where}: expected tensors and plain data, got a pickle that asks for ${asked}. Nothing of it was run. Save the weights alone: torch.save(model.state_dict(), path).`,
    );
  }
}
