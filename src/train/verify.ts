import { Fault, messageOf } from '../core/fault.ts';
import { float32 } from '../core/tensor.ts';
import { readModelFacts } from '../engine/read-model.ts';
import type { Provider, Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import * as op from '../graph/ops/index.ts';
import { input } from '../graph/trace.ts';
import { type Classifier, readClassifier } from './classifier.ts';
import { CLASSIFIER_FACTS, readClassifierFacts } from './classifier-facts.ts';
import { fingerprintOf, ONNX_WEIGHTS } from './export.ts';
import type { Precision } from './export-run.ts';
import { FILES, folderAt } from './folder.ts';
import { type ModuleParity, PARITY_BOUNDS, parityOf } from './parity.ts';
import type { Platform } from './platform.ts';
import { classifierFile } from './predict.ts';
import { verifyPictures } from './verify-pictures.ts';
import {
  fileSubject,
  networkModules,
  networkSubject,
  type Outputs,
  type RuntimeOf,
  type Subject,
} from './verify-subjects.ts';
import { goOn, type WorkOptions } from './work.ts';

/** What to verify, and where. */
export interface VerifyRequest extends WorkOptions {
  /** A run's folder, its weights, or an ONNX model that farsight exported. */
  readonly path: string;
  /** The run that a model came from: its weights are what it is compared with; the run it lies in where absent. */
  readonly run?: string;
  /** All that this machine has of cpu, wasm and webgpu where absent; one that is named must be there. */
  readonly providers?: readonly Provider[];
  /** Gives the runtime of a provider. */
  readonly runtimeOf: RuntimeOf;
  /** Pictures that run at once; 2. */
  readonly batch?: number;
}

/** How a network or a file does on one provider. */
export interface ProviderParity {
  /** `network` (traced for that provider), or the file. */
  readonly subject: string;
  readonly provider: Provider;
  readonly precision: Precision;
  /** Why this machine does not have the provider; nothing was compared then. */
  readonly absent?: string;
  /** Why the graph did not run there though the provider is there. */
  readonly failure?: string;
  /** The logits of the graph as it is deployed, then every module's output, worst first. */
  readonly modules: readonly ModuleParity[];
  readonly passes: boolean;
}

/** A layer-by-layer report. */
export interface VerifyResult {
  /** What all is compared with, in words. */
  readonly reference: string;
  /** What pictures it is done with, in words. */
  readonly pictures: string;
  readonly reports: readonly ProviderParity[];
  readonly passes: boolean;
}

const DEFAULT: readonly Provider[] = ['cpu', 'wasm', 'webgpu'];

/**
 * Compares the output of every module on each provider with our own forward on the CPU: every aggregate in its plain
 * form, nothing rewritten by the runtime.
 */
export async function verifyRun(request: VerifyRequest, platform: Platform): Promise<VerifyResult> {
  const file = await classifierFile(request.path, platform);
  const isModel = /\.onnx$/i.test(file);
  const bytes = isModel ? await platform.files.read(file, 2 ** 31 - 1) : null;
  const metadata = bytes ? readModelFacts(bytes, file).metadata : {};
  const facts = bytes ? readClassifierFacts(metadata[CLASSIFIER_FACTS], file) : null;
  const classifier = isModel
    ? await ownerOf(request, file, metadata, platform)
    : await readClassifier(platform.files, file);
  const given = await verifyPictures(
    { ...request, run: request.run ?? request.path },
    facts ?? classifier!.facts,
    platform,
  );
  const { x } = given;
  const { runtimeOf } = request;
  const subjects = [
    ...(classifier && !isModel ? [networkSubject(runtimeOf, classifier, x)] : []),
    ...(bytes ? [fileSubject(runtimeOf, { file, bytes, metadata }, x)] : []),
  ];
  const reference = classifier
    ? await networkModules(runtimeOf('cpu'), classifier, { x, provider: 'cpu', plain: true })
    : await subjects[0]!.modules('cpu');
  const words = classifier
    ? 'our own forward on the CPU, plain forms, nothing rewritten'
    : 'the file itself on the CPU, module by module: the weights that it was made from are not at hand (name the run)';
  const reports = await reportsOf(request, subjects, reference);
  return { reference: words, pictures: given.words, reports, passes: reports.every((r) => r.passes) };
}

/** The classifier that a file was made from, by the fingerprint of its weights; null where it is not at hand. */
async function ownerOf(
  { run, path }: VerifyRequest,
  file: string,
  metadata: Readonly<Record<string, string>>,
  platform: Platform,
): Promise<Classifier | null> {
  const near = folderAt(path.replace(/[^/\\]+$/, '') || '.').at(FILES.weights);
  if (run === undefined && !(await platform.output.exists(near))) return null;
  const weights = run === undefined ? near : await classifierFile(run, platform);
  const classifier = await readClassifier(platform.files, weights);
  if (fingerprintOf(classifier.weights) === metadata[ONNX_WEIGHTS]) return classifier;
  if (run === undefined) return null;
  throw new Fault(
    'data',
    `${file}: expected a model of the weights in ${weights}, got one of others. Export it again.`,
  );
}

async function reportsOf(
  request: VerifyRequest,
  subjects: readonly Subject[],
  reference: Outputs,
): Promise<readonly ProviderParity[]> {
  const { providers = DEFAULT } = request;
  const reports: ProviderParity[] = [];
  const total = subjects.length * providers.length;
  for (const provider of providers) {
    const absent = await whyAbsent(request.runtimeOf(provider), provider);
    for (const subject of subjects) {
      const what = `verifying ${subject.name} on ${provider}, of`;
      goOn(request, { what, done: reports.length, total });
      if (absent === null) reports.push(await reportOf(subject, provider, reference));
      else {
        const { name, precision } = subject;
        reports.push({ subject: name, provider, precision, absent, modules: [], passes: !request.providers });
      }
    }
  }
  return reports;
}

/** Why this machine cannot run the least graph on a provider; null where it can. */
async function whyAbsent(runtime: Runtime, provider: Provider): Promise<string | null> {
  const x = float32([1], [2]);
  try {
    const session = await createSession(runtime, new Map([['y', op.neg(input('x', 'float32', [1]))]]), { provider });
    await session.run({ x });
    await session.release();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

async function reportOf(
  { name: subject, precision, logits, modules }: Subject,
  provider: Provider,
  reference: Outputs,
): Promise<ProviderParity> {
  const known = { subject, provider, precision };
  const bounds = PARITY_BOUNDS[precision];
  try {
    const whole = parityOf('logits', { should: reference['logits']!, is: await logits(provider) }, bounds);
    const found = Object.entries(await modules(provider))
      .filter(([module]) => module !== 'logits' && reference[module])
      .map(([module, is]) => parityOf(module, { should: reference[module]!, is }, bounds))
      .sort((a, b) => b.error - a.error);
    const all = [whole, ...found];
    return { ...known, modules: all, passes: all.every((m) => m.passes) };
  } catch (error) {
    return { ...known, failure: messageOf(error), modules: [], passes: false };
  }
}
