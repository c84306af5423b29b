import { gradientsOf } from '../composite.ts';
import { showDims } from '../dimension.ts';
import { emit1 } from '../trace.ts';
import type { Node, OpDef, Value } from '../value.ts';
import { at, sameDType, shapeFault } from './common.ts';
import { gridSampleByGather } from './grid-sample-gather.ts';

/** Options of {@link gridSample}, as PyTorch's `grid_sample` has them. */
export interface GridSampleOptions {
  /** Linear is bilinear; nearest rounds half to even; cubic is bicubic with a = -0.75. */
  readonly mode: 'nearest' | 'linear' | 'cubic';
  /** What is read outside: zeros, the nearest edge, or x mirrored at its edges. */
  readonly padding: 'zeros' | 'border' | 'reflection';
  /** Whether -1 and 1 are the centres of the corner elements instead of their outer edges. */
  readonly alignCorners: boolean;
}

function optionsOf(node: Node): GridSampleOptions {
  const a = node.attributes;
  return {
    mode: a['mode'] as GridSampleOptions['mode'],
    padding: a['padding_mode'] as GridSampleOptions['padding'],
    alignCorners: a['align_corners'] === 1,
  };
}

export const GRID_SAMPLE: OpDef = {
  name: 'GridSample',
  domain: '',
  since: 20,
  shape: (inputs) => {
    const [x, grid] = [at(inputs, 0), at(inputs, 1)];
    if (x.shape.length !== 4 || grid.shape.length !== 4 || grid.shape[3] !== 2) {
      throw shapeFault(`expected x [N, C, H, W] and a grid [N, H', W', 2], got ${showDims(grid.shape)}.`);
    }
    return [{ shape: [...x.shape.slice(0, 2), ...grid.shape.slice(1, 3)], dtype: sameDType(inputs) }];
  },
  // that of the same samples as a weighted sum of gathered neighbours
  vjp: ({ node, inputs, dy }) =>
    gradientsOf(([x, grid]) => gridSampleByGather(x!, grid!, optionsOf(node)), inputs, dy[0]!),
  attributes: { mode: 'string', padding_mode: 'string', align_corners: 'int' },
};

/**
 * x read between its positions: x [N, C, H, W], grid [N, H', W', 2] of (x, y), -1 left or top and 1 right or bottom
 * → [N, C, H', W'].
 */
export function gridSample(x: Value, grid: Value, options: GridSampleOptions): Value {
  const { mode, padding, alignCorners } = options;
  return emit1(GRID_SAMPLE, [x, grid], { mode, padding_mode: padding, align_corners: Number(alignCorners) });
}
