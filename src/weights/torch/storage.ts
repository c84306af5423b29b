import type { DType } from '../../core/dtype.ts';

/** What PyTorch calls the elements of a storage. */
export interface StorageType {
  /** PyTorch's name of the dtype. */
  readonly stored: string;
  /** Bytes of an element in the file. */
  readonly bytes: number;
  /** What it becomes when it is read; bfloat16 and int16 are widened, exactly. */
  readonly dtype: DType;
}

/** PyTorch's storage classes, without the word `Storage`. Complex and quantised ones are not read. */
export const STORAGE_TYPES: ReadonlyMap<string, StorageType> = new Map<string, StorageType>([
  ['Float', { stored: 'float32', bytes: 4, dtype: 'float32' }],
  ['Double', { stored: 'float64', bytes: 8, dtype: 'float64' }],
  ['Half', { stored: 'float16', bytes: 2, dtype: 'float16' }],
  ['BFloat16', { stored: 'bfloat16', bytes: 2, dtype: 'float32' }],
  ['Long', { stored: 'int64', bytes: 8, dtype: 'int64' }],
  ['Int', { stored: 'int32', bytes: 4, dtype: 'int32' }],
  ['Short', { stored: 'int16', bytes: 2, dtype: 'int32' }],
  ['Char', { stored: 'int8', bytes: 1, dtype: 'int8' }],
  ['Byte', { stored: 'uint8', bytes: 1, dtype: 'uint8' }],
  ['Bool', { stored: 'bool', bytes: 1, dtype: 'bool' }],
]);
