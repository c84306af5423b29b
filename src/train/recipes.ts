import type { RunOptions } from './config.ts';

/** Settings of a run under a name. */
export interface Recipe {
  /** What it is for. */
  readonly about: string;
  /** Where the numbers come from: which were compared with a published text or script, and which were not. */
  readonly source: string;
  readonly options: RunOptions;
}

/** The name of a recipe. */
export type RecipeName =
  | 'emoji'
  | 'finetune'
  | 'resnet-imagenet'
  | 'gcnet-imagenet'
  | 'timm-a1'
  | 'timm-a2'
  | 'timm-a3'
  | 'deit-imagenet'
  | 'container-imagenet'
  | 'cotnet-imagenet';

/** Pictures of ImageNet as torchvision's scripts take them. */
const IMAGENET = {
  size: 224,
  resize: 256,
  scale: [0.08, 1],
  ratio: [3 / 4, 4 / 3],
  flip: 0.5,
  sampling: 'shuffled',
} as const;

/** Linear warm-up of five epochs from 1e-4 of the rate, then half a cosine. */
const rsbSchedule = (rate: number) => ({ kind: 'cosine', warmup: 5, warmupRate: rate / 1e4, minimum: 1e-6 }) as const;
/** What all three procedures share; `own` says what is special to one, and where it was seen. */
const rsbSource = (own: string): string =>
  [
    'Wightman et al. 2021, arXiv:2110.00476, after mmpretrain’s configurations (configs/resnet, rsb): LAMB, rate on 2048',
    'pictures, decay but not of norms and biases, five epochs of warm-up, cosine to 1e-6, RandAugment, mixup, cutmix, 95 %',
    `of the side judged, bicubic; ${own}. Not compared with the table in the paper itself. Targets of mixed pictures are`,
    'shares of classes, as in those configurations; the paper’s text counts each class of a mix as present (loss.threshold)',
  ].join(' ');
const RSB: RunOptions = {
  optimizer: { kind: 'lamb' },
  learningRate: 5e-3,
  learningRateFor: 2048,
  weightDecay: 0.02,
  schedule: rsbSchedule(5e-3),
  loss: { kind: 'binary-cross-entropy', threshold: null, sumClasses: false },
  labelSmoothing: 0,
  clipNorm: null,
};
/** Evaluation crops 95 % of the side. */
const RSB_DATA = { ...IMAGENET, resize: 236, interpolation: 'bicubic' } as const;
const rsbAugment = (
  magnitude: number,
  mixup: number,
  repeats: number,
): NonNullable<NonNullable<RunOptions['data']>['augment']> => ({
  randAugment: `rand-m${magnitude}-mstd0.5-inc1`,
  mix: { mixup, cutmix: 1 },
  repeats,
});

/**
 * DeiT's script as CONTAINER's repository has it, of which both train; the rates are those of 1024 pictures, 1e-3 from 1e-6
 * down to 1e-5.
 */
const DEIT: RunOptions = {
  data: {
    ...IMAGENET,
    interpolation: 'bicubic',
    augment: {
      randAugment: 'rand-m9-mstd0.5-inc1',
      erase: { probability: 0.25, mode: 'pixel' },
      mix: { mixup: 0.8, cutmix: 1, switchProbability: 0.5 },
      repeats: 3,
    },
  },
  epochs: 300,
  optimizer: { kind: 'adamw', eps: 1e-8 },
  learningRate: 1e-3,
  learningRateFor: 1024,
  weightDecay: 0.05,
  schedule: { kind: 'cosine', warmup: 5, warmupRate: 1e-6, minimum: 1e-5 },
  labelSmoothing: 0.1,
  clipNorm: null,
  ema: { decay: 0.99996 },
};
/** Where its numbers were seen, and what is ours. */
const deitSource = (own: string): string =>
  `the defaults of main.py of allenai/container (DeiT’s script): AdamW, 300 epochs, 1e-3 on 1024 pictures with five epochs of warm-up and a cosine, decay 0.05 but not of tensors of one axis, RandAugment, random erasing, mixup, cutmix, smoothing, three views a picture, an average of the weights; ${own}. The script scales only the rate with the batch, here its first and last value are scaled too. Theirs prints the accuracy of the weights that are not averaged. Not compared with the tables of the papers`;

/** Recipes by name. What a user says goes before what a recipe says. */
export const RECIPES: { readonly [K in RecipeName]: Recipe } = {
  emoji: {
    about:
      'the embedded emoji in a minute or two on two cores; pictures of half the drawings’ side are a quarter of the work',
    source: 'ours: scripts/emoji-figures.mjs trains with it and writes the table of the README; no published numbers',
    options: { data: { size: 32 }, epochs: 16, evaluateEvery: 4, baseline: 16, licence: 'Apache-2.0' },
  },
  finetune: {
    about: 'a pretrained network on some hundreds to some ten thousand pictures of one’s own',
    source:
      'ours, a place to start from: its parts are usual (AdamW, cosine, a lower rate for lower layers as in BEiT, arXiv:2106.08254, an average of the weights, the best kept); no number was taken from or compared with a publication',
    options: {
      model: { partial: true },
      data: { scale: [0.35, 1], flip: 0.5, sampling: 'balanced' },
      epochs: 20,
      optimizer: { kind: 'adamw' },
      learningRate: 5e-4,
      learningRateFor: 64,
      weightDecay: 0.05,
      schedule: { kind: 'cosine', warmup: 2, minimum: 1e-6 },
      labelSmoothing: 0.1,
      clipNorm: 1,
      layerDecay: 0.75,
      ema: { decay: 0.998, warmup: { gamma: 1, power: 2 / 3 } },
      keep: 'best',
    },
  },
  'resnet-imagenet': {
    about: 'ResNets and ResNeXts on ImageNet as torchvision’s first weights: 90 epochs, a tenth of the rate every 30',
    source:
      'torchvision, references/classification: defaults of train.py and the table of its README, all compared: SGD with momentum 0.9, 90 epochs, 0.1 on 8 x 32 pictures, a tenth every 30, decay 1e-4 of everything, crops of 224 from 256. Its README has 100 epochs for ResNeXt',
    options: {
      data: IMAGENET,
      epochs: 90,
      optimizer: { kind: 'sgd', momentum: 0.9 },
      learningRate: 0.1,
      learningRateFor: 256,
      weightDecay: 1e-4,
      decayAll: true,
      schedule: { kind: 'step', period: 30, gamma: 0.1, warmup: 0 },
      labelSmoothing: 0,
    },
  },
  'gcnet-imagenet': {
    about:
      'global context blocks in a ResNet that was trained without them (model.weights): 40 more epochs on ImageNet',
    source:
      'GCNet’s second step as its authors tell it in their issues 10, 22 and 29: fine-tuning for 40 epochs, a cosine over all 40, no warm-up; the rate of 0.02 is in a question there that they answer. Not verified: that it is meant for 256 pictures; momentum 0.9 and decay 1e-4 are those of their detectors; the pictures are taken as torchvision takes them, theirs “as SENet”',
    options: {
      model: { name: 'resnet50-gc', partial: true },
      data: IMAGENET,
      epochs: 40,
      optimizer: { kind: 'sgd', momentum: 0.9 },
      learningRate: 0.02,
      learningRateFor: 256,
      weightDecay: 1e-4,
      schedule: { kind: 'cosine', warmup: 0, minimum: 0 },
      labelSmoothing: 0,
    },
  },
  'timm-a1': {
    about: 'ResNet-50 on ImageNet in 600 epochs, the longest of “ResNet strikes back”',
    source: rsbSource('A1’s smoothing 0.1, decay 0.01 and three views a picture too'),
    options: {
      ...RSB,
      model: { name: 'resnet50', overrides: { dropPath: 0.05 } },
      data: { ...RSB_DATA, augment: rsbAugment(7, 0.2, 3) },
      epochs: 600,
      weightDecay: 0.01,
      labelSmoothing: 0.1,
    },
  },
  'timm-a2': {
    about: 'ResNet-50 on ImageNet in 300 epochs, of “ResNet strikes back”',
    source: rsbSource('A2’s three views a picture too'),
    options: {
      ...RSB,
      model: { name: 'resnet50', overrides: { dropPath: 0.05 } },
      data: { ...RSB_DATA, augment: rsbAugment(7, 0.1, 3) },
      epochs: 300,
    },
  },
  'timm-a3': {
    about:
      'ResNet-50 on ImageNet in 100 epochs of 160 x 160 pixels, the shortest of “ResNet strikes back” (judged at 160 too; there at 224)',
    source: rsbSource(
      'A3’s rate 8e-3 and RandAugment 6 too. They train it on 224 pixels; 160 is the paper’s, as told by those who repeated it',
    ),
    options: {
      ...RSB,
      model: { name: 'resnet50' },
      data: { ...RSB_DATA, size: 160, resize: 168, augment: rsbAugment(6, 0.1, 1) },
      epochs: 100,
      learningRate: 8e-3,
      schedule: rsbSchedule(8e-3),
    },
  },
  'deit-imagenet': {
    about: 'DeiT on ImageNet: 300 epochs of 224 pixels',
    source: deitSource('drop path 0.1'),
    options: { ...DEIT, model: { name: 'deit_small_patch16_224', overrides: { dropPath: 0.1 } } },
  },
  'container-imagenet': {
    about: 'CONTAINER and CONTAINER-LIGHT on ImageNet: 300 epochs of 224 pixels',
    source: deitSource('drop path 0.1, no distillation'),
    options: { ...DEIT, model: { name: 'container_v1_light', overrides: { dropPath: 0.1 } } },
  },
  'cotnet-imagenet': {
    about: 'CoTNet and its relatives on ImageNet: 350 epochs of 224 pixels',
    source:
      'the authors’ settings of CoTNet-50 (cot_experiments of JDAI-CV/CoTNet): SGD with Nesterov momentum 0.9, 0.25 on 8 x 80 pictures from 1e-4, a cosine to 1e-5 over 350 epochs, decay 4e-5 (6e-5 for those of 101 layers) but not of tensors of one axis, RandAugment, mixup, cutmix, smoothing, dropout 0.25, drop path 0.1 (0.15 for 152 layers), an average of the weights. Not compared with the tables of the paper',
    options: {
      model: { name: 'cotnet50', overrides: { dropPath: 0.1, dropout: 0.25 } },
      data: {
        ...IMAGENET,
        interpolation: 'bicubic',
        augment: {
          randAugment: 'rand-m15-mstd0.5-n2',
          mix: { mixup: 0.8, cutmix: 1, switchProbability: 0.5 },
        },
      },
      epochs: 350,
      optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true },
      learningRate: 0.25,
      learningRateFor: 640,
      weightDecay: 4e-5,
      schedule: { kind: 'cosine', warmup: 5, warmupRate: 1e-4, minimum: 1e-5 },
      labelSmoothing: 0.1,
      ema: { decay: 0.9999 },
    },
  },
};
