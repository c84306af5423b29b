/** Every operator as a function on values: `op.relu(x)` emits ONNX's `Relu`. */
export * from './conv.ts';
export * from './elementwise.ts';
export * from './layout.ts';
export * from './matrix.ts';
export * from './norm.ts';
export * from './reduce.ts';
export * from './words.ts';
