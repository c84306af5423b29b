import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import type { DType } from '../core/dtype.ts';
import { Fault, messageOf } from '../core/fault.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import type { Feeds, Fetches, Provider, RuntimeSession, SessionRequest } from '../engine/runtime.ts';

/** The part of ONNX Runtime's JavaScript API that Node's and the browser's package share. */
export interface Ort {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: OrtTensor.Type, data: OrtTensor.DataType, dims: readonly number[]) => OrtTensor;
}

const LEVELS = { none: 'disabled', basic: 'basic', extended: 'extended', all: 'all' } as const;

/** The runtime's own name for a provider. */
const PROVIDERS = { cpu: 'cpu', cuda: 'cuda', webgpu: 'webgpu', wasm: 'wasm' } satisfies Record<Provider, string>;

/** Options of ONNX Runtime for a request. */
export function sessionOptions(request: SessionRequest): InferenceSession.SessionOptions {
  return {
    executionProviders: [PROVIDERS[request.provider]],
    graphOptimizationLevel: LEVELS[request.optimise ?? 'all'],
    logSeverityLevel: 3,
    ...(request.memoryPattern === false && { enableMemPattern: false }),
    ...(request.threads !== undefined && { intraOpNumThreads: request.threads, interOpNumThreads: 1 }),
    ...(request.profile !== undefined && { enableProfiling: true, profileFilePrefix: request.profile }),
  };
}

/** Loads a model with ONNX Runtime. */
export async function loadWithOrt(ort: Ort, model: Uint8Array, request: SessionRequest): Promise<RuntimeSession> {
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, sessionOptions(request));
  } catch (error) {
    throw engineFault(`the runtime refused the graph (provider ${request.provider})`, error);
  }
  return new OrtSession(ort, session);
}

class OrtSession implements RuntimeSession {
  readonly #ort: Ort;
  readonly #session: InferenceSession;

  constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort;
    this.#session = session;
  }

  async run(feeds: Feeds, fetches: Fetches): Promise<Record<string, Tensor>> {
    const inputs: Record<string, OrtTensor> = {};
    for (const name of this.#session.inputNames) {
      const t = feeds[name];
      if (!t) throw new Fault('engine', `run: expected an input "${name}", got none.`);
      inputs[name] = this.#wrap(t);
    }
    const wanted: Record<string, OrtTensor | null> = {};
    for (const [name, t] of Object.entries(fetches)) wanted[name] = t && this.#wrap(t);
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(inputs, wanted);
    } catch (error) {
      throw engineFault('the runtime stopped', error);
    }
    return Object.fromEntries(Object.entries(results).map(([name, v]) => [name, unwrap(v as OrtTensor)]));
  }

  #wrap(t: Tensor): OrtTensor {
    return new this.#ort.Tensor(t.dtype as OrtTensor.Type, t.data as OrtTensor.DataType, t.shape);
  }

  endProfiling(): void {
    this.#session.endProfiling();
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function unwrap(v: OrtTensor): Tensor {
  return tensor(v.type as DType, v.dims, v.data as unknown as Tensor['data']);
}

/** The runtime's error as a fault that names our module: every node's name is its path, a slash and its operator. */
function engineFault(what: string, error: unknown): Fault {
  const message = messageOf(error);
  const node = /Name:'([^']+)'/.exec(message)?.[1] ?? /[Nn]ode[: ]*\(?'?([\w./:]+_\d+)/.exec(message)?.[1];
  const where = node?.includes('/') ? `${node.slice(0, node.lastIndexOf('/'))}: ` : '';
  return new Fault('engine', `${where}${what}. ${message}`, { cause: error });
}
