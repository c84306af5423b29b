/** Measures that differ each time a run is made: the machine's, not the training's. */
const TIMED = ['imagesPerSecond', 'memory', 'seconds'] as const;

/** Rows of `metrics.jsonl` without what is not a function of the configuration. */
export function timeless(metrics: string): readonly Readonly<Record<string, unknown>>[] {
  return metrics
    .trim()
    .split('\n')
    .map((line) => {
      const row = JSON.parse(line) as Record<string, unknown>;
      for (const name of TIMED) delete row[name];
      return row;
    });
}
