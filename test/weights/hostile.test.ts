import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { float32, int64, tensor } from '../../src/core/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { readSafetensorsHeader } from '../../src/weights/safetensors-header.ts';
import { file } from './files.ts';

const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
const a = entry('U8', [2], 0, 2);
const deep = '['.repeat(200_000);

const lies: readonly [string, Uint8Array, RegExp][] = [
  ['an empty file', new Uint8Array(0), /at least 8 bytes, got 0/],
  ['a file of seven bytes', new Uint8Array(7), /at least 8 bytes, got 7/],
  ['a header longer than the file', file('{}', [], 3n), /at most 2 bytes, got a size of 3/],
  ['a header of 2^63 bytes', file('{}', [], 2n ** 63n), /at most 2 bytes, got a size of 9223372036854775808/],
  ['a header that is no JSON', file('{"a":'), /header/],
  ['an empty header', file(''), /begins with "\{"/],
  ['a header that begins with a space', file(' {}'), /begins with "\{"/],
  ['a header that is an array', file('[]'), /begins with "\{"/],
  ['two objects', file('{}{}'), /nothing after the object/],
  ['bytes that are not UTF-8', file('{"\u00ff":1}').map((b) => (b === 0xc3 ? 0xff : b)), /UTF-8/],
  ['a name of half a character', file(`{"\\ud800":${a}}`, [1, 2]), /Unicode/],
  ['nesting that would fill the stack', file(`{"a":${deep}`), /levels of nesting/],
  ['a name twice', file(`{"a":${a},"a":${a}}`, [1, 2]), /did not occur before at character 53 of/],
  ['a name twice, once by escapes', file(`{"a":${a},"\\u0061":${a}}`, [1, 2]), /did not occur before/],
  [
    'a field twice',
    file('{"a":{"dtype":"U8","dtype":"I8","shape":[2],"data_offsets":[0,2]}}', [1, 2]),
    /did not occur/,
  ],
  [
    'a field that is not of the format',
    file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":1}}', [1, 2]),
    /nothing else/,
  ],
  ['no offsets', file('{"a":{"dtype":"U8","shape":[2]}}', [1, 2]), /expected \{dtype, shape, data_offsets/],
  ['three offsets', file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2,2]}}', [1, 2]), /data_offsets/],
  ['a tensor that is a number', file('{"a":5}'), /tensor "a": expected \{dtype/],
  ['a shape with a fraction', file(`{"a":${entry('U8', [1.5], 0, 2)}}`, [1, 2]), /whole number/],
  ['a negative size', file(`{"a":${entry('U8', [-2], 0, 2)}}`, [1, 2]), /a string, a whole number/],
  ['a size in floating point', file('{"a":{"dtype":"U8","shape":[2e0],"data_offsets":[0,2]}}', [1, 2]), /whole number/],
  [
    'a size beyond 2^53',
    file('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,2]}}', [1, 2]),
    /below 2\^53/,
  ],
  ['an element type not supported', file(`{"a":${entry('F8_E4M3', [2], 0, 2)}}`, [1, 2]), /tensor "a".*got "F8_E4M3"/],
  ['16-bit integers', file(`{"a":${entry('U16', [1], 0, 2)}}`, [1, 2]), /tensor "a".*got "U16"/],
  ['an element type of the prototype', file(`{"a":${entry('toString', [2], 0, 2)}}`, [1, 2]), /got "toString"/],
  ['a terabyte that is not there', file(`{"a":${entry('F32', [2 ** 38], 0, 2 ** 40)}}`), /cut short/],
  ['a shape whose product overflows', file(`{"a":${entry('F32', [2 ** 52, 2 ** 52], 0, 0)}}`), /more than 2\^53 bytes/],
  [
    'a product that wraps to zero in 64 bits',
    file(`{"a":${entry('U8', [2 ** 32, 2 ** 32], 0, 0)}}`),
    /more than 2\^53/,
  ],
  [
    'a shape larger than its bytes',
    file(`{"a":${entry('F32', [2], 0, 4)}}`, [1, 2, 3, 4]),
    /expected 8 bytes for F32 \[2\]/,
  ],
  ['a shape smaller than its bytes', file(`{"a":${entry('U8', [1], 0, 2)}}`, [1, 2]), /expected 1 bytes/],
  ['offsets in the wrong order', file(`{"a":${entry('U8', [2], 2, 0)}}`, [1, 2]), /data_offsets \[2, 0\]/],
  ['an overlap', file(`{"a":${a},"b":${entry('U8', [2], 1, 3)}}`, [1, 2, 3]), /"b" overlaps/],
  ['the same bytes twice', file(`{"a":${a},"b":${a}}`, [1, 2]), /overlaps/],
  ['a hole', file(`{"a":${a},"b":${entry('U8', [1], 3, 4)}}`, [1, 2, 3, 4]), /"b" leaves a hole/],
  ['a hole at the beginning', file(`{"a":${entry('U8', [1], 1, 2)}}`, [1, 2]), /"a" leaves a hole/],
  ['bytes after the last tensor', file(`{"a":${a}}`, [1, 2, 3]), /Something follows/],
  ['a missing last byte', file(`{"a":${a}}`, [1]), /cut short/],
  ['metadata that is no map', file('{"__metadata__":"x"}'), /map strings to strings/],
  ['metadata of numbers', file('{"__metadata__":{"x":1}}'), /map strings to strings/],
  ['a BOOL of 2', file(`{"a":${entry('BOOL', [2], 0, 2)}}`, [1, 2]), /0 or 1/],
];

describe('a safetensors file is refused when it holds', () => {
  it.each(lies)('%s', (_, bytes, message) => {
    expect(() => readSafetensors(bytes, 'w.safetensors')).toThrowError(message);
    expect(() => readSafetensors(bytes, 'w.safetensors')).toThrowError(/^w\.safetensors: /);
    expect(() => readSafetensors(bytes)).toThrowError(expect.objectContaining({ name: 'Fault', code: 'data' }));
  });
});

const good = writeSafetensors(
  [
    ['layer.weight', float32([2, 3], [1, 2, 3, 4, 5, 6])],
    ['layer.bias', float32([2], [7, 8])],
    ['count', int64([], [9])],
    ['mask', tensor('bool', [3], Uint8Array.of(1, 0, 1))],
  ],
  { format: 'pt' },
);

/** Reads, and says what came of it: a Fault, or tensors that together have at most the file's bytes. */
function survives(bytes: Uint8Array): void {
  try {
    const { tensors } = readSafetensors(bytes);
    let held = 0;
    for (const t of tensors.values()) held += t.data.byteLength;
    expect(held).toBeLessThanOrEqual(2 * bytes.length); // a half becomes twice as wide
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'data') throw error;
  }
}

describe('whatever the bytes, reading ends in tensors of the size of the file or in a Fault', () => {
  const at = fc.nat({ max: good.length - 1 });

  it('with bytes changed', () => {
    const changes = fc.array(fc.tuple(at, fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(changes, (edits) => {
        const bytes = good.slice();
        for (const [i, b] of edits) bytes[i] = b;
        survives(bytes);
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it('with digits of the header changed, which keeps it JSON', () => {
    const digits = [...good.keys()].filter((i) => i >= 8 && good[i]! >= 48 && good[i]! <= 57);
    const changes = fc.array(fc.tuple(fc.constantFrom(...digits), fc.integer({ min: 48, max: 57 })), { minLength: 1 });
    fc.assert(
      fc.property(changes, (edits) => {
        const bytes = good.slice();
        for (const [i, b] of edits) bytes[i] = b;
        survives(bytes);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  it('with the end cut off or more added', () => {
    for (let n = 0; n < good.length; n++) {
      expect(() => readSafetensors(good.subarray(0, n))).toThrowError(Fault);
    }
    expect(() => readSafetensors(new Uint8Array([...good, 0]))).toThrowError(Fault);
  });

  it('with any JSON for a header', () => {
    const whole = fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.double());
    const tensorLike = fc.record({
      dtype: fc.oneof(fc.constantFrom('F32', 'U8', 'F16', 'BOOL', 'F8_E5M2'), fc.string()),
      shape: fc.oneof(fc.array(whole), fc.jsonValue()),
      data_offsets: fc.oneof(fc.tuple(whole, whole), fc.array(whole)),
    });
    const header = fc.oneof(fc.dictionary(fc.string(), fc.oneof(tensorLike, fc.jsonValue())), fc.jsonValue());
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 64 }), (value, data) =>
        survives(file(JSON.stringify(value), [...data])),
      ),
      { seed: 3, numRuns: 2000 },
    );
  });

  it('with any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(bytes)),
      { seed: 4, numRuns: 1000 },
    );
  });
});

describe('a header is checked against the size of the file', () => {
  it('without the data being there', () => {
    const start = file(`{"a":${entry('F32', [2 ** 28], 0, 2 ** 30)}}`);
    const header = readSafetensorsHeader(start, start.length + 2 ** 30);
    expect(header.entries.get('a')).toMatchObject({ bytes: 2 ** 30, offset: start.length });
    expect(() => readSafetensorsHeader(start, start.length + 2 ** 30 - 1)).toThrowError(/cut short/);
  });
});
