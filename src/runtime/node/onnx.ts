import { createRequire } from 'node:module';
import type { Provider, Runtime } from '../../engine/runtime.ts';
import { loadWithOrt, type Ort } from '../ort.ts';

/** ONNX Runtime for Node; its library is loaded with the first session. */
export function nodeRuntime(): Runtime {
  const require = createRequire(import.meta.url);
  const { version } = require('onnxruntime-node/package.json') as { version: string };
  let ort: Promise<Ort> | undefined;
  const providers: readonly Provider[] = ['cpu', 'webgpu', 'cuda'];
  return {
    name: 'onnxruntime-node',
    version,
    providers,
    load: async (model, request) => {
      ort ??= import('onnxruntime-node') as unknown as Promise<Ort>;
      return loadWithOrt(await ort, model, request);
    },
  };
}
