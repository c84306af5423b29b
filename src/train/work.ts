/** How far a piece of work is. */
export interface WorkProgress {
  /** What is done now, as `calibrating`. */
  readonly what: string;
  readonly done: number;
  /** How much there is to do; null where nobody can tell. */
  readonly total: number | null;
}

/** How to follow and to stop a piece of work. */
export interface WorkOptions {
  /** Stops it: the promise then fails with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: WorkProgress) => void;
}

/** Called at each turn of a loop: it stops when asked to, and says how far it is. */
export function goOn({ signal, onProgress }: WorkOptions, progress: WorkProgress): void {
  signal?.throwIfAborted();
  onProgress?.(progress);
}
