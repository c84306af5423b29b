import { expect, Fault } from '../core/fault.ts';

/** What a {@link ClassMeter} counts. */
export interface ClassMeterOptions {
  /** Number of classes K; labels are 0 to K - 1. */
  readonly classes: number;
  /** k of the top-k accuracy; 5, or K where there are fewer classes. */
  readonly topK?: number;
  /** How many of the worst mistakes are kept; 24. */
  readonly keep?: number;
  /** Which mistakes are the worst: largest cross-entropy, or surest of the wrong class (the default). */
  readonly worst?: 'loss' | 'confidence';
}

/** What one batch of logits says, one entry a sample. */
export interface Predictions {
  /** Class of the largest logit; the first of equals. [N] */
  readonly predicted: Int32Array;
  /** Softmax probability of the predicted class. [N] */
  readonly confidence: Float32Array;
  /** Cross-entropy against the label, in nats. [N] */
  readonly loss: Float64Array;
}

/** One sample that was classified wrongly. */
export interface Mistake {
  /** Place of the sample among all samples added, from 0. */
  readonly index: number;
  readonly label: number;
  readonly predicted: number;
  /** Probability given to the predicted, wrong class. */
  readonly confidence: number;
  /** Cross-entropy against the label, in nats. */
  readonly loss: number;
}

/** The score of one class. */
export interface ClassScore {
  /** Samples whose label is this class. */
  readonly support: number;
  /** Samples predicted to be this class. */
  readonly predicted: number;
  /** Samples of this class predicted as such. */
  readonly correct: number;
  /** correct / predicted; null where the class was never predicted. */
  readonly precision: number | null;
  /** correct / support; null where the class has no sample. */
  readonly recall: number | null;
}

/** Scores of a classification, plain JSON; every rate is a fraction in [0, 1]. */
export interface ClassifyResult {
  readonly samples: number;
  readonly classes: number;
  readonly correct: number;
  /** Top-1 accuracy: correct / samples. */
  readonly accuracy: number;
  /** Share of samples whose label is among the k largest logits. */
  readonly topK: { readonly k: number; readonly accuracy: number };
  /** Mean of the recalls of the classes that have samples. */
  readonly balancedAccuracy: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Counts [K, K]: row = label, column = prediction. */
  readonly confusion: readonly (readonly number[])[];
  readonly perClass: readonly ClassScore[];
  /** The worst first; equals in the order in which they were added. */
  readonly mistakes: readonly Mistake[];
}

/** Adds up predictions batch by batch. */
export interface ClassMeter {
  /** Counts a batch: logits [N, K], labels [N]. A fault for a label outside [0, K) or logits without a softmax. */
  add(logits: Float32Array, labels: ArrayLike<number>): Predictions;
  /** The scores so far; a fault when nothing was added. */
  result(): ClassifyResult;
}

/** Largest logit, where it stands, and log Σ exp(logit - largest) of one row; a fault if no softmax exists. */
function softmaxOfRow(logits: Float32Array, start: number, classes: number, sample: number) {
  let best = 0;
  for (let c = 0; c < classes; c++) {
    const value = logits[start + c]!;
    if (Number.isNaN(value) || value === Number.POSITIVE_INFINITY) {
      throw new Fault(
        'data',
        `sample ${sample}: expected finite logits, got ${value} for class ${c}. ` +
          'Look for a non-finite weight or activation in the network.',
      );
    }
    if (value > logits[start + best]!) best = c;
  }
  const top = logits[start + best]!;
  if (top === Number.NEGATIVE_INFINITY) {
    throw new Fault('data', `sample ${sample}: expected a finite logit, got -Infinity for every class.`);
  }
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(logits[start + c]! - top);
  return { best, top, logSum: Math.log(sum) };
}

/** Softmax over the classes. logits [N, K] → probabilities [N, K] */
export function softmax(logits: Float32Array, classes: number): Float32Array {
  checkRows('softmax', logits, classes);
  const out = new Float32Array(logits.length);
  for (let n = 0; n < logits.length / classes; n++) {
    const start = n * classes;
    const { top, logSum } = softmaxOfRow(logits, start, classes, n);
    for (let c = 0; c < classes; c++) out[start + c] = Math.exp(logits[start + c]! - top - logSum);
  }
  return out;
}

/** The k likeliest classes of one sample, likeliest first; equals by class number. logits [K] */
export function topClasses(
  logits: Float32Array,
  k: number,
): readonly { readonly label: number; readonly probability: number }[] {
  const probabilities = softmax(logits, logits.length);
  return Array.from(probabilities, (probability, label) => ({ label, probability }))
    .sort((a, b) => logits[b.label]! - logits[a.label]! || a.label - b.label)
    .slice(0, k);
}

function checkRows(where: string, logits: Float32Array, classes: number): void {
  expect(
    Number.isInteger(classes) && classes > 0 && logits.length % classes === 0,
    'shape',
    () => `${where}: expected rows of ${classes} logits, got ${logits.length} numbers.`,
  );
}

/** Whether the label is among the k largest; of equal logits the lower class number comes first. */
function isAmongTop(logits: Float32Array, start: number, classes: number, label: number, k: number): boolean {
  const own = logits[start + label]!;
  let before = 0;
  for (let c = 0; c < classes; c++) {
    const value = logits[start + c]!;
    if (value > own || (value === own && c < label)) before++;
  }
  return before < k;
}

/** Puts a mistake in its place among the worst and drops what is too many. */
function insertMistake(worst: Mistake[], mistake: Mistake, key: 'loss' | 'confidence', keep: number): void {
  let at = worst.length;
  while (at > 0 && worst[at - 1]![key] < mistake[key]) at--;
  if (at >= keep) return;
  worst.splice(at, 0, mistake);
  if (worst.length > keep) worst.pop();
}

function checkOptions(options: ClassMeterOptions): Required<ClassMeterOptions> {
  const { classes, keep = 24, worst = 'confidence' } = options;
  expect(
    Number.isInteger(classes) && classes >= 1,
    'config',
    `classes: expected a whole number from 1, got ${classes}.`,
  );
  const topK = options.topK ?? Math.min(5, classes);
  expect(
    Number.isInteger(topK) && topK >= 1 && topK <= classes,
    'config',
    `topK: expected a whole number from 1 to ${classes} (the classes), got ${topK}.`,
  );
  expect(Number.isInteger(keep) && keep >= 0, 'config', `keep: expected a whole number from 0, got ${keep}.`);
  return { classes, topK, keep, worst };
}

/** Scores per class from the counts. confusion [K, K] */
function scoreClasses(confusion: readonly (readonly number[])[]): readonly ClassScore[] {
  return confusion.map((row, c) => {
    const support = row.reduce((a, b) => a + b, 0);
    const predicted = confusion.reduce((a, r) => a + r[c]!, 0);
    const correct = row[c]!;
    return {
      support,
      predicted,
      correct,
      precision: predicted > 0 ? correct / predicted : null,
      recall: support > 0 ? correct / support : null,
    };
  });
}

/** Predictions of a batch, counting nothing; `first` is the number of its first sample. logits [N, K], labels [N] */
function predict(logits: Float32Array, labels: ArrayLike<number>, classes: number, first: number): Predictions {
  const size = labels.length;
  expect(
    logits.length === size * classes,
    'shape',
    () => `add: expected ${size} x ${classes} logits for ${size} labels, got ${logits.length}.`,
  );
  const out = {
    predicted: new Int32Array(size),
    confidence: new Float32Array(size),
    loss: new Float64Array(size),
  };
  for (let n = 0; n < size; n++) {
    const label = labels[n]!;
    expect(
      Number.isInteger(label) && label >= 0 && label < classes,
      'data',
      () => `sample ${first + n}: expected a label from 0 to ${classes - 1}, got ${label}.`,
    );
    const { best, top, logSum } = softmaxOfRow(logits, n * classes, classes, first + n);
    out.predicted[n] = best;
    out.confidence[n] = Math.exp(-logSum);
    out.loss[n] = logSum + top - logits[n * classes + label]!;
  }
  return out;
}

/** A meter of a classification: batches go in one by one, scores come out at the end. */
export function classMeter(options: ClassMeterOptions): ClassMeter {
  const { classes, topK, keep, worst } = checkOptions(options);
  const counts = new Float64Array(classes * classes); // [K, K]
  const mistakes: Mistake[] = [];
  let samples = 0;
  let inTop = 0;
  let lossSum = 0;

  const add = (logits: Float32Array, labels: ArrayLike<number>): Predictions => {
    const out = predict(logits, labels, classes, samples);
    out.predicted.forEach((predicted, n) => {
      const label = labels[n]!;
      const loss = out.loss[n]!;
      const mistake = { index: samples, label, predicted, confidence: out.confidence[n]!, loss };
      if (predicted !== label) insertMistake(mistakes, mistake, worst, keep);
      counts[label * classes + predicted]! += 1;
      if (isAmongTop(logits, n * classes, classes, label, topK)) inTop++;
      lossSum += loss;
      samples++;
    });
    return out;
  };

  const result = (): ClassifyResult => {
    expect(samples > 0, 'data', 'result: expected at least one sample, got none. Check that the set is not empty.');
    const confusion = Array.from({ length: classes }, (_, c) => [...counts.subarray(c * classes, (c + 1) * classes)]);
    const perClass = scoreClasses(confusion);
    const correct = perClass.reduce((sum, c) => sum + c.correct, 0);
    const recalls = perClass.flatMap((c) => (c.recall === null ? [] : [c.recall]));
    return {
      samples,
      classes,
      correct,
      accuracy: correct / samples,
      topK: { k: topK, accuracy: inTop / samples },
      balancedAccuracy: recalls.reduce((a, b) => a + b, 0) / recalls.length,
      loss: lossSum / samples,
      confusion,
      perClass,
      mistakes: [...mistakes],
    };
  };
  return { add, result };
}

/**
 * Wilson's 95 % interval of a rate: where the true rate may lie when `correct` of `samples` were right.
 *
 *     (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n),  z = 1.96
 *
 * Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
 */
export function rateInterval(correct: number, samples: number): readonly [low: number, high: number] {
  expect(samples > 0, 'data', `rateInterval: expected at least one sample, got ${samples}.`);
  const z2 = 1.959964 ** 2;
  const p = correct / samples;
  const middle = p + z2 / (2 * samples);
  const reach = Math.sqrt(z2) * Math.sqrt((p * (1 - p)) / samples + z2 / (4 * samples ** 2));
  const scale = 1 + z2 / samples;
  return [Math.max(0, (middle - reach) / scale), Math.min(1, (middle + reach) / scale)];
}
