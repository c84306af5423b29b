/** Replaces what a pattern matches in a tensor's name, as `String.replace` does (`$1` is the first group). */
export type RenameRule = readonly [pattern: RegExp, replacement: string];

/** How one implementation names the tensors of a network of ours. */
export interface NameTable {
  /** Whose names they are, as a message says it: `OpenMMLab (mmdetection, mmpretrain)`. */
  readonly source: string;
  /** From their names to ours, each applied to the result of the one before; a wrapper's prefix is gone by then. */
  readonly rules: readonly RenameRule[];
}
