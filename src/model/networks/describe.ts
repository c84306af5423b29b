import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { costOf, totalMacs } from '../../graph/cost.ts';
import { parameterCount, traceNetwork } from '../scope.ts';
import { createModel, NETWORKS, namedNetwork } from './table.ts';

/** What a named network is and costs. */
export interface NetworkFacts {
  readonly name: string;
  /** Trainable values, counted in the traced network. */
  readonly parameters: number;
  /** Trainable values by the table: published, or counted by hand. */
  readonly published: number;
  /** Multiply-adds for one picture. */
  readonly macs: number;
  /** Side of that picture, in pixels. */
  readonly size: number;
}

/** Names of networks that a pattern matches, `*` standing for anything; all without one. */
export function networkNames(pattern = '*'): readonly string[] {
  const names = Object.keys(NETWORKS);
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const found = names.filter((name) => new RegExp(`^${parts.join('.*')}$`).test(name));
  if (found.length > 0) return found;
  throw new Fault(
    'config',
    `models: expected a pattern that some name fits, got "${pattern}". ${didYouMean(pattern, names)}`,
  );
}

/** The size of pictures that a network is made for where it has a stem of this kind. */
const SMALL = 32;
const LARGE = 224;

/** Counts what a named network holds and what one picture costs. */
export function describeNetwork(name: string, size?: number): NetworkFacts {
  const { config, parameters: published } = namedNetwork(name);
  const side = size ?? (config.stem === '3x3' ? SMALL : LARGE);
  const { network } = createModel(name);
  const { outputs, state } = traceNetwork(network, {
    inputs: { x: { shape: [1, config.inChannels, side, side] } },
    mode: 'inference',
  });
  return { name, parameters: parameterCount(state), published, macs: totalMacs(costOf(outputs).macs), size: side };
}
