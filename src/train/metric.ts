import type { MetricName } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import type { Direction } from './plateau.ts';

/** What a run's metric is where it is left open. */
export function usualMetric(multiLabel: boolean): MetricName {
  return multiLabel ? 'meanAveragePrecision' : 'balancedAccuracy';
}

/** Which way a metric is better. */
export function directionOf(metric: MetricName): Direction {
  return metric === 'loss' ? 'down' : 'up';
}

/** The value of a metric in an evaluation. */
export function metricOf({ result, labels }: Evaluation, metric: MetricName): number {
  switch (metric) {
    case 'balancedAccuracy':
      return result.balancedAccuracy;
    case 'accuracy':
      return result.accuracy;
    case 'loss':
      return labels?.loss ?? result.loss;
    case 'meanAveragePrecision':
      return labels?.meanAveragePrecision ?? 0;
    default:
      return metric satisfies never;
  }
}

/** Whether `value` is better than `best`; anything is better than nothing. */
export function isBetter(value: number, best: number | null, direction: Direction): boolean {
  return best === null || (direction === 'up' ? value > best : value < best);
}
