/** Every operator as a function on values: `op.relu(x)` emits ONNX's `Relu`. */
export * from './activation.ts';
export * from './average-pool.ts';
export * from './conv.ts';
export * from './elementwise.ts';
export * from './gemm.ts';
export * from './grid-sample.ts';
export * from './indexing.ts';
export * from './layout.ts';
export * from './matrix.ts';
export * from './norm.ts';
export * from './pool.ts';
export type { PoolAttributes } from './pool-window.ts';
export * from './quantise.ts';
export * from './reduce.ts';
export * from './resize.ts';
export * from './scatter.ts';
export * from './select.ts';
export * from './words.ts';
