import { Fault, messageOf } from '../core/fault.ts';
import { float32, toNumbers } from '../core/tensor.ts';
import * as op from '../graph/ops/index.ts';
import { input, scalar } from '../graph/trace.ts';
import { type Attempt, type GoldenEnvironment, notSupported, runGraph } from './attempt.ts';
import { runBackbone } from './backbones.ts';
import { runBlock } from './blocks.ts';
import { type ArrayCase, type CaseFiles, type GoldenCase, loadCase } from './case.ts';
import { readHead } from './case-json.ts';
import { compareCase, summarize } from './compare.ts';
import { runOperator } from './ops.ts';
import { runQuadratic } from './quadratic.ts';
import { runTraining } from './training.ts';

/** What came of a case. */
export interface CaseResult {
  readonly case: string;
  /** `skip`: of a kind, or with an option, that is not built; never counted as passed. */
  readonly status: 'pass' | 'fail' | 'skip';
  /** Of the worst output, in the measure of its bound; null where nothing could be compared. */
  readonly error: number | null;
  readonly bound: number | null;
  /** What is wrong or not built; empty if the case passed. */
  readonly why: string;
}

/** Reads and runs a case from its JSON and what lies beside it; whatever goes wrong, the result says so. */
export async function runCaseText(text: string, files: CaseFiles, env: GoldenEnvironment): Promise<CaseResult> {
  let name = files.name ?? 'case';
  try {
    const head = readHead(text);
    name = head.name;
    if (head.kind !== undefined && head.kind !== 'plain') {
      return skipped(name, notSupported(`cases of kind "${head.kind}"`));
    }
    return await runCase(loadCase(text, files), env);
  } catch (error) {
    return failed(name, error);
  }
}

/** Runs a case against our networks, operators and training, and judges every output by the corpus' own bounds. */
export async function runCase(c: GoldenCase, env: GoldenEnvironment): Promise<CaseResult> {
  try {
    if (c.kind === 'plain') return skipped(c.name, notSupported('plain cases'));
    const attempt = await attemptCase(c, env);
    return attempt.kind === 'outputs' ? judged(c, attempt) : skipped(c.name, attempt);
  } catch (error) {
    return failed(c.name, error);
  }
}

function judged(c: ArrayCase, { tensors, differences }: Attempt & { readonly kind: 'outputs' }): CaseResult {
  const { pass, error, bound, why } = summarize(compareCase(c, tensors));
  const wrong = [...differences, ...(pass ? [] : [why])];
  const figures = { error: Number.isFinite(error) ? error : null, bound };
  return { case: c.name, status: wrong.length === 0 ? 'pass' : 'fail', ...figures, why: wrong.join('; ') };
}

async function attemptCase(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  switch (c.folder) {
    case 'ops':
      return runOperator(c, env);
    case 'training':
      return c.config.model === undefined ? runQuadratic(c, env) : runTraining(c, env);
    case 'backbones':
      return runBackbone(c, env);
    case 'blocks':
      return runBlock(c, env);
    case 'detection':
    case 'metrics':
    case 'tracking':
    case 'video':
      return notSupported(`${c.folder} cases`);
    default:
      return c.folder satisfies never;
  }
}

function skipped(name: string, { why }: Attempt & { readonly kind: 'unsupported' }): CaseResult {
  return { case: name, status: 'skip', error: null, bound: null, why };
}

function failed(name: string, error: unknown): CaseResult {
  return { case: name, status: 'fail', error: null, bound: null, why: messageOf(error) };
}

/** Runs a trifle, so that a provider which this machine lacks is told in one sentence before any case is. */
export async function checkEnvironment(env: GoldenEnvironment): Promise<void> {
  const x = input('x', 'float32', [2]);
  try {
    const out = await runGraph(env, new Map([['y', op.add(x, scalar(1))]]), { x: float32([2], [1, -3]) });
    const y = Array.from(toNumbers(out.get('y')!));
    if (y[0] === 2 && y[1] === -2) return;
    throw new Fault('engine', `1 + 1 and -3 + 1 gave ${y.join(' and ')}.`);
  } catch (cause) {
    const why = messageOf(cause).replaceAll(/\s+/g, ' ');
    throw new Fault(
      'engine',
      `provider ${env.provider}: expected it to run on this machine, got: ${why} Choose another, such as cpu.`,
      {
        cause,
      },
    );
  }
}
