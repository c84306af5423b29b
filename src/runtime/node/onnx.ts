import { createRequire } from 'node:module';
import type { Provider, Runtime } from '../../engine/runtime.ts';
import { loadWithOrt, type Ort } from '../ort.ts';
import { fillingSession, fillingWorks, withStop } from './fill.ts';

/** ONNX Runtime for Node; its library is loaded with the first session. */
export function nodeRuntime(): Runtime {
  const require = createRequire(import.meta.url);
  const { version } = require('onnxruntime-node/package.json') as { version: string };
  let ort: Promise<Ort> | undefined;
  let filling: Promise<boolean> | undefined;
  const providers: readonly Provider[] = ['cpu', 'webgpu', 'cuda'];
  return {
    name: 'onnxruntime-node',
    version,
    providers,
    availableBytes: () => process.availableMemory(),
    load: async (model, request) => {
      ort ??= import('onnxruntime-node') as unknown as Promise<Ort>;
      const loaded = await ort;
      if (!request.fills || request.provider !== 'cpu') return loadWithOrt(loaded, model, request);
      filling ??= fillingWorks((m) => loadWithOrt(loaded, m, { provider: 'cpu', threads: 1 }));
      if (!(await filling)) return loadWithOrt(loaded, model, request);
      return fillingSession(await loadWithOrt(loaded, withStop(model), request));
    },
  };
}
