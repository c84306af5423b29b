import type { ClassifyResult } from '../classify.ts';
import type { Insight, TopLoss } from '../insight.ts';
import type { LabelResult } from '../labels.ts';

/** One row of `metrics.jsonl`; a measure that was not taken is left out or null. */
export interface MetricsRow {
  /** Epochs finished when the row was written; a fraction inside an epoch. */
  readonly epoch: number;
  /** Steps finished, from the start of training. */
  readonly step: number;
  /** Training loss since the row before. */
  readonly loss?: number | null;
  /** Training accuracy since the row before, 0 to 1. */
  readonly accuracy?: number | null;
  readonly learningRate?: number | null;
  readonly imagesPerSecond?: number | null;
  /** The l2 norm of all gradients, a mean over the steps since the row before. */
  readonly gradientNorm?: number | null;
  /** Bytes that the process held. */
  readonly memory?: number | null;
  readonly heldOutLoss?: number | null;
  readonly heldOutAccuracy?: number | null;
  readonly heldOutBalancedAccuracy?: number | null;
  /** In data whose pictures may have several labels. */
  readonly heldOutMeanAveragePrecision?: number | null;
}

/** Scores over one set of images. */
export interface Split {
  /** Such as "never seen in training". */
  readonly name: string;
  readonly result: ClassifyResult;
}

/** Another classifier's balanced accuracy on the same held-out images, 0 to 1. */
export interface Reference {
  readonly name: string;
  readonly balancedAccuracy: number;
}

/** A picture that was classified wrongly. */
export interface MistakePicture {
  /** `data:image/png;base64,…` (or jpeg, webp). */
  readonly image: string;
  /** File name. */
  readonly name?: string;
  /** Class numbers. */
  readonly label: number;
  readonly predicted: number;
  /** Probability given to the predicted class. */
  readonly confidence: number;
}

/** A picture of large loss, whether it was classified rightly or not. */
export interface LossPicture extends Omit<TopLoss, 'index'> {
  /** A `data:` URI. */
  readonly image: string;
  /** File name. */
  readonly name?: string;
}

/** What the network saw first, in one picture. */
export interface BatchesPicture {
  /** A `data:` URI. */
  readonly image: string;
  /** Width and height in pixels. */
  readonly width: number;
  readonly height: number;
}

/** Where a run stands that goes on while its report is read. */
export interface LiveState {
  /** Epochs done, with a fraction of the one under way, and epochs in all. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done, and steps in all. */
  readonly step: number;
  readonly steps: number;
  /** Lately; null before the first step. */
  readonly imagesPerSecond: number | null;
  readonly loss: number | null;
  /** Until the run ends; null where it cannot be said yet. */
  readonly secondsLeft: number | null;
  /** When the page was written, in words. */
  readonly written: string;
  /** Seconds after which the page loads itself again; null where the run was ended and can be resumed. */
  readonly refresh: number | null;
}

/** One attention map over an image. */
export interface AttentionPicture {
  /** Name of the tap, such as `layer3.1.context_block/attention`. */
  readonly tap: string;
  /** The image with the map over it: a `data:` URI. */
  readonly overlay: string;
  /** A few words under it, such as "reads 31 % of positions". */
  readonly note?: string;
}

/** An image, what was said of it, and where the network looked. */
export interface AttentionExhibit {
  /** A `data:` URI. */
  readonly image: string;
  readonly name?: string;
  readonly label: number;
  readonly predicted: number;
  readonly confidence: number;
  readonly maps: readonly AttentionPicture[];
}

/** A name and its value, both shown as they are. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** A report of a run that has scores. */
export type Scored = ReportData & { readonly heldOut: ClassifyResult };

/** All that a report of a training run shows. Every text may be hostile. */
export interface ReportData {
  readonly title: string;
  /** One or two sentences: which network, on which data. */
  readonly summary: string;
  /** Class names, by class number. */
  readonly classes: readonly string[];
  /** Scores over all held-out images; null while there are none yet. */
  readonly heldOut: ClassifyResult | null;
  /** Scores of every class by itself, where images may have several labels; they are shown instead of `heldOut`. */
  readonly labels?: LabelResult;
  /** Where the run stands; absent once it has finished. */
  readonly live?: LiveState;
  /** Curves by threshold and calibration on the held-out images. */
  readonly insight?: Pick<Insight, 'curves' | 'calibration'>;
  /** The largest first. */
  readonly topLosses?: readonly LossPicture[];
  readonly firstBatches?: BatchesPicture;
  /** Parts of the held-out images, such as seen and never seen in training. */
  readonly splits: readonly Split[];
  /** Classifiers to compare with; chance is added by the report. */
  readonly references: readonly Reference[];
  /** In order of `step`. */
  readonly metrics: readonly MetricsRow[];
  /** The worst first. */
  readonly mistakes: readonly MistakePicture[];
  readonly attention: readonly AttentionExhibit[];
  /** The resolved configuration, plain JSON. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Machine, versions, seed, commit, time taken. */
  readonly machine: readonly Fact[];
  /** Files of the run folder and what is in each. */
  readonly files: readonly Fact[];
  /** Commands to try next (name) and what each does (value). */
  readonly next: readonly Fact[];
}
