import { expect } from '../core/fault.ts';
import { averagePrecision } from './average-precision.ts';

/** What a {@link LabelMeter} counts. */
export interface LabelMeterOptions {
  /** Number of classes K. */
  readonly classes: number;
  /** What is added: logits (the default), or probabilities in [0, 1]. */
  readonly scores?: 'logits' | 'probabilities';
  /** Probability from above which a class counts as predicted; 0.5. */
  readonly threshold?: number;
  /** How many of the samples with the largest loss are kept; 24. */
  readonly keep?: number;
}

/** Counts of one class or of all, and their rates. */
export interface LabelRates {
  /** Labels that are meant. */
  readonly support: number;
  /** Labels that are predicted. */
  readonly predicted: number;
  /** Labels that are predicted and meant. */
  readonly correct: number;
  /** correct / predicted; null where nothing was predicted. */
  readonly precision: number | null;
  /** correct / support; null where nothing is meant. */
  readonly recall: number | null;
  /** 2 correct / (support + predicted); null where both are zero. */
  readonly f1: number | null;
}

/** The score of one class. */
export interface LabelScore extends LabelRates {
  /** Σ (R_n − R_n−1) P_n over the distinct scores; null where the class is never meant. */
  readonly averagePrecision: number | null;
}

/** One sample that has a wrong label or lacks a right one. */
export interface LabelMistake {
  /** Place of the sample among all samples added, from 0. */
  readonly index: number;
  /** Classes that are meant and were not predicted. */
  readonly missed: readonly number[];
  /** Classes that were predicted and are not meant. */
  readonly wrong: readonly number[];
  /** Mean binary cross-entropy of its classes, in nats. */
  readonly loss: number;
}

/** Scores of a classification with several labels a sample, plain JSON; every rate is a fraction in [0, 1]. */
export interface LabelResult {
  readonly samples: number;
  readonly classes: number;
  readonly threshold: number;
  /** Mean of the average precisions of the classes that are meant at least once; null where none is. */
  readonly meanAveragePrecision: number | null;
  /** Mean binary cross-entropy over samples and classes, in nats. */
  readonly loss: number;
  /** Share of samples whose predicted labels are exactly those meant. */
  readonly exact: number;
  /** Rates of all labels together. */
  readonly micro: LabelRates;
  /** Means of the classes' rates, each over the classes that have it; null where none has. */
  readonly macro: {
    readonly precision: number | null;
    readonly recall: number | null;
    readonly f1: number | null;
  };
  readonly perClass: readonly LabelScore[];
  /** Those with the largest loss first; equals in the order in which they were added. */
  readonly mistakes: readonly LabelMistake[];
}

/** Adds up predictions of several labels a sample, batch by batch. */
export interface LabelMeter {
  /** Counts a batch: scores [N, K], targets [N, K] of zeros and ones. A fault for other targets or non-finite scores. */
  add(scores: Float32Array, targets: ArrayLike<number>): void;
  /** The scores so far; a fault when nothing was added. */
  result(): LabelResult;
}

interface Kept {
  readonly scores: Float32Array;
  readonly targets: Uint8Array;
}

/** A meter of samples with several labels: batches go in one by one, scores come out; it keeps 5 bytes a number added. */
export function labelMeter(options: LabelMeterOptions): LabelMeter {
  const settings = checkOptions(options);
  const { classes } = settings;
  const kept: Kept[] = [];
  const mistakes: LabelMistake[] = [];
  let samples = 0;
  let exact = 0;
  let lossSum = 0;

  const add = (scores: Float32Array, targets: ArrayLike<number>): void => {
    const batch = checkBatch({ scores, targets }, settings, samples);
    kept.push(batch);
    for (let n = 0; n < scores.length / classes; n++) {
      const { missed, wrong, loss } = judgeRow(batch, n * classes, settings);
      if (missed.length + wrong.length === 0) exact++;
      else insert(mistakes, { index: samples, missed, wrong, loss }, settings.keep);
      lossSum += loss;
      samples++;
    }
  };

  const result = (): LabelResult => {
    expect(samples > 0, 'data', 'result: expected at least one sample, got none. Check that the set is not empty.');
    const perClass = Array.from({ length: classes }, (_, k) =>
      scoreClass(column(kept, k, { classes, samples }), settings),
    );
    const { threshold } = settings;
    const totals = { ...summary(perClass), loss: lossSum / samples, exact: exact / samples };
    return { samples, classes, threshold, ...totals, perClass, mistakes: [...mistakes] };
  };
  return { add, result };
}

function scoreClass({ scores, targets }: Kept, settings: Required<LabelMeterOptions>): LabelScore {
  const limit = limitOf(settings);
  let [support, predicted, correct] = [0, 0, 0];
  targets.forEach((target, n) => {
    const above = Number(scores[n]! > limit);
    support += target;
    predicted += above;
    correct += target * above;
  });
  return { ...rates(support, predicted, correct), averagePrecision: averagePrecision(scores, targets) };
}

function summary(perClass: readonly LabelScore[]): Pick<LabelResult, 'meanAveragePrecision' | 'micro' | 'macro'> {
  const total = (key: 'support' | 'predicted' | 'correct'): number => perClass.reduce((sum, c) => sum + c[key], 0);
  const mean = (key: 'precision' | 'recall' | 'f1' | 'averagePrecision'): number | null => {
    const found = perClass.map((c) => c[key]).filter((v) => v !== null);
    return found.length > 0 ? found.reduce((a, b) => a + b, 0) / found.length : null;
  };
  return {
    meanAveragePrecision: mean('averagePrecision'),
    micro: rates(total('support'), total('predicted'), total('correct')),
    macro: { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') },
  };
}

function checkOptions(options: LabelMeterOptions): Required<LabelMeterOptions> {
  const { classes, scores = 'logits', threshold = 0.5, keep = 24 } = options;
  expect(
    Number.isInteger(classes) && classes >= 1,
    'config',
    `classes: expected a whole number from 1, got ${classes}.`,
  );
  const inside = threshold > 0 && threshold < 1;
  expect(inside, 'config', `threshold: expected a probability between 0 and 1, got ${threshold}.`);
  expect(Number.isInteger(keep) && keep >= 0, 'config', `keep: expected a whole number from 0, got ${keep}.`);
  return { classes, scores, threshold, keep };
}

interface Batch {
  readonly scores: Float32Array;
  readonly targets: ArrayLike<number>;
}

function checkBatch({ scores, targets }: Batch, settings: Required<LabelMeterOptions>, first: number): Kept {
  const { classes, scores: kind } = settings;
  const fits = scores.length % classes === 0 && targets.length === scores.length;
  expect(fits, 'shape', () => {
    const got = `${scores.length} scores and ${targets.length} targets`;
    return `add: expected rows of ${classes} scores and as many targets, got ${got}.`;
  });
  const own = { scores: scores.slice(), targets: new Uint8Array(targets.length) };
  for (let i = 0; i < scores.length; i++) {
    const [score, target] = [scores[i]!, targets[i]!];
    const place = (): string => `sample ${first + Math.floor(i / classes)}, class ${i % classes}`;
    const finite = Number.isFinite(score);
    expect(finite, 'data', () => `${place()}: expected a finite score, got ${score}. Look for a non-finite weight.`);
    const inside = kind === 'logits' || (score >= 0 && score <= 1);
    expect(inside, 'data', () => `${place()}: expected a probability in [0, 1], got ${score}. Are these logits?`);
    expect(target === 0 || target === 1, 'data', () => `${place()}: expected a target of 0 or 1, got ${target}.`);
    own.targets[i] = target;
  }
  return own;
}

/** The score from above which a class counts: σ(x) > p where x > log(p / (1 − p)), without the rounding of σ. */
function limitOf({ scores, threshold }: Required<LabelMeterOptions>): number {
  return scores === 'logits' ? Math.log(threshold / (1 - threshold)) : threshold;
}

function judgeRow(batch: Kept, start: number, settings: Required<LabelMeterOptions>): Omit<LabelMistake, 'index'> {
  const { classes } = settings;
  const limit = limitOf(settings);
  const missed: number[] = [];
  const wrong: number[] = [];
  let loss = 0;
  for (let k = 0; k < classes; k++) {
    const score = batch.scores[start + k]!;
    const meant = batch.targets[start + k] === 1;
    if (meant !== score > limit) (meant ? missed : wrong).push(k);
    loss += surprise(score, meant, settings.scores);
  }
  return { missed, wrong, loss: loss / classes };
}

/** −log of the probability given to the truth, in nats; of probabilities at most 100, as torch's binary cross entropy. */
function surprise(score: number, meant: boolean, kind: 'logits' | 'probabilities'): number {
  if (kind === 'probabilities') return Math.min(100, -Math.log(meant ? score : 1 - score));
  const x = meant ? -score : score;
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))); // softplus
}

function insert(worst: LabelMistake[], mistake: LabelMistake, keep: number): void {
  let at = worst.length;
  while (at > 0 && worst[at - 1]!.loss < mistake.loss) at--;
  if (at >= keep) return;
  worst.splice(at, 0, mistake);
  if (worst.length > keep) worst.pop();
}

/** Scores and targets of one class: [samples] each. */
function column(kept: readonly Kept[], k: number, size: { readonly classes: number; readonly samples: number }): Kept {
  const { classes, samples } = size;
  const scores = new Float32Array(samples);
  const targets = new Uint8Array(samples);
  let n = 0;
  for (const batch of kept) {
    for (let i = k; i < batch.scores.length; i += classes, n++) {
      scores[n] = batch.scores[i]!;
      targets[n] = batch.targets[i]!;
    }
  }
  return { scores, targets };
}

function rates(support: number, predicted: number, correct: number): LabelRates {
  return {
    support,
    predicted,
    correct,
    precision: predicted > 0 ? correct / predicted : null,
    recall: support > 0 ? correct / support : null,
    f1: support + predicted > 0 ? (2 * correct) / (support + predicted) : null,
  };
}
