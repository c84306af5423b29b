import { latin1 } from './cursor.ts';
import type { Machine } from './machine.ts';
import { describeValue, type NumpyDType, ofKind, type PickleValue } from './value.ts';

type Read = (view: DataView, little: boolean) => number | bigint | boolean;

/** numpy's codes of numbers, their bytes and how they are read. */
const READ: ReadonlyMap<string, readonly [bytes: number, read: Read]> = new Map<string, readonly [number, Read]>([
  ['f8', [8, (v, l) => v.getFloat64(0, l)]],
  ['f4', [4, (v, l) => v.getFloat32(0, l)]],
  ['i8', [8, (v, l) => v.getBigInt64(0, l)]],
  ['i4', [4, (v, l) => v.getInt32(0, l)]],
  ['i2', [2, (v, l) => v.getInt16(0, l)]],
  ['i1', [1, (v) => v.getInt8(0)]],
  ['u8', [8, (v, l) => v.getBigUint64(0, l)]],
  ['u4', [4, (v, l) => v.getUint32(0, l)]],
  ['u2', [2, (v, l) => v.getUint16(0, l)]],
  ['u1', [1, (v) => v.getUint8(0)]],
  ['b1', [1, (v) => v.getUint8(0) !== 0]],
]);

/** `numpy.dtype(code, align, copy)` of a number. */
export function makeNumpyDType(args: readonly PickleValue[], m: Machine): NumpyDType {
  const code = args[0] instanceof Uint8Array ? latin1(args[0].subarray(0, 8)) : args[0];
  if (typeof code !== 'string' || !READ.has(code))
    throw m.broken(`a numpy dtype of numbers, not ${describeValue(code)},`);
  return { kind: 'numpy-dtype', code, littleEndian: true };
}

/** The state of a numpy dtype, of which only the byte order matters: `(version, order, ...)`. */
export function setNumpyState(dtype: NumpyDType, state: PickleValue, m: Machine): void {
  const order = ofKind(state, 'tuple')?.items[1];
  if (order !== '<' && order !== '|' && order !== '>') throw m.broken('the byte order of a numpy dtype');
  dtype.littleEndian = order !== '>';
}

/** `numpy.core.multiarray.scalar(dtype, bytes)`: a number, or a boolean. */
export function numpyScalar(args: readonly PickleValue[], m: Machine): PickleValue {
  const dtype = ofKind(args[0], 'numpy-dtype');
  const given = args[1];
  const raw = typeof given === 'string' && given.length <= 8 ? Uint8Array.from(given, (c) => c.charCodeAt(0)) : given;
  const found = dtype && READ.get(dtype.code);
  if (!dtype || !found || !(raw instanceof Uint8Array) || raw.length !== found[0]) {
    throw m.broken(
      `a numpy dtype and the bytes of one number, not ${describeValue(args[0])} and ${describeValue(given)},`,
    );
  }
  const value = found[1](new DataView(raw.buffer, raw.byteOffset, raw.length), dtype.littleEndian);
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
