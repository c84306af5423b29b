import { readOptions } from '../read-options.ts';
import { parameterCount, traceNetwork } from '../scope.ts';
import type { AlgebraRow, BlockSample } from './block.ts';
import { contextBlock } from './context.ts';
import { allBlocks, blockOf, blockSpec } from './table.ts';

/** What a block is, and what its small sample holds. */
export interface BlockFacts {
  readonly block: string;
  readonly title: string;
  /** Numbers of axes of positions that it takes. */
  readonly axes: readonly number[];
  /** Whether it strides itself, so that it may take the place of a strided convolution. */
  readonly strides: boolean;
  /** Names of its options. */
  readonly options: readonly string[];
  readonly algebra: readonly AlgebraRow[];
  readonly sample: BlockSample;
  /** Trainable values of the sample. */
  readonly parameters: number;
  /** What the sample offers to be looked at. */
  readonly taps: readonly string[];
  /** Models of the golden corpus that it is checked against. */
  readonly references: readonly string[];
}

/** Kinds of every block, in the order of the table. */
export function blockNames(): readonly string[] {
  return allBlocks().map((b) => b.kind);
}

/** What is known of a block, from its record and a trace of its sample. */
export function describeBlock(kind: string): BlockFacts {
  const { title, axes, strides, options, algebra, sample, references = {} } = blockOf(kind, 'blocks');
  const spec = readOptions(blockSpec, sample.config, `block ${kind}: sample`) as BlockSample['config'];
  const taps: string[] = [];
  const { state } = traceNetwork((s, { x }) => ({ y: contextBlock(s, x!, spec) }), {
    inputs: { x: { shape: sample.shape } },
    mode: 'inference',
    taps: (path) => {
      taps.push(path); // named, not made
      return false;
    },
  });
  return {
    ...{ block: kind, title, axes, strides, algebra, sample, taps },
    options: Object.keys(options.shape).filter((key) => key !== 'kind'),
    parameters: parameterCount(state),
    references: Object.keys(references),
  };
}
