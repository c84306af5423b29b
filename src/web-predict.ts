/** What a page needs to predict, and no more: `farsight/web` has the rest. */
export { Fault } from './core/fault.ts';
export { toImageData } from './runtime/web/canvas.ts';
export { hasWebGpu, type WebRuntime, wasmRuntime, webRuntime } from './runtime/web/onnx.ts';
export { isIsolated, type WasmFile, type WebRuntimeOptions } from './runtime/web/settings.ts';
export type { Prediction, PredictOptions } from './train/predictor.ts';
export {
  loadModel,
  type ModelSource,
  readPicture,
  type WebEngine,
  type WebLoadOptions,
  type WebPicture,
  type WebPredictor,
} from './web-models.ts';
