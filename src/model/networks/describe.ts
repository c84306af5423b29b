import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { costOf, totalMacs } from '../../graph/cost.ts';
import { findBlock } from '../blocks/table.ts';
import type { Published } from '../published.ts';
import { parameterCount, traceNetwork } from '../scope.ts';
import { FAMILIES, familyOf } from './families.ts';
import type { PictureInput } from './picture-input.ts';
import { allNetworkNames, createModel, namedNetwork } from './table.ts';

/** What a named network is and costs. */
export interface NetworkFacts {
  readonly name: string;
  /** Its kind: `resnet`. */
  readonly family: string;
  /** Trainable values, counted in the traced network. */
  readonly parameters: number;
  /** Multiply-adds for one picture. */
  readonly macs: number;
  /** Side of that picture, in pixels. */
  readonly size: number;
  /** The pictures that it is made for. */
  readonly input: PictureInput;
  /** What it can be asked for. */
  readonly can: readonly Capability[];
  /** Kinds of the blocks that it is made of. */
  readonly blocks: readonly string[];
  /** Intermediates of its stages that may be asked for. */
  readonly features: readonly string[];
  /** Published figures, and which of ours are other than these; null where there are none. */
  readonly published: (Published & { readonly differs: readonly ('parameters' | 'macs')[] }) | null;
}

/** What a network can be asked for, in words of one line each. */
export const CAPABILITIES: {
  readonly features: string;
  readonly 'any-size': string;
  readonly context: string;
  readonly operators: string;
  readonly taps: string;
} = {
  features: 'gives feature maps of its stages',
  'any-size': 'takes pictures of any size with the same weights',
  context: 'context blocks may be put into it (context)',
  operators: 'its spatial operators may be exchanged (operators)',
  taps: 'has affinities or scales to look at',
};

/** A key of {@link CAPABILITIES}. */
export type Capability = keyof typeof CAPABILITIES;

/** Which of the named networks are meant. */
export interface NetworkFilter {
  /** `*` stands for anything. */
  readonly pattern?: string;
  readonly family?: string;
}

/** Names of networks that a pattern matches, `*` standing for anything; all without one. */
export function networkNames(filter: string | NetworkFilter = '*'): readonly string[] {
  const { pattern = '*', family } = typeof filter === 'string' ? { pattern: filter } : filter;
  const families = Object.keys(FAMILIES);
  if (family !== undefined && !families.includes(family)) {
    throw new Fault('config', `models: expected a known family, got "${family}". ${didYouMean(family, families)}`);
  }
  const names = allNetworkNames().filter((name) => !family || namedNetwork(name).config.kind === family);
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const found = names.filter((name) => new RegExp(`^${parts.join('.*')}$`).test(name));
  if (found.length > 0) return found;
  throw new Fault(
    'config',
    `models: expected a pattern that some name fits, got "${pattern}". ${didYouMean(pattern, names)}`,
  );
}

/** Counts what a named network holds and what one picture costs. */
export function describeNetwork(name: string, size?: number): NetworkFacts {
  const { published } = namedNetwork(name);
  const { config, input, network } = createModel(name);
  const side = size ?? input.size;
  let taps = 0;
  const { outputs, state } = traceNetwork(network, {
    inputs: { x: { shape: [1, config.inChannels, side, side] } },
    mode: 'inference',
    taps: () => {
      taps++; // counted, not made
      return false;
    },
  });
  const parameters = parameterCount(state);
  const macs = totalMacs(costOf(outputs).macs);
  const family = familyOf(config.kind);
  const has = (key: string): boolean => Object.hasOwn(family.options.shape, key);
  const can: Record<Capability, boolean> = {
    features: family.features(config).length > 0,
    'any-size': family.anySize(config),
    context: has('context'),
    operators: has('operators'),
    taps: taps > 0,
  };
  return {
    ...{ name, family: config.kind, parameters, macs, size: side, input },
    can: (Object.keys(can) as Capability[]).filter((key) => can[key]),
    blocks: [...new Set(kindsIn(config))],
    features: family.features(config),
    published: published ? { ...published, differs: differences(published, { parameters, macs, name, side }) } : null,
  };
}

/** Kinds of blocks anywhere in a configuration. */
function* kindsIn(json: unknown): Generator<string> {
  if (typeof json !== 'object' || json === null) return;
  const { kind } = json as { readonly kind?: unknown };
  if (typeof kind === 'string' && findBlock(kind)) yield kind;
  for (const value of Object.values(json)) yield* kindsIn(value);
}

interface Ours {
  readonly name: string;
  readonly parameters: number;
  readonly macs: number;
  /** Side of the picture that `macs` are counted for. */
  readonly side: number;
}

/** Which of our figures do not round to the printed ones. Multiply-adds are compared at the size they were printed for. */
function differences(published: Published, { name, parameters, macs, side }: Ours): readonly ('parameters' | 'macs')[] {
  const size = published.size ?? namedNetwork(name).input.size;
  const there = published.macs === undefined || size === side ? macs : macsAt(name, size);
  // "22.0 M" and "22 M" are one number: where a difference is told it was printed with a digit.
  const least = published.difference === undefined ? 0 : 1;
  return [
    ...(isPrinted(parameters, published.parameters, 1e6, least) ? [] : (['parameters'] as const)),
    ...(published.macs === undefined || isPrinted(there, published.macs, 1e9, least) ? [] : (['macs'] as const)),
  ];
}

/** Whether a figure rounds to a printed one with as many digits behind the point, and at least `least`. */
function isPrinted(ours: number, printed: number, unit: number, least: 0 | 1): boolean {
  const digits = Math.max(least, /\.(\d+)$/.exec(String(Number((printed / unit).toPrecision(12))))?.[1]?.length ?? 0);
  return Math.abs(ours / unit - printed / unit) <= 0.5 * 10 ** -digits + 1e-9;
}

function macsAt(name: string, size: number): number {
  const { config, network } = createModel(name);
  const inputs = { x: { shape: [1, config.inChannels, size, size] } };
  return totalMacs(costOf(traceNetwork(network, { inputs, mode: 'inference' }).outputs).macs);
}
