import { productDim } from '../../dimension.ts';
import { averagePool } from '../../ops/average-pool.ts';
import { mul } from '../../ops/elementwise.ts';
import { scalar } from '../../trace.ts';
import { marginsOf } from '../window.ts';
import { BYTES, type Lowering } from './lowering.ts';
import { asLaidOut, channelsFirst } from './windows.ts';

/** The mean (or sum) of each window, where nothing is compared. */
export const AVERAGE_POOL_OF_WINDOWS: Lowering = {
  general: true,
  refuses: ({ window, affinity: { score, normalise }, mask, space }) => {
    if (!window) return 'it does not read windows';
    if (score.kind !== 'none' || mask) return 'positions are weighed';
    if (window.dilation.some((d) => d !== 1)) return 'the pool knows no dilation';
    if (space.some((d) => typeof d !== 'number')) return 'the size of the map is not known';
    return typeof window.outside === 'number' && normalise === 'softmax' ? 'beyond the border it differs' : undefined;
  },
  cost: ({ n, heads, v, q }) => ({ macs: 0, bytes: productDim([n, heads, v, q, BYTES]) }),
  pace: 1,
  build: (site) => {
    const { window, affinity } = site;
    const margins = marginsOf(window!);
    const sum = affinity.normalise === 'none';
    const mean = averagePool(channelsFirst(site.values, site), {
      ...{ kernel_shape: window!.size, strides: window!.stride, pads: [...margins, ...margins] },
      count_include_pad: sum || window!.outside !== 'excluded' ? 1 : 0,
    });
    return asLaidOut(sum ? mul(mean, scalar(site.l as number)) : mean, site);
  },
};
