/** Figures that somebody published, beside which ours are shown. */
export interface Published {
  /** Trainable values as printed: 22.1e6 for "22.1 M". */
  readonly parameters: number;
  /** Multiply-adds of one picture as printed. */
  readonly macs?: number;
  /** Side of that picture in pixels; that of the network's own pictures where absent. */
  readonly size?: number;
  /** Where the figures stand: `CONTAINER, table 1`. */
  readonly source: string;
  /** Why ours are others, in one sentence; absent where they round to the printed ones. */
  readonly difference?: string;
}
