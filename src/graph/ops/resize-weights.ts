import { resizeWeights } from '../../core/resize.ts';
import { float32, type Tensor } from '../../core/tensor.ts';

/** How one axis is interpolated. */
export interface Interpolation {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  /** Align the centres of the corner elements. */
  readonly corners: boolean;
  readonly antialias: boolean;
  readonly from: number;
  readonly to: number;
  /** The factor that sets the step, where it is not to / from. */
  readonly scale?: number;
}

const f = Math.fround;

/** Step in the input per output, rounded as PyTorch rounds: positions are float32 there, and floor sees it. */
function stepOf(by: Interpolation): number {
  if (by.corners) return by.to > 1 ? f((by.from - 1) / (by.to - 1)) : 0;
  return by.scale === undefined ? f(by.from / by.to) : f(1 / by.scale);
}

/** The input that each output of nearest interpolation copies. */
export function nearestSources(by: Interpolation): number[] {
  const step = stepOf(by);
  return Array.from({ length: by.to }, (_, i) => Math.min(Math.floor(f(i * step)), by.from - 1));
}

/** The matrix [to, from] of an interpolation along one axis. */
export function interpolationMatrix(by: Interpolation): Tensor {
  const { from, to } = by;
  const data = new Float32Array(to * from);
  if (by.mode === 'nearest') {
    nearestSources(by).forEach((j, i) => {
      data[i * from + j] = 1;
    });
  } else if (by.antialias) {
    const w = resizeWeights(from, to, by.mode === 'linear' ? 'bilinear' : 'bicubic');
    for (let i = 0; i < to; i++) {
      for (let t = 0; t < w.count[i]!; t++) data[i * from + w.first[i]! + t] = w.weights[i * w.taps + t]!;
    }
  } else {
    for (let i = 0; i < to; i++) addTaps(data.subarray(i * from, (i + 1) * from), by, i);
  }
  return float32([to, from], data);
}

/** Adds the weights of output i to its row; taps outside read the edge. */
function addTaps(row: Float32Array, by: Interpolation, i: number): void {
  const step = stepOf(by);
  const centre = by.corners ? f(step * i) : f(f(step * (i + 0.5)) - 0.5);
  const linear = by.mode === 'linear';
  const source = linear ? Math.max(centre, 0) : centre;
  const low = Math.floor(source);
  const t = f(source - low);
  const weights = linear ? [1 - t, t] : cubicWeights(t);
  weights.forEach((w, k) => {
    const j = Math.min(Math.max(low + k - (linear ? 0 : 1), 0), by.from - 1);
    row[j]! += w;
  });
}

/** Weights of the four neighbours at −1, 0, 1, 2 of a point t behind 0: Keys' kernel with a = −0.75. */
function cubicWeights(t: number): number[] {
  const a = -0.75;
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}
