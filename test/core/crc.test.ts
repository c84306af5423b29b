import { describe, expect, test } from 'vitest';
import { crc32, crc32c } from '../../src/core/crc.ts';
import { random } from '../../src/core/random.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bit by bit, from the definition. */
function slow(polynomial: number, data: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of data) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
  }
  return ~c >>> 0;
}

describe('checksums', () => {
  test('of "123456789" are the check values of the catalogue', () => {
    expect([crc32(bytes('123456789')), crc32c(bytes('123456789'))]).toEqual([0xcbf43926, 0xe3069283]);
  });
  test('of 32 zeros is that of RFC 3720', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  });
  test('equal the bit-by-bit definition at every length and alignment', () => {
    const draws = random(0, 'crc');
    const all = Uint8Array.from({ length: 100 }, () => draws.integer(256));
    for (let from = 0; from < 9; from++) {
      for (let length = 0; length < 40; length++) {
        const part = all.subarray(from, from + length);
        expect([crc32(part), crc32c(part)]).toEqual([slow(0xedb88320, part), slow(0x82f63b78, part)]);
      }
    }
  });
  test('go on where they stopped', () => {
    const text = bytes('a checkpoint in pieces');
    expect(crc32c(text.subarray(7), crc32c(text.subarray(0, 7)))).toBe(crc32c(text));
  });
});
