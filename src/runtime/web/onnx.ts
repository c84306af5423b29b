import { Fault } from '../../core/fault.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Provider, Runtime, RuntimeSession, SessionRequest } from '../../engine/runtime.ts';
import { loadWithOrt, type Ort } from '../ort.ts';
import { addressOf, threadCount, type WasmFile, type WebRuntimeOptions } from './settings.ts';

/** What of ONNX Runtime Web is set before its first session. */
interface OrtWeb extends Ort {
  readonly env: {
    readonly wasm: { numThreads?: number; wasmPaths?: { wasm: string } };
    readonly versions: { readonly web?: string };
  };
}

/** ONNX Runtime for browsers. */
export interface WebRuntime extends Runtime {
  /** Releases all sessions that it still holds. */
  dispose(): Promise<void>;
}

/** ONNX Runtime Web comes in builds, each one JavaScript module and one file of WebAssembly; a page needs one. */
type Build = 'wasm' | 'webgpu';

const FILES = {
  wasm: 'ort-wasm-simd-threaded.wasm',
  webgpu: 'ort-wasm-simd-threaded.asyncify.wasm',
} satisfies Record<Build, WasmFile>;

/** A build that this page or worker has loaded, and how it was set up. */
interface LoadedBuild {
  readonly ort: Promise<OrtWeb>;
  readonly threads: number;
  readonly address: string | undefined;
  /** One after the other: neither making sessions nor running them may overlap. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

const builds = new Map<Build, LoadedBuild>();

/**
 * ONNX Runtime in a page or a worker, on WebAssembly or WebGPU. Its code is fetched with the first session, and only
 * that of the provider asked for. Sessions are made, and run, one after the other, as it demands.
 */
export function webRuntime(options: WebRuntimeOptions = {}): WebRuntime {
  return runtimeOf(hasGpu() ? ['wasm', 'webgpu'] : ['wasm'], options);
}

/** {@link webRuntime} on WebAssembly alone; for Node too, to compare providers. */
export function wasmRuntime(options: WebRuntimeOptions = {}): WebRuntime {
  return runtimeOf(['wasm'], options);
}

/** Whether this browser offers WebGPU and a device for it. */
export async function hasWebGpu(): Promise<boolean> {
  return hasGpu() && (await gpu()?.requestAdapter()) != null;
}

interface Gpu {
  requestAdapter(): Promise<object | null>;
}

function gpu(): Gpu | undefined {
  return (globalThis.navigator as { readonly gpu?: Gpu } | undefined)?.gpu;
}

function hasGpu(): boolean {
  return gpu() !== undefined;
}

function runtimeOf(providers: readonly Provider[], options: WebRuntimeOptions): WebRuntime {
  const sessions = new Set<RuntimeSession>();
  let version = 'not loaded yet';
  const load = async (model: Uint8Array, request: SessionRequest): Promise<RuntimeSession> => {
    const build = open(await buildFor(request.provider, providers), options);
    const ort = await build.ort;
    version = ort.env.versions.web ?? 'unknown';
    const { threads: _, ...rest } = request; // threads are the page's, not a session's
    const loaded = await build.inTurn(() => loadWithOrt(ort, model, rest));
    const session = placing(loaded, build, () => sessions.delete(session));
    sessions.add(session);
    return session;
  };
  return {
    name: 'onnxruntime-web',
    get version() {
      return version;
    },
    providers,
    load,
    dispose: async () => {
      await Promise.all([...sessions].map((session) => session.release()));
    },
  };
}

/** The build that has a provider; a fault where this runtime or browser lacks it. */
async function buildFor(provider: Provider, providers: readonly Provider[]): Promise<Build> {
  if (provider === 'wasm' && providers.includes('wasm')) return 'wasm';
  if (provider === 'webgpu' && (await hasWebGpu())) return 'webgpu';
  const advice = provider === 'webgpu' ? 'WebGPU needs a browser and device that have it, and https or localhost.' : '';
  throw new Fault(
    'engine',
    `provider: expected one that this browser has (${providers.join(', ')}), got "${provider}". ${advice}`.trimEnd(),
  );
}

function open(name: Build, options: WebRuntimeOptions): LoadedBuild {
  const threads = threadCount(options);
  const address = addressOf(FILES[name], options);
  const known = builds.get(name);
  if (known?.threads === threads && known.address === address) return known;
  if (known) {
    const show = (b: Pick<LoadedBuild, 'threads' | 'address'>): string =>
      `${b.threads} threads and ${b.address ?? 'no address'}`;
    throw new Fault(
      'config',
      `webRuntime: expected the options that ONNX Runtime was loaded with here (${show(known)}), got ${show({ threads, address })}.`,
    );
  }
  const opened = { threads, address, inTurn: queue(), ort: fetchBuild(name, threads, address) };
  builds.set(name, opened);
  opened.ort.catch(() => builds.delete(name)); // the network may be back at the next try
  return opened;
}

async function fetchBuild(name: Build, threads: number, address: string | undefined): Promise<OrtWeb> {
  const loading = name === 'wasm' ? import('onnxruntime-web/wasm') : import('onnxruntime-web/webgpu');
  const ort = (await loading) as unknown as OrtWeb;
  ort.env.wasm.numThreads = threads;
  if (address !== undefined) ort.env.wasm.wasmPaths = { wasm: address };
  return ort;
}

/** Runs pieces of work one after the other, whether or not those before succeed. */
function queue(): LoadedBuild['inTurn'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
}

/** Results of WebAssembly lie in memory of its own: they are copied into the tensors given for them. */
function placing(session: RuntimeSession, { inTurn }: LoadedBuild, forget: () => void): RuntimeSession {
  return {
    run: async (feeds, fetches) => {
      const wanted = Object.fromEntries(Object.keys(fetches).map((name) => [name, null]));
      const results = Object.entries(await inTurn(() => session.run(feeds, wanted)));
      return Object.fromEntries(results.map(([name, t]) => [name, place(t, fetches[name] ?? undefined)]));
    },
    endProfiling: () => session.endProfiling(),
    release: () => {
      forget();
      return inTurn(() => session.release());
    },
  };
}

function place(result: Tensor, into: Tensor | undefined): Tensor {
  if (!into) return result;
  if (into.data instanceof BigInt64Array) into.data.set(result.data as BigInt64Array);
  else into.data.set(result.data as Float32Array);
  return into;
}
