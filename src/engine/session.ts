import { Fault } from '../core/fault.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import { costOf } from '../graph/cost.ts';
import { recomputeForward } from '../graph/recompute.ts';
import { legalise, simplify } from '../graph/simplify.ts';
import { graphOf, inputName } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { encode } from './encode.ts';
import type { Feeds, Fetches, Provider, Runtime, RuntimeSession, SessionRequest } from './runtime.ts';

/** A graph of concrete sizes, loaded and ready to run. */
export interface Session {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
  readonly outputs: readonly string[];
  /** Estimate of the most bytes that a run holds at once; undefined while sizes are open. */
  readonly bytes: number | undefined;
  /** Runs it for all outputs, or for those named in `fetches`, each into the tensor given for it, if any. */
  run(feeds: Feeds, fetches?: Fetches): Promise<Record<string, Tensor>>;
  endProfiling(): void;
  release(): Promise<void>;
}

/** What a session is made for. */
export interface SessionOptions extends Partial<SessionRequest> {
  /** Inputs that are fixed: weights, for inference. The runtime can then lay them out for speed. */
  readonly constants?: TensorMap;
  /** Where values of the forward pass are to be computed twice, not kept: its outputs, and the inputs with a batch. */
  readonly recompute?: { readonly forward: readonly string[]; readonly data: readonly string[] };
  /** Bytes that the graph may need at once; what the runtime says is available where absent. */
  readonly memoryLimit?: number;
}

/** Legalises for the provider, simplifies, encodes and loads a graph. */
export async function createSession(
  runtime: Runtime,
  outputs: ReadonlyMap<string, Value>,
  options: SessionOptions = {},
): Promise<Session> {
  const { constants, memoryLimit, recompute, provider = runtime.providers[0] ?? 'cpu', ...request } = options;
  const ready = readyFor(outputs, provider, recompute);
  const graph = graphOf(ready);
  const bytes = estimateBytes(ready);
  refuseTooLarge(bytes, memoryLimit ?? runtime.availableBytes?.());
  const model = encode(ready, {
    ...(constants && { constants }),
    ...(recompute && { unsaid: new Set(recompute.data) }),
  });
  const loaded = await runtime.load(model, { provider, ...request });
  const fed = graph.inputs.filter((v) => !constants?.has(inputName(v)!));
  const inputs = fed.map((v) => ({ name: inputName(v)!, shape: v.shape as readonly number[], dtype: v.dtype }));
  return wrap(loaded, inputs, [...ready.keys()], bytes);
}

/** A graph as a session of a provider runs it. */
function readyFor(
  outputs: ReadonlyMap<string, Value>,
  provider: Provider,
  recompute: SessionOptions['recompute'],
): ReadonlyMap<string, Value> {
  const lowered = simplify(legalise(simplify(outputs), provider));
  return recompute ? legalise(recomputeForward(lowered, recompute.forward).outputs, provider) : lowered;
}

/** Estimate of the most bytes that a session of a graph would hold at once; undefined while its sizes are open. */
export function sessionBytes(
  outputs: ReadonlyMap<string, Value>,
  { provider, recompute }: Pick<SessionOptions, 'recompute'> & { readonly provider: Provider },
): number | undefined {
  return estimateBytes(readyFor(outputs, provider, recompute));
}

/** The most bytes that a graph holds at once; undefined while its sizes are open. */
function estimateBytes(outputs: ReadonlyMap<string, Value>): number | undefined {
  const open = [...graphOf(outputs).inputs].some((v) => v.shape.some((d) => typeof d !== 'number'));
  return open ? undefined : costOf(outputs).peakBytes;
}

function refuseTooLarge(bytes: number | undefined, limit: number | undefined): void {
  if (bytes === undefined || limit === undefined || bytes <= limit) return;
  const show = (n: number): string => `${(n / 1e9).toFixed(2)} GB`;
  const advice = 'Use a smaller batch or smaller images, or free memory.';
  throw new Fault(
    'engine',
    `graph: expected to need at most ${show(limit)} of memory, needs about ${show(bytes)}. ${advice}`,
  );
}

function wrap(
  loaded: RuntimeSession,
  inputs: Session['inputs'],
  outputs: readonly string[],
  bytes: number | undefined,
): Session {
  const all = Object.fromEntries(outputs.map((name) => [name, null]));
  return {
    inputs,
    outputs,
    bytes,
    run: (feeds, fetches = all) => {
      for (const { name, shape, dtype } of inputs) {
        const t = feeds[name];
        const fits = t && t.dtype === dtype && t.shape.length === shape.length;
        if (!fits || shape.some((d, i) => typeof d === 'number' && d !== t.shape[i])) {
          const got = t ? `${t.dtype} [${t.shape.join(', ')}]` : 'nothing';
          throw new Fault('engine', `input "${name}": expected ${dtype} [${shape.map(show).join(', ')}], got ${got}.`);
        }
      }
      return loaded.run(feeds, fetches);
    },
    endProfiling: () => loaded.endProfiling(),
    release: () => loaded.release(),
  };
}

function show(d: unknown): string {
  return typeof d === 'number' ? String(d) : (d as { key: string }).key;
}
