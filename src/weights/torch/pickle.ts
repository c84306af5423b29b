import { Fault } from '../../core/fault.ts';
import type { ByteSource } from '../source.ts';
import { ShortPickle } from './cursor.ts';
import { Machine, type PickleContext } from './machine.ts';
import { OPERATIONS, REFUSED_OPCODES } from './opcodes.ts';
import type { PickleValue } from './value.ts';

const STOP = 0x2e;

/** Most bytes of a pickle that are read; those of checkpoints have some kilobytes, tensors not counted. */
const MOST = 64 * 1024 ** 2;
/** Bytes that are read at first where the length is not known. */
const FIRST = 256 * 1024;

/** A pickle's value and where it ended, in bytes from its beginning. */
export interface Unpickled {
  readonly value: PickleValue;
  readonly end: number;
}

/**
 * Reads the pickle at the beginning of `bytes`: tensors and plain data. Every global and opcode outside the lists of
 * `globals.ts` and `opcodes.ts` is named in the fault, and nothing is run. Throws {@link ShortPickle} where the bytes
 * end before the pickle does.
 */
export function unpickle(bytes: Uint8Array, context: PickleContext): Unpickled {
  const machine = new Machine(bytes, context);
  try {
    run(machine);
  } catch (error) {
    if (error instanceof ShortPickle) throw error;
    throw machine.refusal() ?? error; // what was asked for matters more than what then went wrong
  }
  const value = machine.pop();
  const refusal = machine.refusal();
  if (refusal) throw refusal;
  return { value, end: machine.cursor.at };
}

function run(machine: Machine): void {
  const { cursor, budget } = machine;
  for (;;) {
    budget.step();
    const code = cursor.u8();
    if (code === STOP) return;
    const operation = OPERATIONS.get(code);
    if (!operation) throw unknown(machine, code);
    operation(machine);
  }
}

function unknown(machine: Machine, code: number): Fault {
  machine.refusedOpcode = REFUSED_OPCODES.get(code);
  return machine.refusal() ?? machine.broken(`an opcode of pickle, not 0x${code.toString(16)},`);
}

/** The pickle that begins at `offset` of a file, of unknown length: as much is read as it turns out to need. */
export async function unpickleAt(
  source: ByteSource,
  offset: number,
  context: Omit<PickleContext, 'fileBytes'>,
): Promise<Unpickled> {
  const rest = Math.max(0, source.size - offset);
  const most = Math.min(rest, MOST);
  for (let length = Math.min(FIRST, most); ; ) {
    try {
      return unpickle(await source.read(offset, length), { ...context, fileBytes: source.size });
    } catch (error) {
      if (!(error instanceof ShortPickle)) throw error;
      if (error.needed > most || length === most) throw tooShort(rest, error.needed, context.where);
      length = Math.min(most, Math.max(error.needed, 4 * length));
    }
  }
}

/** The pickle that fills `bytes`. */
export function unpickleWhole(bytes: Uint8Array, context: PickleContext): PickleValue {
  try {
    return unpickle(bytes, context).value;
  } catch (error) {
    if (error instanceof ShortPickle) throw tooShort(bytes.length, error.needed, context.where);
    throw error;
  }
}

function tooShort(rest: number, needed: number, where: string): Fault {
  if (rest > MOST) {
    return new Fault('data', `${where}: expected a pickle of at most ${MOST} bytes, got a longer one.`);
  }
  return new Fault(
    'data',
    `${where}: expected at least ${needed} bytes of pickle, got ${rest}. The file is cut short or damaged.`,
  );
}
