/** Element types of tensors, by ONNX's names. */
export type DType = 'float32' | 'float16' | 'float64' | 'int64' | 'int32' | 'uint8' | 'int8' | 'bool';

/** The array that holds elements of a dtype; float16 as its bits. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Uint8Array
  | Int8Array;

interface DTypeRecord {
  /** Bytes per element. */
  readonly bytes: number;
  /** Number in ONNX's TensorProto.DataType. */
  readonly onnx: number;
  readonly floating: boolean;
  readonly make: (size: number) => TypedArray;
  /** Views bytes as elements; `buffer` must be aligned at `offset`. */
  readonly view: (buffer: ArrayBufferLike, offset: number, size: number) => TypedArray;
}

/** All that is known of each dtype. */
export const DTYPES: { readonly [K in DType]: DTypeRecord } = {
  float32: {
    bytes: 4,
    onnx: 1,
    floating: true,
    make: (n) => new Float32Array(n),
    view: (b, o, n) => new Float32Array(b, o, n),
  },
  float16: {
    bytes: 2,
    onnx: 10,
    floating: true,
    make: (n) => new Uint16Array(n),
    view: (b, o, n) => new Uint16Array(b, o, n),
  },
  float64: {
    bytes: 8,
    onnx: 11,
    floating: true,
    make: (n) => new Float64Array(n),
    view: (b, o, n) => new Float64Array(b, o, n),
  },
  int64: {
    bytes: 8,
    onnx: 7,
    floating: false,
    make: (n) => new BigInt64Array(n),
    view: (b, o, n) => new BigInt64Array(b, o, n),
  },
  int32: {
    bytes: 4,
    onnx: 6,
    floating: false,
    make: (n) => new Int32Array(n),
    view: (b, o, n) => new Int32Array(b, o, n),
  },
  uint8: {
    bytes: 1,
    onnx: 2,
    floating: false,
    make: (n) => new Uint8Array(n),
    view: (b, o, n) => new Uint8Array(b, o, n),
  },
  int8: {
    bytes: 1,
    onnx: 3,
    floating: false,
    make: (n) => new Int8Array(n),
    view: (b, o, n) => new Int8Array(b, o, n),
  },
  bool: {
    bytes: 1,
    onnx: 9,
    floating: false,
    make: (n) => new Uint8Array(n),
    view: (b, o, n) => new Uint8Array(b, o, n),
  },
};

/** Whether a dtype holds fractions. */
export function isFloating(dtype: DType): boolean {
  return DTYPES[dtype].floating;
}
