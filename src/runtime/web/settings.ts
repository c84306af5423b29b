import { Fault } from '../../core/fault.ts';

/** Files of WebAssembly that ONNX Runtime Web fetches: without and with WebGPU. */
export type WasmFile = 'ort-wasm-simd-threaded.wasm' | 'ort-wasm-simd-threaded.asyncify.wasm';

/** How ONNX Runtime Web is set up; it can be set up once in a page or worker. */
export interface WebRuntimeOptions {
  /**
   * Threads of WebAssembly. More than one needs a page that is cross-origin isolated; where absent, half of the logical
   * cores, at most four, in such a page, and one elsewhere.
   */
  readonly threads?: number;
  /**
   * Where the files of WebAssembly lie: the address of their folder, ending in `/`, or a function from a file's name to
   * its address. Where absent, beside the script that holds ONNX Runtime, which is where Vite puts them.
   */
  readonly locateFile?: string | ((file: WasmFile) => string | URL);
}

/** Whether this page may share memory between threads: it was served with the headers COOP and COEP. */
export function isIsolated(): boolean {
  return globalThis.crossOriginIsolated === true;
}

/** The number of threads that options mean here; more than one where they cannot be had is a fault. */
export function threadCount({ threads }: WebRuntimeOptions): number {
  if (threads === undefined) {
    const cores = globalThis.navigator?.hardwareConcurrency ?? 1;
    return isIsolated() ? Math.max(1, Math.min(4, Math.floor(cores / 2))) : 1;
  }
  if (!Number.isInteger(threads) || threads < 1) {
    throw new Fault('config', `threads: expected a whole number of at least 1, got ${threads}.`);
  }
  if (threads === 1 || isIsolated() || isNode()) return threads;
  throw new Fault(
    'config',
    `threads: expected a page that is cross-origin isolated for ${threads} threads, got one that is not. Serve it with ` +
      'the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or ask for 1.',
  );
}

/** Node needs no headers. */
function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}

/** The address of a file of WebAssembly; undefined where the options leave it to ONNX Runtime. */
export function addressOf(file: WasmFile, { locateFile }: WebRuntimeOptions): string | undefined {
  if (locateFile === undefined) return undefined;
  if (typeof locateFile === 'function') return String(locateFile(file));
  if (locateFile.endsWith('/')) return locateFile + file;
  throw new Fault(
    'config',
    `locateFile: expected the address of a folder, ending in "/", got ${JSON.stringify(locateFile)}.`,
  );
}
