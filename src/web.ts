/** What runs in a browser: all of the index, and ONNX Runtime for the web. */
export * from './index.ts';
export * from './runtime/web/onnx.ts';
