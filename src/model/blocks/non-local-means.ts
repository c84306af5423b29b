import * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import { float32 } from '../../core/tensor.ts';
import { subDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import { constant } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import type { AlgebraRow, Block } from './block.ts';
import { channelsOf } from './shape.ts';
import { checkWindow } from './window.ts';

/** Options of {@link nonLocalMeans}. */
export interface NonLocalMeansConfig {
  readonly kind: 'non-local-means';
  /** Strength h of the filter, in units of x; the paper takes 10 times the noise's standard deviation. */
  readonly strength: number;
  /** Side P of the patches that are compared, odd; 7 where absent, as in the paper. */
  readonly patch?: number;
  /** Side of the window in which patches are sought, odd (the paper: 21); the whole picture where absent. */
  readonly search?: number;
  /** Standard deviation a, in pixels, of the Gaussian that weighs a patch's pixels; all count the same where absent. */
  readonly gaussian?: number;
}

/**
 * Non-local means: a pixel becomes the mean of all pixels whose surroundings look like its own. Nothing is learned.
 *
 *     NL(x)_i = Σ_j w_ij x_j,   w_ij = softmax_j(−‖P_i − P_j‖²_a / h²)       eq. 1 and 2 of section 3
 *
 * Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005. ‖·‖²_a is a mean over the patch, weighed by
 * a Gaussian of standard deviation a, and over the channels, so that h has the same unit for grey and colour.
 * Departs from the paper: the pixel itself weighs exp(0) as the formula says (the authors' program gives it the largest
 * weight of the others); beyond the border patches see the picture mirrored, its last pixels repeated.
 *
 * x [N, C, ..] over one, two or three axes → the same. Tap `attention` [N, 1, L, L]; rows sum to 1. No state.
 */
export function nonLocalMeans(s: Scope, x: Value, config: NonLocalMeansConfig): Value {
  const { strength, patch = 7, search, gaussian } = config;
  if (!(strength > 0)) throw new Fault('config', `${s.path}: expected a positive strength, got ${strength}.`);
  if (gaussian !== undefined && !(gaussian > 0)) {
    throw new Fault('config', `${s.path}: expected a positive deviation for gaussian, got ${gaussian}.`);
  }
  checkWindow(s, x, { window: patch, inside: true });
  if (search !== undefined) checkWindow(s, x, { window: search, inside: true });
  const patches = s.within(() => patchesOf(x, channelsOf(s, x), { patch, gaussian })); // [N, C · P², ..]
  const size = x.shape.slice(2).map(() => search ?? 1);
  return aggregate(s, {
    queries: patches,
    keys: patches,
    values: x,
    reads: search === undefined ? { kind: 'everywhere' } : { kind: 'window', size, outside: 'excluded' },
    score: { kind: 'squared-difference', scale: 1 / strength ** 2 },
    normalise: 'softmax',
    tap: 'attention',
  });
}

interface Patch {
  readonly patch: number;
  readonly gaussian: number | undefined;
}

/** The pixels around each position times √(their weight), so that ‖·‖²_a is a plain sum of squares: [N, C · P², ..]. */
function patchesOf(x: Value, channels: number, { patch, gaussian }: Patch): Value {
  const rank = x.shape.length - 2;
  const half = (patch - 1) / 2;
  const places = patch ** rank;
  const weights = Array.from({ length: places }, (_, p) => {
    if (gaussian === undefined) return 1;
    const offsets = Array.from({ length: rank }, (_, a) => (Math.floor(p / patch ** a) % patch) - half);
    return Math.exp(-offsets.reduce((sum, o) => sum + o * o, 0) / (2 * gaussian ** 2));
  });
  const total = channels * weights.reduce((a, b) => a + b, 0);
  // A depthwise convolution with kernels of a single number each cuts the patches out.
  const kernels = new Float32Array(channels * places * places);
  for (let k = 0; k < channels * places; k++) {
    kernels[k * places + (k % places)] = Math.sqrt(weights[k % places]! / total);
  }
  const shape = [channels * places, 1, ...new Array<number>(rank).fill(patch)];
  const mirrored = Array.from({ length: rank }, (_, a) => a + 2).reduce((y, axis) => mirror(y, axis, half), x);
  return op.conv(mirrored, constant(float32(shape, kernels)), { group: channels });
}

/** x with `count` places more at either end of an axis, mirrored with the last pixel repeated. */
function mirror(x: Value, axis: number, count: number): Value {
  const size = x.shape[axis]!;
  const first = Array.from({ length: count }, (_, i) => op.slice(x, { axes: [axis], starts: [i], ends: [i + 1] }));
  const last = Array.from({ length: count }, (_, i) =>
    op.slice(x, { axes: [axis], starts: [subDim(size, i + 1)], ends: [subDim(size, i)] }),
  );
  return op.concat([...first.reverse(), x, ...last], axis);
}

const ROW: AlgebraRow = {
  mechanism: 'non-local means',
  reads: 'everywhere',
  score: 'squared-difference of the patches around the pixels',
  normalise: 'softmax',
  heads: '1',
  sharing: 'all channels',
  prior: 'none',
  mix: 'none',
  transform: 'none',
  fusion: 'y',
  macs: 'N² C (P² + 1)',
  source: 'Buades et al. 2005, section 3',
};

/** The record of {@link nonLocalMeans}. */
export const NON_LOCAL_MEANS: Block<NonLocalMeansConfig> = {
  kind: 'non-local-means',
  title: 'non-local means',
  options: z.strictObject({
    kind: z.literal('non-local-means'),
    strength: z.number().gt(0),
    patch: count.optional(),
    search: count.optional(),
    gaussian: z.number().gt(0).optional(),
  }),
  build: nonLocalMeans,
  child: { block: 'non_local_means', stage: 'non_local_means' },
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    ROW,
    {
      ...ROW,
      mechanism: 'non-local means, patches sought nearby',
      changes: { search: 3 },
      reads: 'window k x k, cut at the border',
      macs: 'N k² C (P² + 1)',
    },
  ],
  sample: { config: { kind: 'non-local-means', strength: 0.8, patch: 3 }, shape: [2, 2, 4, 3] },
};
