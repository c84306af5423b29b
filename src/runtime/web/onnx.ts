import type { Tensor } from '../../core/tensor.ts';
import type { Runtime, RuntimeSession } from '../../engine/runtime.ts';
import { loadWithOrt, type Ort } from '../ort.ts';

/** What of ONNX Runtime Web is set before its first session. */
interface OrtWeb extends Ort {
  readonly env: { readonly wasm: { numThreads?: number }; readonly versions: { readonly web?: string } };
}

/**
 * ONNX Runtime on WebAssembly, for browsers and, to compare providers, for Node. Its code is loaded with the first
 * session. More than one thread needs a page that is cross-origin isolated (the headers COOP and COEP); Node has one.
 */
export function wasmRuntime(threads = 1): Runtime {
  let ort: Promise<OrtWeb> | undefined;
  let version = 'not loaded yet';
  const start = async (): Promise<OrtWeb> => {
    const loaded = (await import('onnxruntime-web/wasm')) as unknown as OrtWeb;
    loaded.env.wasm.numThreads = threads;
    version = loaded.env.versions.web ?? 'unknown';
    return loaded;
  };
  return {
    name: 'onnxruntime-web',
    get version() {
      return version;
    },
    providers: ['wasm'],
    load: async (model, request) => {
      ort ??= start();
      return placing(await loadWithOrt(await ort, model, request));
    },
  };
}

/** Results of WebAssembly lie in memory of its own: they are copied into the tensors given for them. */
function placing(session: RuntimeSession): RuntimeSession {
  return {
    run: async (feeds, fetches) => {
      const wanted = Object.fromEntries(Object.keys(fetches).map((name) => [name, null]));
      const results = Object.entries(await session.run(feeds, wanted));
      return Object.fromEntries(results.map(([name, t]) => [name, place(t, fetches[name] ?? undefined)]));
    },
    endProfiling: () => session.endProfiling(),
    release: () => session.release(),
  };
}

function place(result: Tensor, into: Tensor | undefined): Tensor {
  if (!into) return result;
  if (into.data instanceof BigInt64Array) into.data.set(result.data as BigInt64Array);
  else into.data.set(result.data as Float32Array);
  return into;
}
