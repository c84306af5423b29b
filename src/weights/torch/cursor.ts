import { Fault } from '../../core/fault.ts';

/** Thrown where a pickle goes on beyond the bytes at hand: `needed` of them, counted from their first, are required. */
export class ShortPickle extends Error {
  readonly needed: number;

  constructor(needed: number) {
    super(`${needed} bytes are needed`);
    this.needed = needed;
  }
}

/** Steps through the bytes of a pickle. */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly where: string;
  at = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, where: string) {
    this.bytes = bytes;
    this.where = where;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Steps over `n` bytes and gives where they began. */
  skip(n: number): number {
    const start = this.at;
    if (n > this.bytes.length - start) throw new ShortPickle(start + n);
    this.at = start + n;
    return start;
  }

  take(n: number): Uint8Array {
    const start = this.skip(n);
    return this.bytes.subarray(start, start + n);
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** A double, whose bytes a pickle holds the other way round. */
  f64(): number {
    return this.#view.getFloat64(this.skip(8), false);
  }

  /** A size of 8 bytes. */
  size(): number {
    const n = Number(this.#view.getBigUint64(this.skip(8), true));
    if (Number.isSafeInteger(n)) return n;
    throw new Fault(
      'data',
      `${this.where}: expected a size below 2^53 at byte ${this.at - 8} of the pickle, got ${n}.`,
    );
  }

  /** Text up to a line's end, which is stepped over; at most `most` bytes of it. */
  line(most: number): string {
    const end = this.bytes.subarray(0, this.at + most + 1).indexOf(0x0a, this.at);
    if (end >= 0) {
      const text = latin1(this.bytes.subarray(this.at, end));
      this.at = end + 1;
      return text;
    }
    if (this.bytes.length <= this.at + most) throw new ShortPickle(this.bytes.length + 1);
    throw new Fault(
      'data',
      `${this.where}: expected a name of at most ${most} bytes at byte ${this.at} of the pickle.`,
    );
  }
}

/** Text of which each byte is a character. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}
