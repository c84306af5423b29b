import { Fault } from '../core/fault.ts';
import type { Tensor } from '../core/tensor.ts';
import { ONNX_MODULES } from '../engine/encode.ts';
import { modulesOf } from '../engine/frozen.ts';
import { readModelFacts } from '../engine/read-model.ts';
import type { Provider, Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import { tapModel } from '../engine/tap-model.ts';
import { type LoweringName, lowerAggregates } from '../graph/aggregate/index.ts';
import { traceNetwork } from '../model/scope.ts';
import type { Classifier } from './classifier.ts';
import { ONNX_PRECISION } from './export.ts';
import type { Precision } from './export-run.ts';

/** Outputs of modules by path, and `logits`. */
export type Outputs = Readonly<Record<string, Tensor>>;

/** What is verified: how to get its logits as deployed, and its modules' outputs, on a provider. */
export interface Subject {
  readonly name: string;
  readonly precision: Precision;
  readonly logits: (provider: Provider) => Promise<Tensor>;
  readonly modules: (provider: Provider) => Promise<Outputs>;
}

/** Gives the runtime of a provider. */
export type RuntimeOf = (provider: Provider) => Runtime;

/** The network of weights, traced for each provider. */
export function networkSubject(runtimeOf: RuntimeOf, classifier: Classifier, x: Tensor): Subject {
  const run = (provider: Provider, only?: 'logits'): Promise<Outputs> =>
    networkModules(runtimeOf(provider), classifier, { x, provider, ...(only && { only }) });
  return {
    name: 'network',
    precision: 'float32',
    logits: async (provider) => (await run(provider, 'logits'))['logits']!,
    modules: (provider) => run(provider),
  };
}

/** How {@link networkModules} runs. */
export interface NetworkRun {
  readonly x: Tensor;
  readonly provider: Provider;
  readonly only?: 'logits';
  /** Every aggregate in its plain form, and a graph that the runtime leaves as it is. */
  readonly plain?: boolean;
}

/** What every module of a network gives, or its logits alone. */
export async function networkModules(
  runtime: Runtime,
  { network, weights }: Classifier,
  { x, provider, only, plain = false }: NetworkRun,
): Promise<Outputs> {
  const traced = traceNetwork(network, { inputs: { x: { shape: x.shape } }, mode: 'inference' });
  const logits = new Map([['logits', traced.outputs.get('logits')!]]);
  const wanted = only ? logits : new Map([...modulesOf(logits, (name) => name === 'x'), ...logits]);
  const prefer: LoweringName = 'plain';
  const { outputs } = lowerAggregates(wanted, { provider, training: false, ...(plain && { prefer }) });
  const constants = new Map([...weights].filter(([name]) => traced.parameters.has(name)));
  const session = await createSession(runtime, outputs, { provider, constants, ...(plain && { optimise: 'none' }) });
  try {
    return await session.run({ x });
  } finally {
    await session.release();
  }
}

/** An ONNX file that was read. */
export interface ModelFile {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A file: as it is, and with its modules' outputs added. */
export function fileSubject(runtimeOf: RuntimeOf, { file, bytes, metadata }: ModelFile, x: Tensor): Subject {
  const tensors = moduleTensors(metadata[ONNX_MODULES], file);
  const [name = 'x'] = readModelFacts(bytes, file).inputs;
  const run = async (model: Uint8Array, provider: Provider, names: readonly string[]): Promise<Outputs> => {
    const session = await runtimeOf(provider).load(model, { provider });
    try {
      return await session.run({ [name]: x }, Object.fromEntries(names.map((n) => [n, null])));
    } finally {
      await session.release();
    }
  };
  return {
    name: file,
    precision: precisionOf(metadata[ONNX_PRECISION], file),
    logits: async (provider) => (await run(bytes, provider, ['logits']))['logits']!,
    modules: async (provider) => {
      const names = [...new Set([...tensors.values(), 'logits'])];
      const results = await run(tapModel(bytes, names, file), provider, names);
      const named = [...tensors].map(([module, tensor]) => [module, results[tensor]!] as const);
      return { ...Object.fromEntries(named), logits: results['logits']! };
    },
  };
}

function moduleTensors(text: string | undefined, file: string): ReadonlyMap<string, string> {
  const json = parsed(text, file);
  const entries = Object.entries(Object(json) as Readonly<Record<string, unknown>>);
  if (entries.length > 0 && entries.every((e): e is [string, string] => typeof e[1] === 'string'))
    return new Map(entries);
  throw new Fault('data', `${file}: expected it to say which tensor each module gives, got none. Export it again.`);
}

function precisionOf(text: string | undefined, file: string): Precision {
  if (text === undefined) return 'float32';
  const { precision } = Object(parsed(text, file)) as { readonly precision?: unknown };
  if (precision === 'float16' || precision === 'int8') return precision;
  throw new Fault('data', `${file}: expected precision float16 or int8, got ${JSON.stringify(precision)}.`);
}

function parsed(text: string | undefined, file: string): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch (cause) {
    throw new Fault('data', `${file}: expected metadata in JSON, got something else. Export it again.`, { cause });
  }
}
