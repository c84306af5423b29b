import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { costOf, totalMacs } from '../../graph/cost.ts';
import { parameterCount, traceNetwork } from '../scope.ts';
import type { PictureInput } from './picture-input.ts';
import { allNetworkNames, createModel, namedNetwork } from './table.ts';

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
  /** The pictures that it is made for. */
  readonly input: PictureInput;
}

/** Names of networks that a pattern matches, `*` standing for anything; all without one. */
export function networkNames(pattern = '*'): readonly string[] {
  const names = allNetworkNames();
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
  const { parameters: published } = namedNetwork(name);
  const { config, input, network } = createModel(name);
  const side = size ?? input.size;
  const { outputs, state } = traceNetwork(network, {
    inputs: { x: { shape: [1, config.inChannels, side, side] } },
    mode: 'inference',
  });
  const macs = totalMacs(costOf(outputs).macs);
  return { name, parameters: parameterCount(state), published, macs, size: side, input };
}
