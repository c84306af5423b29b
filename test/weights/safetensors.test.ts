import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor, tensor } from '../../src/core/tensor.ts';
import {
  openSafetensors,
  readSafetensors,
  safetensorsPieces,
  writeSafetensors,
} from '../../src/weights/safetensors.ts';
import { file } from './files.ts';

const read = (header: string, ...data: number[]): Map<string, Tensor> => readSafetensors(file(header, data)).tensors;

describe('readSafetensors', () => {
  it('reads a file made by hand, in the order of its header', () => {
    const bytes = file(
      '{"7":{"dtype":"F32","shape":[2],"data_offsets":[2,10]},"__metadata__":{"format":"pt"},"0":{"dtype":"I8","shape":[1,2],"data_offsets":[0,2]}}',
      [5, 0xfe, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0],
    );
    const { tensors, metadata } = readSafetensors(bytes);
    expect([...tensors]).toEqual([
      ['7', { dtype: 'float32', shape: [2], data: Float32Array.of(1, -2) }],
      ['0', { dtype: 'int8', shape: [1, 2], data: Int8Array.of(5, -2) }],
    ]);
    expect(metadata).toEqual({ format: 'pt' });
  });

  it('reads every element type that it knows', () => {
    const one = (dtype: string, ...data: number[]): Tensor =>
      read(`{"t":{"dtype":"${dtype}","shape":[],"data_offsets":[0,${data.length}]}}`, ...data).get('t')!;
    expect(one('F64', 0, 0, 0, 0, 0, 0, 0xf8, 0xbf)).toMatchObject({ dtype: 'float64', data: Float64Array.of(-1.5) });
    expect(one('I64', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)).toMatchObject({ data: BigInt64Array.of(-1n) });
    expect(one('I32', 0, 0, 0, 0x80)).toMatchObject({ dtype: 'int32', data: Int32Array.of(-(2 ** 31)) });
    expect(one('U8', 255)).toMatchObject({ dtype: 'uint8', data: Uint8Array.of(255) });
    expect(one('BOOL', 1)).toMatchObject({ dtype: 'bool', data: Uint8Array.of(1) });
    expect(one('BF16', 0x80, 0xbf)).toMatchObject({ dtype: 'float32', data: Float32Array.of(-1) });
    expect(one('F16', 0x00, 0xc2)).toMatchObject({ dtype: 'float32', data: Float32Array.of(-3) });
  });

  it('widens every half to the value of its bits', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const half: Tensor = { dtype: 'float16', shape: [65536], data: bits };
    const got = readSafetensors(writeSafetensors([['h', half]])).tensors.get('h')!.data as Float32Array;
    for (let i = 0; i < 65536; i++) {
      const sign = i < 0x8000 ? 1 : -1;
      const [exponent, fraction] = [(i >> 10) & 31, (i & 1023) / 1024];
      const value =
        exponent === 0
          ? fraction * 2 ** -14
          : exponent < 31
            ? (1 + fraction) * 2 ** (exponent - 15)
            : fraction
              ? NaN
              : Infinity;
      if (!Object.is(got[i], sign * value)) throw new Error(`half ${i}: expected ${sign * value}, got ${got[i]}`);
    }
  });

  it('views the bytes where they are aligned and copies them elsewhere', () => {
    const aligned = writeSafetensors([['a', float32([2], [1, 2])]]);
    expect(readSafetensors(aligned).tensors.get('a')!.data.buffer).toBe(aligned.buffer);
    const shifted = new Uint8Array(aligned.length + 1).subarray(1);
    shifted.set(aligned);
    const copy = readSafetensors(shifted).tensors.get('a')!.data;
    expect(copy.buffer).not.toBe(shifted.buffer);
    expect(copy).toEqual(Float32Array.of(1, 2));
    const pooled = Buffer.alloc(aligned.length + 1).subarray(1);
    pooled.set(aligned);
    expect(readSafetensors(pooled).tensors.get('a')!.data).toEqual(Float32Array.of(1, 2));
  });

  it('reads tensors without elements, and a file without tensors', () => {
    const none = read(
      '{"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      9,
    );
    expect(none.get('a')).toEqual({ dtype: 'float32', shape: [0, 7], data: new Float32Array(0) });
    expect(read('{}').size).toBe(0);
  });

  it('keeps names that JavaScript objects treat apart', () => {
    const got = readSafetensors(
      file('{"__metadata__":{"__proto__":"m"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', [3]),
    );
    expect([...got.tensors.keys()]).toEqual(['__proto__']);
    expect(Object.entries(got.metadata)).toEqual([['__proto__', 'm']]);
  });
});

describe('writeSafetensors', () => {
  const tensors: [string, Tensor][] = [
    ['flag', tensor('bool', [3], Uint8Array.of(1, 0, 1))],
    ['weight', float32([2, 2], [1, 2, 3, 4])],
    ['größe.日本', int64([2], [5, -6])],
    ['small', tensor('int8', [], Int8Array.of(-7))],
    ['half', { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) }],
    ['double', tensor('float64', [1], Float64Array.of(0.1))],
    ['int', tensor('int32', [1], Int32Array.of(-8))],
    ['none', float32([0], [])],
    ['byte', tensor('uint8', [2], Uint8Array.of(255, 0))],
  ];

  it('is read back with the same names, order, types and values; halves as float32', () => {
    const { tensors: got, metadata } = readSafetensors(writeSafetensors(tensors, { b: '2', a: '"1"\n' }));
    const want = tensors.map(([n, t]) => [n, n === 'half' ? float32([1], [1]) : t]);
    expect([...got]).toEqual(want);
    expect(metadata).toEqual({ a: '"1"\n', b: '2' });
  });

  it('gives exactly these bytes', () => {
    const header =
      '{"__metadata__":{"a":"1","b":"2"},"u":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8, ' ');
    const bytes = writeSafetensors(
      [
        ['u', tensor('uint8', [1], Uint8Array.of(9))],
        ['f', float32([1], [1])],
      ],
      { b: '2', a: '1' },
    );
    expect(Buffer.compare(bytes, file(padded, [0, 0, 0x80, 0x3f, 9]))).toBe(0);
  });

  it('aligns every tensor, so that reading copies none', () => {
    const bytes = writeSafetensors(tensors);
    for (const [name, t] of readSafetensors(bytes).tensors) {
      if (name !== 'half') expect([name, t.data.buffer === bytes.buffer]).toEqual([name, true]);
    }
  });

  it('is the concatenation of its pieces, whose data are not copied', () => {
    const pieces = safetensorsPieces(tensors);
    expect(Buffer.concat(pieces).equals(writeSafetensors(tensors))).toBe(true);
    expect(pieces.some((p) => p.buffer === tensors[1]![1].data.buffer)).toBe(true);
  });

  it.each<[string, [string, Tensor][], RegExp]>([
    [
      'a name twice',
      [
        ['a', float32([1], [1])],
        ['a', float32([1], [2])],
      ],
      /"a" twice/,
    ],
    ['the name that the format reserves', [['__metadata__', float32([1], [1])]], /__metadata__/],
    ['half a character', [['a\ud800', float32([1], [1])]], /a half character/],
    ['data of another size than the shape', [['a', { ...float32([1], [1]), shape: [2] }]], /expected 2 elements/],
  ])('refuses %s', (_, given, message) => {
    expect(() => writeSafetensors(given)).toThrowError(message);
  });
});

describe('openSafetensors', () => {
  const bytes = writeSafetensors(
    [
      ['a', float32([2], [1, 2])],
      ['b', int64([1], [3])],
    ],
    { k: 'v' },
  );
  const reads: [number, number][] = [];
  const source = {
    size: bytes.length,
    read: async (offset: number, length: number): Promise<Uint8Array> => {
      reads.push([offset, length]);
      return bytes.slice(offset, offset + length);
    },
  };

  it('reads the header, then only the tensor that is asked for', async () => {
    const opened = await openSafetensors(source);
    expect(opened.metadata).toEqual({ k: 'v' });
    expect([...opened.entries.keys()]).toEqual(['a', 'b']);
    reads.length = 0;
    expect(await opened.readTensor('a')).toEqual(float32([2], [1, 2]));
    expect(reads).toEqual([[opened.entries.get('a')!.offset, 8]]);
  });

  it('says so when a tensor is not there or the file ends early', async () => {
    const opened = await openSafetensors(source);
    await expect(opened.readTensor('c')).rejects.toMatchObject({
      code: 'data',
      message: expect.stringContaining('"c"'),
    });
    const cut = { ...source, read: async (o: number, n: number) => bytes.slice(o, Math.min(o + n, bytes.length - 4)) };
    const short = await openSafetensors(cut);
    await expect(short.readTensor('a')).rejects.toThrowError(/expected 8 bytes, got 4/);
  });
});
