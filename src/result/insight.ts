import { expect } from '../core/fault.ts';
import { type Calibration, calibrationMeter } from './calibration.ts';
import { softmax } from './classify.ts';
import { type ClassCurves, curveMeter } from './curves.ts';

/** A class and the probability that was given to it. */
export interface Answer {
  readonly label: number;
  readonly probability: number;
}

/** A sample of large loss, whether it was classified rightly or not. */
export interface TopLoss {
  /** Place of the sample among all samples added, from 0. */
  readonly index: number;
  /** In nats: cross-entropy, or of several labels the mean binary cross-entropy of the classes. */
  readonly loss: number;
  /** The classes that the sample is of, and what was said of them; of many the first ten. */
  readonly meant: readonly Answer[];
  /** The likeliest class, or of several labels those from 0.5 on (at most ten). */
  readonly said: readonly Answer[];
}

/** What the scores alone do not tell. */
export interface Insight {
  readonly curves: ClassCurves;
  /** Of the likeliest class; of several labels, of every class of every sample. */
  readonly calibration: Calibration;
  /** The largest first; equals in the order in which they were added. */
  readonly topLosses: readonly TopLoss[];
}

/** What an {@link InsightMeter} counts. */
export interface InsightOptions {
  /** Number of classes K. */
  readonly classes: number;
  /** Whether a sample may be of several classes, or none: probabilities are then each class's own. */
  readonly multiLabel?: boolean;
  /** How many of the largest losses are kept; 24. */
  readonly keep?: number;
}

/** What the samples of a batch are: labels [N], or targets [N, K] of zeros and ones where there may be several. */
export interface Truth {
  readonly labels: ArrayLike<number>;
  readonly targets?: ArrayLike<number>;
}

/** Adds up predictions batch by batch. */
export interface InsightMeter {
  /** Counts a batch. logits [N, K] */
  add(logits: Float32Array, truth: Truth): void;
  result(): Insight;
}

const MOST_ANSWERS = 10;

/** A meter of curves, calibration and top losses; its memory does not grow with the samples. */
export function insightMeter({ classes, multiLabel = false, keep = 24 }: InsightOptions): InsightMeter {
  const curves = curveMeter(classes);
  const calibration = calibrationMeter();
  const worst: TopLoss[] = [];
  let samples = 0;

  const add = (logits: Float32Array, { labels, targets }: Truth): void => {
    expect(
      logits.length === labels.length * classes && (!multiLabel || targets?.length === logits.length),
      'shape',
      () => `add: expected ${labels.length} x ${classes} logits and as many targets, got ${logits.length}.`,
    );
    const probabilities = multiLabel ? logits.map(sigmoid) : softmax(logits, classes);
    for (let n = 0; n < labels.length; n++) {
      const row = probabilities.subarray(n * classes, (n + 1) * classes);
      const isMeant = (k: number): boolean => (multiLabel ? targets![n * classes + k] === 1 : labels[n] === k);
      row.forEach((p, k) => {
        curves.add(k, p, isMeant(k));
        if (multiLabel) calibration.add(p, isMeant(k));
      });
      const best = likeliest(row);
      if (!multiLabel) calibration.add(row[best]!, isMeant(best));
      const raw = logits.subarray(n * classes, (n + 1) * classes);
      const loss = multiLabel ? meanSurprise(raw, isMeant) : crossEntropy(raw, labels[n]!);
      const index = samples++;
      insert(worst, { index, loss, ...answers(row, isMeant, multiLabel ? null : best) }, keep);
    }
  };
  const result = (): Insight => ({
    curves: curves.result(),
    calibration: calibration.result(),
    topLosses: [...worst],
  });
  return { add, result };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function likeliest(row: Float32Array): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}

/** log Σ exp z − z of the label, in nats */
function crossEntropy(z: Float32Array, label: number): number {
  const top = z.reduce((a, b) => Math.max(a, b));
  return Math.log(z.reduce((sum, v) => sum + Math.exp(v - top), 0)) + top - z[label]!;
}

/** Mean over the classes of softplus(−z) where meant, softplus(z) elsewhere */
function meanSurprise(z: Float32Array, isMeant: (k: number) => boolean): number {
  let sum = 0;
  z.forEach((v, k) => {
    const x = isMeant(k) ? -v : v;
    sum += Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  });
  return sum / z.length;
}

/** What was meant and what was said; `best` is the one answer where there is only one. */
function answers(
  row: Float32Array,
  isMeant: (k: number) => boolean,
  best: number | null,
): Pick<TopLoss, 'meant' | 'said'> {
  const meant: Answer[] = [];
  const said: Answer[] = [];
  row.forEach((probability, label) => {
    if (isMeant(label)) meant.push({ label, probability });
    if (best === null ? probability >= 0.5 : label === best) said.push({ label, probability });
  });
  said.sort((a, b) => b.probability - a.probability);
  return { meant: meant.slice(0, MOST_ANSWERS), said: said.slice(0, MOST_ANSWERS) };
}

function insert(worst: TopLoss[], sample: TopLoss, keep: number): void {
  let at = worst.length;
  while (at > 0 && worst[at - 1]!.loss < sample.loss) at--;
  if (at >= keep) return;
  worst.splice(at, 0, sample);
  if (worst.length > keep) worst.pop();
}
