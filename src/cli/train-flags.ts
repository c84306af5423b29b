import { InvalidArgumentError, Option } from 'commander';
import { jsonOrText } from './place.ts';

/** A short option of `farsight train` that stands for a place in the configuration. */
interface Flag {
  readonly flags: string;
  readonly help: string;
  /** Where its value goes. */
  readonly place: string;
  readonly parse?: (text: string) => unknown;
}

/** A number of a command line. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

function numberOrAuto(text: string): number | 'auto' {
  return text === 'auto' ? text : number(text);
}

/** The short options under the headings of the help. */
const GROUPS: Readonly<Record<string, readonly Flag[]>> = {
  'Network:': [
    { flags: '--model <name>', place: 'model.name', help: 'network; farsight models lists them' },
    {
      flags: '--weights <file>',
      place: 'model.weights',
      help: 'weights to start from: a file, hf:OWNER/NAME or timm/NAME of published ones',
    },
    { flags: '--partial', place: 'model.partial', help: 'take what fits of the weights and leave the rest random' },
    { flags: '--freeze <stages>', place: 'freeze.stages', parse: number, help: 'do not train stem and so many stages' },
    { flags: '--freeze-norms', place: 'freeze.norms', help: 'keep the statistics of batch norms as they are' },
    {
      flags: '--drop-path <p>',
      place: 'model.overrides.dropPath',
      parse: number,
      help: 'stochastic depth: probability at the last block',
    },
  ],
  'Pictures:': [
    { flags: '--size <pixels>', place: 'data.size', parse: number, help: 'side of the square that the network sees' },
    {
      flags: '--batch <n>',
      place: 'data.batchSize',
      parse: numberOrAuto,
      help: 'pictures of a batch, or auto: as many as fit into memory',
    },
    {
      flags: '--sampling <how>',
      place: 'data.sampling',
      help: 'shuffled, balanced (classes equally often) or weighted',
    },
    {
      flags: '--rand-augment <words>',
      place: 'data.augment.randAugment',
      help: 'RandAugment in timm’s words, such as rand-m9-mstd0.5-inc1',
    },
    { flags: '--mixup <alpha>', place: 'data.augment.mix.mixup', parse: number, help: 'mix pictures in pairs' },
    { flags: '--cutmix <alpha>', place: 'data.augment.mix.cutmix', parse: number, help: 'paste parts of others' },
    { flags: '--erase <p>', place: 'data.augment.erase.probability', parse: number, help: 'erase a random part' },
    { flags: '--workers <n>', place: 'data.workers', parse: number, help: 'threads that read pictures' },
    { flags: '--strict', place: 'data.strict', help: 'end at the first picture that cannot be read' },
  ],
  'Training:': [
    { flags: '--recipe <name>', place: 'recipe', help: 'settings under a name; --list-recipes shows them' },
    { flags: '--epochs <n>', place: 'epochs', parse: number, help: 'passes over the training pictures' },
    { flags: '--optimizer <kind>', place: 'optimizer.kind', help: 'sgd, adam, adamw or lamb' },
    { flags: '--lr <rate>', place: 'learningRate', parse: number, help: 'learning rate after the warm-up' },
    {
      flags: '--lr-for <n>',
      place: 'learningRateFor',
      parse: number,
      help: 'pictures of a step that the rate is meant for; it is scaled',
    },
    {
      flags: '--weight-decay <x>',
      place: 'weightDecay',
      parse: number,
      help: 'decay of weights, not of norms and biases',
    },
    {
      flags: '--schedule <kind>',
      place: 'schedule.kind',
      help: 'cosine, poly, tanh, step, multistep, plateau or constant',
    },
    { flags: '--warmup <epochs>', place: 'schedule.warmup', parse: number, help: 'length of the warm-up' },
    { flags: '--layer-decay <x>', place: 'layerDecay', parse: number, help: 'factor on the rate from layer to layer' },
    { flags: '--accumulate <n>', place: 'accumulate', parse: number, help: 'batches whose gradients make one step' },
    { flags: '--clip-norm <x>', place: 'clipNorm', parse: number, help: 'most common norm of the gradients' },
    { flags: '--clip-value <x>', place: 'clipValue', parse: number, help: 'most that one number of a gradient may be' },
    { flags: '--smoothing <x>', place: 'labelSmoothing', parse: number, help: 'label smoothing' },
    {
      flags: '--class-weights <how>',
      place: 'classWeights',
      parse: jsonOrText,
      help: 'none, balanced, effective or a list of numbers',
    },
    { flags: '--ema <decay>', place: 'ema.decay', parse: number, help: 'judge and keep an average of the weights' },
    { flags: '--seed <n>', place: 'seed', parse: number, help: 'seed of weights, order and augmentation' },
  ],
  'Judging:': [
    {
      flags: '--metric <name>',
      place: 'metric',
      help: 'what is best by: balancedAccuracy, accuracy, loss or meanAveragePrecision',
    },
    {
      flags: '--patience <n>',
      place: 'earlyStop.patience',
      parse: number,
      help: 'evaluations without gain before it ends',
    },
    { flags: '--evaluate-every <n>', place: 'evaluateEvery', parse: number, help: 'epochs between evaluations' },
    { flags: '--keep <which>', place: 'keep', help: 'weights that are exported: last or best' },
    {
      flags: '--precise-norm <n>',
      place: 'preciseNorm',
      parse: number,
      help: 'batches for new statistics of batch norms before judging',
    },
    { flags: '--tensorboard', place: 'tensorboard', help: 'write an event file for TensorBoard too' },
  ],
  'Machine:': [
    { flags: '--threads <n>', place: 'engine.threads', parse: number, help: 'threads of an operator' },
    { flags: '--provider <name>', place: 'engine.provider', help: 'cpu, cuda or webgpu' },
    { flags: '--recompute <what>', place: 'recompute', help: 'none or blocks: less memory, more time' },
  ],
};

/** The short options in the order of the help, each with the place that its value goes to. */
export function shortOptions(): readonly { readonly option: Option; readonly place: string }[] {
  return Object.entries(GROUPS).flatMap(([heading, flags]) =>
    flags.map(({ flags: text, help, place, parse }) => {
      const option = new Option(text, help).helpGroup(heading);
      if (parse) option.argParser(parse);
      return { option, place };
    }),
  );
}
