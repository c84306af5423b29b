/** Pictures ready for a network, with what they are. */
export interface ImageBatch {
  /** [N, 3, size, size], normalised. */
  readonly images: Float32Array;
  /** [N]; of a picture with several labels the first, or -1 for none. */
  readonly labels: Int32Array;
  /** [N, K]: how far each class is meant, where a label alone does not say it: mixed pictures, several labels. */
  readonly targets?: Float32Array;
  /** [N]: which samples of the data set these are. */
  readonly indices: Int32Array;
}

/** A file that could not be used, and why. */
export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

/** What to yield of an epoch. */
export interface EpochOptions {
  /** Stops the epoch: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** The first batch to yield, from 0; those before are not even read. For resuming. */
  readonly from?: number;
}

/** A data set in batches, epoch after epoch. */
export interface ImageLoader {
  /** Batches of an epoch; in evaluation fewer come where all pictures of one are bad. */
  readonly batches: number;
  /** The batches of one epoch, a function of (seed, epoch) whatever the number of workers. */
  epoch(epoch: number, options?: EpochOptions): AsyncGenerator<ImageBatch, void, undefined>;
  /**
   * Gives the memory of a batch's images back, for another batch; they must not be read any more. What is not given back
   * is collected as garbage, which costs time where batches are many and large.
   */
  readonly release?: (batch: ImageBatch) => void;
  /** Files that could not be read so far, by path. */
  skipped(): readonly SkippedFile[];
}

/** One sentence on the files that were skipped; empty when none was. */
export function describeSkipped(skipped: readonly SkippedFile[], total: number): string {
  if (skipped.length === 0) return '';
  const shown = skipped.slice(0, 5).map((s) => s.reason);
  const more = skipped.length > 5 ? ` And ${skipped.length - 5} more.` : '';
  return `Skipped ${skipped.length} of ${total} pictures that could not be read. ${shown.join(' ')}${more}`;
}
