/** What runs anywhere: describing, tracing, differentiating, encoding, reading, judging. Platforms are handed in. */
export * from './core/crc.ts';
export * from './core/dtype.ts';
export * from './core/fault.ts';
export * from './core/name-table.ts';
export * from './core/random.ts';
export * from './core/resize.ts';
export * from './core/shape.ts';
export * from './core/suggest.ts';
export * from './core/tensor.ts';
export * from './data/batch.ts';
export * from './data/class-weights.ts';
export * from './data/csv.ts';
export * from './data/dataset.ts';
export * from './data/emoji.ts';
export * from './data/files.ts';
export * from './data/find-pictures.ts';
export * from './data/image.ts';
export * from './data/image-folder.ts';
export { type Allowed, pathInside } from './data/inside.ts';
export * from './data/load.ts';
export * from './data/loader.ts';
export * from './data/open.ts';
export * from './data/order.ts';
export * from './data/output.ts';
export * from './data/problems.ts';
export * from './data/source.ts';
export * from './data/tar.ts';
export * from './data/transform.ts';
export * from './data/transform-config.ts';
export * from './engine/calibrate.ts';
export * from './engine/encode.ts';
export * from './engine/frozen.ts';
export * from './engine/half.ts';
export * from './engine/profile.ts';
export * from './engine/quantise.ts';
export * from './engine/read-model.ts';
export * from './engine/runtime.ts';
export * from './engine/session.ts';
export type { GoldenEnvironment } from './golden/attempt.ts';
export * from './golden/case.ts';
export * from './golden/find.ts';
export * from './golden/run.ts';
export {
  explain,
  LOWERINGS,
  type LoweringName,
  type LowerOptions,
  lowerAggregates,
} from './graph/aggregate/index.ts';
export * from './graph/backward.ts';
export * from './graph/bind.ts';
export * from './graph/cost.ts';
export * from './graph/dimension.ts';
export * as op from './graph/ops/index.ts';
export * from './graph/print.ts';
export * from './graph/simplify.ts';
export * from './graph/trace.ts';
export * from './graph/value.ts';
export * from './model/aggregate.ts';
export * from './model/blocks/context.ts';
export * from './model/blocks/global-context.ts';
export * from './model/blocks/non-local.ts';
export * from './model/blocks/simplified-non-local.ts';
export * from './model/blocks/squeeze-excitation.ts';
export * from './model/init.ts';
export * from './model/layers/conv.ts';
export * from './model/layers/drop.ts';
export * from './model/layers/linear.ts';
export * from './model/layers/norm.ts';
export * from './model/layers/pool.ts';
export * from './model/losses/binary.ts';
export * from './model/losses/classification.ts';
export * from './model/networks/byobnet-config.ts';
export * from './model/networks/describe.ts';
export * from './model/networks/named.ts';
export * from './model/networks/picture-input.ts';
export type { ContextPlacement, ContextPosition } from './model/networks/placement.ts';
export * from './model/networks/resnet-config.ts';
export * from './model/networks/table.ts';
export * from './model/scope.ts';
export * from './result/attention.ts';
export * from './result/average-precision.ts';
export * from './result/baseline.ts';
export * from './result/calibration.ts';
export * from './result/classify.ts';
export * from './result/curves.ts';
export * from './result/format.ts';
export * from './result/insight.ts';
export * from './result/labels.ts';
export * from './result/progress.ts';
export * from './result/report.ts';
export * from './train/attention.ts';
export * from './train/checkpoint.ts';
export * from './train/classifier.ts';
export * from './train/config.ts';
export { type DataConfig, evaluationTransform, trainingTransform } from './train/data-config.ts';
export * from './train/ema.ts';
export * from './train/evaluate.ts';
export * from './train/events.ts';
export * from './train/export.ts';
export * from './train/export-judge.ts';
export * from './train/export-run.ts';
export * from './train/folder.ts';
export * from './train/freeze.ts';
export * from './train/history.ts';
export * from './train/judge-run.ts';
export * from './train/layers.ts';
export * from './train/network.ts';
export * from './train/optimizers/optimizer.ts';
export * from './train/outcome.ts';
export * from './train/parity.ts';
export * from './train/plateau.ts';
export * from './train/platform.ts';
export * from './train/predict.ts';
export * from './train/prediction-table.ts';
export * from './train/predictor.ts';
export * from './train/rate.ts';
export * from './train/read-config.ts';
export * from './train/rebuild-report.ts';
export * from './train/recipe.ts';
export * from './train/recipes.ts';
export * from './train/run.ts';
export * from './train/schedule.ts';
export * from './train/standing.ts';
export * from './train/step.ts';
export * from './train/step-graph.ts';
export * from './train/tuner.ts';
export { type ProviderParity, type VerifyRequest, type VerifyResult, verifyRun } from './train/verify.ts';
export * from './train/work.ts';
export * from './weights/adapt.ts';
export {
  type Hub,
  type HubFile,
  type HubProgress,
  type HubReference,
  type HubRequest,
  parseHubReference,
} from './weights/hub.ts';
export * from './weights/load.ts';
export * from './weights/names.ts';
export * from './weights/open.ts';
export type { WeightEntry } from './weights/piece.ts';
export * from './weights/safetensors.ts';
export type { OpenSource, SourceFiles } from './weights/source.ts';
export { toFloat32 } from './weights/widen.ts';
export * from './weights/write-shards.ts';
