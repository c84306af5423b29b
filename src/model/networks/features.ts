import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { traceNetwork } from '../scope.ts';
import { familyOf } from './families.ts';
import { createModel, type Model } from './table.ts';

/** What a feature map is. */
export interface FeatureInfo {
  /** Its output's name: `c3`. */
  readonly name: string;
  readonly channels: number;
  /** Pixels of the picture to one position of the map, along each side. */
  readonly reduction: number;
}

/** Which features, of which network. */
export interface FeatureOptions {
  /** Stages whose outputs are wanted, counted from 1; all where neither stages nor names are said. */
  readonly stages?: readonly number[];
  /** The same by name: `['c3', 'c5']`. */
  readonly names?: readonly string[];
  /** What is changed of the named network. */
  readonly overrides?: Readonly<Record<string, unknown>>;
}

/** A network without its classifier that gives feature maps. */
export interface FeatureModel extends Model {
  /** What it gives, from the largest map to the smallest. */
  readonly features: readonly FeatureInfo[];
}

/**
 * A named network as what others stand on: feature maps of chosen stages, with no tensors of its head, nor of stages
 * behind the last that is wanted. Weights of the whole network fit by name.
 */
export function createFeatures(name: string, options: FeatureOptions = {}): FeatureModel {
  const overrides = { ...options.overrides, classes: 0 };
  const known = knownFeatures(name, overrides);
  const names = chosen(name, known, options);
  const model = createModel(name, overrides, names);
  const { size } = model.input;
  const { outputs } = traceNetwork(model.network, {
    inputs: { x: { shape: [1, model.config.inChannels, size, size] } },
    mode: 'inference',
  });
  const features = names.map((feature) => {
    const [, channels, height] = outputs.get(feature)!.shape as readonly number[];
    return { name: feature, channels: channels!, reduction: Math.round(size / height!) };
  });
  return { ...model, features };
}

/** Names of the feature maps of a named network, in order. */
function knownFeatures(name: string, overrides: Readonly<Record<string, unknown>>): readonly string[] {
  const { config } = createModel(name, overrides);
  return familyOf(config.kind).features(config);
}

/** The names that are asked for, in the network's order. */
function chosen(name: string, known: readonly string[], { stages, names }: FeatureOptions): readonly string[] {
  const wanted = names ?? stages?.map((stage) => `c${stage + 1}`) ?? known;
  const where = names ? 'names' : 'stages';
  const unknown = wanted.findIndex((feature) => !known.includes(feature));
  if (unknown >= 0 || wanted.length === 0) {
    const got = JSON.stringify((names ?? stages)?.[unknown] ?? []);
    const numbers = known.map((feature) => Number(feature.slice(1)) - 1);
    const use = names ? didYouMean(String(wanted[unknown]), known) : `Use ${numbers.join(', ')}.`;
    throw new Fault('config', `${where}: expected feature maps that ${name} has, got ${got}. ${use}`);
  }
  return known.filter((feature) => wanted.includes(feature));
}
