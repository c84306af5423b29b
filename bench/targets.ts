import type { Row } from './results.ts';

/** A number that a row is to reach. */
export interface Target {
  readonly ids: readonly string[];
  readonly peer: string;
  /** Which number of the row is meant. */
  readonly of: 'ratio' | 'ours';
  readonly most?: number;
  readonly least?: number;
  /** Whether it is one of networks that are made of affinities, which the results page also lists by themselves. */
  readonly affinities?: true;
}

/** Share of the processors' time taken by other processes above which a machine is not idle. */
export const BUSY = 0.05;

const TRAINING = ['resnet50.train.b8', 'resnet50-gc.train.b8'];
const NONLOCAL = ['nonlocal.64x64.time', 'nonlocal.128x128.time'];

const DENSE = ['resnet50-nl', 'container_v1_light', 'deit_small_patch16_224'];
const WINDOWED = ['cotnet50', 'lrnet26'];
const AGAINST_PYTORCH = { peer: 'pytorch', of: 'ratio', affinities: true } as const;
const inferenceOf = (networks: readonly string[]): string[] => networks.map((name) => `${name}.inference.b1`);
const trainingOf = (networks: readonly string[]): string[] => networks.map((name) => `${name}.train.b4`);

/** Every target. Memory linear in positions: four times the positions, at most four times the memory and a tenth. */
export const TARGETS: readonly Target[] = [
  { ids: ['resnet50.inference.b1'], peer: 'pytorch', of: 'ratio', most: 0.58 },
  { ids: ['resnet50.inference.b8'], peer: 'pytorch', of: 'ratio', most: 0.4 },
  {
    ids: ['resnet50.inference.b1', 'resnet50.inference.b8'],
    peer: 'onnxruntime-pytorch-export',
    of: 'ratio',
    most: 1.03,
  },
  { ids: ['resnet50.peak-share.b8'], peer: 'theoretical-peak', of: 'ratio', least: 0.55 },
  { ids: TRAINING, peer: 'pytorch', of: 'ratio', most: 0.95 },
  { ids: TRAINING.map((id) => `${id}.memory`), peer: 'pytorch', of: 'ratio', most: 1 },
  { ids: ['resnet50.train.b8.recompute.memory'], peer: 'pytorch', of: 'ratio', most: 0.5 },
  { ids: ['resnet50.train.b8.recompute'], peer: 'farsight-resnet50', of: 'ratio', most: 1.35 },
  { ids: ['resnet50-gc.share.b1'], peer: 'farsight-resnet50', of: 'ratio', most: 0.06 },
  { ids: NONLOCAL, peer: 'pytorch', of: 'ratio', most: 0.5 },
  { ids: inferenceOf(DENSE), ...AGAINST_PYTORCH, most: 0.65 },
  { ids: inferenceOf(WINDOWED), ...AGAINST_PYTORCH, most: 0.4 },
  { ids: trainingOf(['resnet50-nl', 'container_v1_light']), ...AGAINST_PYTORCH, most: 1 },
  { ids: trainingOf(WINDOWED), ...AGAINST_PYTORCH, most: 0.7 },
  { ids: ['attention.96x96.train'], ...AGAINST_PYTORCH, most: 1 },
  {
    ids: ['attention.train.growth.memory', 'attention.train.growth-beyond.memory'],
    ...{ peer: 'farsight', of: 'ratio', most: 4.4, affinities: true },
  },
  { ids: ['nonlocal.growth.memory'], peer: 'farsight-64x64', of: 'ratio', most: 4.4 },
  { ids: ['load.safetensors'], peer: 'node-readfile', of: 'ratio', most: 1.43 },
  { ids: ['load.safetensors'], peer: 'read-into-one-buffer', of: 'ratio', most: 1.43 },
  { ids: ['load.pth'], peer: 'pytorch', of: 'ratio', most: 1.5 },
  { ids: ['pipeline.imagenet-like'], peer: 'torchvision', of: 'ratio', least: 1.5 },
  { ids: ['pipeline.vs-resnet18'], peer: 'farsight-resnet18-step', of: 'ratio', least: 1 },
  { ids: ['help.time'], peer: 'node', of: 'ours', most: 300 },
];

/** The target of a row, if it has one. */
export function targetOf(row: { readonly id: string; readonly peer: string }): Target | undefined {
  return TARGETS.find((target) => target.peer === row.peer && target.ids.includes(row.id));
}

/** Every row, by id and peer, that has a target of networks made of affinities. */
export function affinityTargets(): readonly { readonly id: string; readonly peer: string; readonly target: Target }[] {
  const targets = TARGETS.filter(({ affinities }) => affinities);
  return targets.flatMap((target) => target.ids.map((id) => ({ id, peer: target.peer, target })));
}

/** Whether a row reaches its target; undefined where it has none. */
export function reached(row: Row): boolean | undefined {
  const target = targetOf(row);
  if (!target) return undefined;
  const value = row[target.of];
  return value <= (target.most ?? Number.POSITIVE_INFINITY) && value >= (target.least ?? Number.NEGATIVE_INFINITY);
}

/** A target in words: `ratio at most 0.58`. */
export function showTarget(target: Target, unit: string): string {
  const bound = target.most === undefined ? `at least ${target.least}` : `at most ${target.most}`;
  return target.of === 'ratio' ? `ratio ${bound}` : `${bound} ${unit}`;
}
