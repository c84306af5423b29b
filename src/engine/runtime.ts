import type { Tensor } from '../core/tensor.ts';

/** Tensors by name, as fed to and fetched from a session. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** What to fetch: by name a tensor to write into, or null for one that the runtime makes. */
export type Fetches = Readonly<Record<string, Tensor | null>>;

/** Where a graph runs. */
export type Provider = 'cpu' | 'cuda' | 'webgpu' | 'wasm';

/** What a runtime is asked when it makes a session. */
export interface SessionRequest {
  readonly provider: Provider;
  /** Threads for one operator; the runtime's default where absent. */
  readonly threads?: number;
  /** Writes the runtime's own profile to a file with this prefix. */
  readonly profile?: string;
  /**
   * Whether the runtime plans one block for all intermediates of a run (true where absent). Without it a graph with
   * many large intermediates, such as a training step, needs about a third less memory at the same speed.
   */
  readonly memoryPattern?: boolean;
  /** Whether every run gives a tensor for each output it fetches: a runtime may then do without copies of results. */
  readonly fills?: boolean;
  /** How much the runtime may rewrite the graph; `all` where absent. */
  readonly optimise?: 'none' | 'basic' | 'extended' | 'all';
}

/** A graph that the runtime has loaded. */
export interface RuntimeSession {
  /**
   * Runs the graph and gives the outputs named in `fetches`. A result lies in the tensor given for it.
   * Inputs are read where they lie, without a copy where the provider can.
   */
  run(feeds: Feeds, fetches: Fetches): Promise<Record<string, Tensor>>;
  /** Ends profiling; the runtime then finishes the profile file. */
  endProfiling(): void;
  release(): Promise<void>;
}

/** The interface that a runtime must meet. Node's and the browser's are in `runtime/`. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  /** Providers that this runtime has on this machine, best first. */
  readonly providers: readonly Provider[];
  /** Bytes of memory that a session may still take; undefined where nobody can tell. */
  availableBytes?(): number;
  load(model: Uint8Array, request: SessionRequest): Promise<RuntimeSession>;
}
