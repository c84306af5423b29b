/** The grid that a table of learned positions [1, prefix + h · w, C] lies on, row by row, behind `prefix` rows of its own. */
export interface PositionGrid {
  /** Rows of tokens in front of the grid, such as a class token. */
  readonly prefix: number;
  readonly size: readonly [height: number, width: number];
}
