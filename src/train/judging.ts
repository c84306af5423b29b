import type { MetricsRow } from '../result/report.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import { directionOf, isBetter, metricOf } from './metric.ts';
import { plateauAfter, shouldStop, stopAfter } from './plateau.ts';
import type { Standing } from './standing.ts';

/** The run's metric, resolved. */
function metricName({ metric }: Pick<RunConfig, 'metric'>): NonNullable<RunConfig['metric']> {
  return metric ?? 'balancedAccuracy';
}

/** Whether no epoch is left, or nothing has become better for long enough. */
export function isOver({ epoch, stop }: Standing, { epochs, earlyStop }: RunConfig): boolean {
  return epoch >= epochs || shouldStop(stop, earlyStop);
}

/** Whether an evaluation is the best so far. */
export function improves({ best }: Standing, evaluation: Evaluation, config: RunConfig): boolean {
  const metric = metricName(config);
  return isBetter(metricOf(evaluation, metric), best?.value ?? null, directionOf(metric));
}

/** Where a run stands after an evaluation that followed so many epochs. */
export function afterEvaluation(
  standing: Standing,
  evaluation: Evaluation,
  config: RunConfig,
  epoch: number,
): Standing {
  const metric = metricName(config);
  const direction = directionOf(metric);
  const value = metricOf(evaluation, metric);
  const { schedule, earlyStop } = config;
  const { plateau, stop, best } = standing;
  return {
    ...standing,
    best: improves(standing, evaluation, config) ? { epoch, value } : best,
    plateau: schedule.kind === 'plateau' ? plateauAfter(plateau, value, { ...schedule, direction }) : plateau,
    stop: earlyStop ? stopAfter(stop, value, earlyStop, direction) : stop,
  };
}

/** Why a run ended before its last epoch. */
export function stoppedNote({ epoch, best, stop }: Standing, config: RunConfig): string {
  const found = best
    ? `${metricName(config)} was best, ${Number(best.value.toPrecision(4))}, after epoch ${best.epoch}`
    : '';
  return `Stopped after epoch ${epoch} of ${config.epochs}: ${found}; ${stop.bad} evaluations since brought no more.`;
}

/** What a row of metrics is made of, beside where the run stands. */
export interface RowParts {
  readonly epoch: number;
  readonly step: number;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
  readonly evaluation: Evaluation | null;
}

/** A row of metrics of the steps since the last one. */
export function metricsRow({ running }: Standing, parts: RowParts): MetricsRow {
  const { epoch, step, learningRate, imagesPerSecond, evaluation } = parts;
  const { gradientNorm } = running;
  const trained = running.steps > 0 && {
    loss: running.loss / running.steps,
    accuracy: running.correct / running.samples,
    learningRate,
    imagesPerSecond: Math.round(imagesPerSecond * 10) / 10,
    ...(gradientNorm !== null && { gradientNorm: gradientNorm / running.steps }),
  };
  const judged = evaluation && {
    heldOutLoss: evaluation.labels?.loss ?? evaluation.result.loss,
    heldOutAccuracy: evaluation.result.accuracy,
    heldOutBalancedAccuracy: evaluation.result.balancedAccuracy,
    ...(evaluation.labels && { heldOutMeanAveragePrecision: evaluation.labels.meanAveragePrecision }),
  };
  return { epoch, step, ...trained, ...judged };
}
