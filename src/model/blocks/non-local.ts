import { Fault } from '../../core/fault.ts';
import { showDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate, type ComparedConfig } from '../aggregate.ts';
import { type Init, KAIMING_FAN_OUT, ZEROS } from '../init.ts';
import { convNd } from '../layers/conv.ts';
import { batchNorm } from '../layers/norm.ts';
import { maxPool, type PoolConfig } from '../layers/pool.ts';
import type { Scope } from '../scope.ts';
import { channelsOf, divide } from './shape.ts';

/** How two positions are compared, section 3.2 of the paper. */
export type NonLocalMode = 'embedded-gaussian' | 'gaussian' | 'dot-product' | 'concatenation';

/** By what the logits of the embedded Gaussian are multiplied, from the inner width D or the input's width C. */
export type NonLocalScale = 'none' | 'D^-1/2' | 'D^1/2' | 'C^-1/2';

/** Max pooling of what the keys and values are made from. */
export interface SubSampling {
  /** The paper pools; mmcv pools what was projected, the authors' code and SlowFast the input. */
  readonly order: 'after-projection' | 'before-projection';
  /** Window and step of each axis; 2 over space and 1 over time where absent. */
  readonly kernel?: readonly number[];
}

/** Options of {@link nonLocal}. */
export interface NonLocalConfig {
  readonly kind: 'non-local';
  /** `embedded-gaussian` where absent. */
  readonly mode?: NonLocalMode;
  /** The inner width D is C / reduction; 2 where absent, as in the paper. */
  readonly reduction?: number;
  /** The inner width itself, instead of `reduction`. */
  readonly innerChannels?: number;
  /** `D^-1/2` where absent (mmcv; the paper has none). Only the embedded Gaussian is scaled. */
  readonly scale?: NonLocalScale;
  /** None where absent. */
  readonly subSample?: SubSampling;
  /** Batch norm after W_z; none where absent. */
  readonly norm?: 'batch' | 'none';
  /** Whether x is added at the end; true where absent. */
  readonly residual?: boolean;
  /** First values of θ, φ and g: `normal`, with a standard deviation of 0.01 (authors, mmcv; absent), or `he`. */
  readonly init?: 'normal' | 'he';
  /** Whose parameter names; `mmcv` where absent. */
  readonly names?: 'mmcv' | 'timm' | 'slowfast';
}

interface Names {
  readonly theta: string;
  readonly phi: string;
  readonly g: string;
  readonly out: string;
  readonly norm: string;
  /** Whether W_z keeps its bias in front of a norm. */
  readonly biasBeforeNorm: boolean;
}

const MMCV: Names = {
  theta: 'theta.conv',
  phi: 'phi.conv',
  g: 'g.conv',
  out: 'conv_out.conv',
  norm: 'conv_out.bn',
  biasBeforeNorm: false,
};
/** mmcv's when a pool follows φ and g. */
const MMCV_POOLED: Names = { ...MMCV, phi: 'phi.0.conv', g: 'g.0.conv' };
const TIMM: Names = { theta: 't', phi: 'p', g: 'g', out: 'z', norm: 'norm', biasBeforeNorm: true };
const SLOWFAST: Names = {
  theta: 'conv_theta',
  phi: 'conv_phi',
  g: 'conv_g',
  out: 'conv_out',
  norm: 'bn',
  biasBeforeNorm: true,
};

function namesOf({ names = 'mmcv', subSample }: NonLocalConfig): Names {
  switch (names) {
    case 'mmcv':
      return subSample?.order === 'after-projection' ? MMCV_POOLED : MMCV;
    case 'timm':
      return TIMM;
    case 'slowfast':
      return SLOWFAST;
    default:
      return names satisfies never;
  }
}

/**
 * Non-local block: every position reads from all the others.
 *
 *     y_i = 1/C(x) Σ_j f(x_i, x_j) g(x_j)                          eq. 1
 *     gaussian            f = exp(x_iᵀ x_j),             C = Σ_j f   eq. 2
 *     embedded Gaussian   f = exp(θ(x_i)ᵀ φ(x_j)),       C = Σ_j f   eq. 3
 *     dot product         f = θ(x_i)ᵀ φ(x_j),            C = N       eq. 4
 *     concatenation       f = ReLU(w_fᵀ [θ(x_i); φ(x_j)]), C = N     eq. 5
 *     z_i = W_z y_i + x_i                                          eq. 6
 *
 * Wang et al., "Non-local Neural Networks", CVPR 2018, arXiv:1711.07971.
 * Departs from the paper: the embedded Gaussian's logits are scaled by D^-½ and there is no norm after W_z unless asked
 * (mmcv); θ, φ and g start from N(0, 0.01²) as in the authors' code. The norm's scale, or else W_z, starts at zero.
 *
 * x [N, C, ..] over one, two or three axes → z, the same. Tap `attention` [N, 1, L, L'], L' the pooled positions; with
 * a Gaussian its rows sum to 1.
 */
export function nonLocal(s: Scope, x: Value, config: NonLocalConfig): Value {
  checkReference(s, config);
  const c = channelsOf(s, x);
  const d = config.innerChannels ?? divide(s, c, config.reduction ?? 2, 'reduction');
  const make = maker(s, x, config, d);
  const y = aggregate(s, {
    ...compared(s, x, config, make),
    values: make('g'),
    reads: { kind: 'everywhere' },
    tap: 'attention',
  }); // [N, D, ..]
  const z = transformed(s, y, config, c);
  return config.residual === false ? z : s.within(() => op.add(z, x));
}

/** Modes that a reference has, where it has not all. */
const MODES_OF: Readonly<Record<string, readonly NonLocalMode[]>> = {
  timm: ['embedded-gaussian'],
  slowfast: ['embedded-gaussian', 'dot-product'],
};

/** A fault where the implementation whose names are asked for refuses the mode, or to sub-sample: no name is known then. */
function checkReference(s: Scope, { names = 'mmcv', mode = 'embedded-gaussian', subSample }: NonLocalConfig): void {
  const modes = MODES_OF[names];
  if (modes && !modes.includes(mode)) {
    const known = modes.map((m) => `"${m}"`).join(' or ');
    const advice = `Use names "mmcv", which has all modes.`;
    throw new Fault('config', `${s.path}: expected mode ${known} with names "${names}", got "${mode}". ${advice}`);
  }
  if (names === 'timm' && subSample) {
    const got = JSON.stringify(subSample.order);
    const advice = 'Leave subSample out, or use names "mmcv" or "slowfast".';
    throw new Fault('config', `${s.path}: expected no subSample with names "timm", got order ${got}. ${advice}`);
  }
}

type Make = (part: 'theta' | 'phi' | 'g' | 'pooled x') => Value;

/** Queries, keys and values by their letter: projected to D channels, keys and values pooled where asked. */
function maker(s: Scope, x: Value, config: NonLocalConfig, d: number): Make {
  const { subSample, init = 'normal' } = config;
  const names = namesOf(config);
  const weights: Init = init === 'he' ? KAIMING_FAN_OUT : { kind: 'normal', std: 0.01 };
  const pool = (v: Value): Value => (subSample ? s.within(() => maxPool(v, windowOf(s, v, subSample))) : v);
  const project = (name: string, from: Value): Value =>
    convNd(s.at(name), from, { channels: d, kernel: 1, bias: true, init: weights, biasInit: ZEROS });
  const pooledX = subSample?.order === 'before-projection' ? pool(x) : undefined;
  return (part) => {
    if (part === 'pooled x') return pooledX ?? pool(x);
    if (part === 'theta') return project(names.theta, x);
    return pooledX ? project(names[part], pooledX) : pool(project(names[part], x));
  };
}

function windowOf(s: Scope, v: Value, { kernel }: SubSampling): PoolConfig {
  const rank = v.shape.length - 2;
  const window = kernel ?? [[], [2], [2, 2], [1, 2, 2]][rank];
  if (window?.length !== rank) {
    throw new Fault(
      'config',
      `${s.path}: expected ${rank} sizes for the pooling window, got ${JSON.stringify(kernel)}.`,
    );
  }
  const space = v.shape.slice(2);
  if (space.every((d, i) => typeof d !== 'number' || d >= window[i]!)) return { kernel: window };
  const most = `a pooling window of at most ${space.map(showDim).join(' x ')}, the map`;
  throw new Fault('config', `${s.path}: expected ${most}, got ${window.join(' x ')}. Set subSample.kernel.`);
}

type Comparison = Pick<ComparedConfig, 'queries' | 'keys' | 'score' | 'normalise'>;

function compared(s: Scope, x: Value, config: NonLocalConfig, make: Make): Comparison {
  const { mode = 'embedded-gaussian', scale } = config;
  if (mode !== 'embedded-gaussian' && scale !== undefined) {
    throw new Fault('config', `${s.path}: expected no scale in mode "${mode}", got "${scale}". Leave it out.`);
  }
  const product = { kind: 'dot-product', scale: 1 } as const;
  switch (mode) {
    case 'gaussian':
      return { queries: x, keys: make('pooled x'), score: product, normalise: 'softmax' };
    case 'embedded-gaussian': {
      const queries = make('theta');
      const score = { ...product, scale: scaleOf(scale ?? 'D^-1/2', queries.shape[1] as number, channelsOf(s, x)) };
      return { queries, keys: make('phi'), score, normalise: 'softmax' };
    }
    case 'dot-product':
      return { queries: make('theta'), keys: make('phi'), score: product, normalise: 'count' };
    case 'concatenation': {
      const [queries, keys] = halves(s, make('theta'), make('phi'));
      return { queries, keys, score: { kind: 'concatenation' }, normalise: 'count' };
    }
    default:
      return mode satisfies never;
  }
}

function scaleOf(scale: NonLocalScale, d: number, c: number): number {
  switch (scale) {
    case 'none':
      return 1;
    case 'D^-1/2':
      return d ** -0.5;
    case 'D^1/2':
      return d ** 0.5;
    case 'C^-1/2':
      return c ** -0.5;
    default:
      return scale satisfies never;
  }
}

/** w_fᵀ [θ; φ] = w_θᵀ θ + w_φᵀ φ, so each position needs one number as query and one as key: [N, 1, ..]. */
function halves(s: Scope, theta: Value, phi: Value): readonly [Value, Value] {
  const d = theta.shape[1] as number;
  const w = s.param('concat_project.conv.weight', [1, 2 * d, 1, 1], KAIMING_FAN_OUT);
  const half = (v: Value, start: number): Value => {
    const part = op.slice(w, { axes: [1], starts: [start], ends: [start + d] });
    return op.conv(v, op.reshape(part, [1, d, ...v.shape.slice(2).map(() => 1)]));
  };
  return s.within(() => [half(theta, 0), half(phi, d)]);
}

function transformed(s: Scope, y: Value, config: NonLocalConfig, c: number): Value {
  const { out, norm, biasBeforeNorm } = namesOf(config);
  const normed = config.norm === 'batch';
  const init = normed ? KAIMING_FAN_OUT : ZEROS;
  const bias = !normed || biasBeforeNorm;
  const z = convNd(s.at(out), y, { channels: c, kernel: 1, bias, init, biasInit: ZEROS });
  return normed ? batchNorm(s.at(norm), z, { init: ZEROS }) : z;
}
