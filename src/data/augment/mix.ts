import { Fault } from '../../core/fault.ts';
import { random as drawing, type Random } from '../../core/random.ts';
import { readFields } from '../fields.ts';

/** How the pictures of a batch are mixed with those of the reversed batch; timm's Mixup in mode `batch`. */
export interface MixConfig {
  /** α of mixup: shares are drawn from Beta(α, α); 0, which is off (timm's recipes: 0.1 to 0.8). */
  readonly mixup: number;
  /** α of cutmix; 0, which is off (timm's recipes: 1). */
  readonly cutmix: number;
  /** Probability that a batch is mixed; 1. */
  readonly probability: number;
  /** Probability of cutmix where both are on; 0.5. */
  readonly switchProbability: number;
}

/** Completes and checks how pictures are mixed. */
export function readMix(json: unknown = {}, where = 'mix'): MixConfig {
  const f = readFields(where, json, ['mixup', 'cutmix', 'probability', 'switchProbability']);
  return {
    mixup: f.number('mixup', { fallback: 0, min: 0, max: 1000 }),
    cutmix: f.number('cutmix', { fallback: 0, min: 0, max: 1000 }),
    probability: f.number('probability', { fallback: 1, min: 0, max: 1 }),
    switchProbability: f.number('switchProbability', { fallback: 0.5, min: 0, max: 1 }),
  };
}

/** Whether a configuration mixes anything, so that its batches have targets [N, K]. */
export function mixes({ mixup, cutmix, probability }: MixConfig): boolean {
  return probability > 0 && (mixup > 0 || cutmix > 0);
}

/** How one batch is mixed: `share` of each picture is its own, the rest comes from its partner; plain data. */
export interface Mixing {
  readonly share: number;
  /** What cutmix takes from the partner, in pixels; null: all pixels are mixed. */
  readonly box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number } | null;
}

/** How batch `number` of an epoch is mixed, a function of its keys; null: not at all. `size`: side of the pictures. */
export function drawMixing(
  config: MixConfig,
  size: number,
  keys: { readonly seed: number; readonly epoch: number; readonly number: number },
): Mixing | null {
  if (!mixes(config)) return null;
  const random = drawing(keys.seed, keys.epoch, keys.number, 'mix');
  const { mixup, cutmix, probability, switchProbability } = config;
  if (random.uniform() >= probability) return null;
  const cut = random.uniform() < switchProbability ? cutmix > 0 : mixup === 0;
  const share = beta(cut ? cutmix : mixup, random);
  if (share === 1) return null;
  if (!cut) return { share, box: null };
  // the cut has the area 1 - share, its middle anywhere; what reaches beyond the picture is lost and not counted
  const half = Math.floor(Math.trunc(size * Math.sqrt(1 - share)) / 2);
  const inside = (at: number): number => Math.min(Math.max(at, 0), size);
  const [y, x] = [random.integer(size), random.integer(size)];
  const box = { left: inside(x - half), top: inside(y - half), right: inside(x + half), bottom: inside(y + half) };
  const area = (box.right - box.left) * (box.bottom - box.top);
  return { share: 1 - area / (size * size), box };
}

/** Beta(α, α), from two gamma variates in logarithms: for small α both would underflow. */
export function beta(alpha: number, random: Random): number {
  const difference = logGamma(alpha, random) - logGamma(alpha, random);
  return 1 / (1 + Math.exp(-difference));
}

/** The logarithm of a Gamma(α, 1) variate: Marsaglia and Tsang 2000, for α < 1 by Γ(α + 1) u^(1/α). */
function logGamma(alpha: number, random: Random): number {
  if (alpha < 1) return logGamma(alpha + 1, random) + Math.log(1 - random.uniform()) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

/** Mixes the pictures of a batch in place, each with its partner from the end. [N, 3, size, size] */
export function mixImages(images: Float32Array, count: number, { share, box }: Mixing): void {
  const each = images.length / count;
  for (let i = 0; i < Math.floor(count / 2); i++) {
    const a = images.subarray(i * each, (i + 1) * each);
    const b = images.subarray((count - 1 - i) * each, (count - i) * each);
    if (box === null) mixAll(a, b, share);
    else swapBox(a, b, box);
  }
}

function mixAll(a: Float32Array, b: Float32Array, share: number): void {
  const rest = 1 - share;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    const y = b[i]!;
    a[i] = share * x + rest * y;
    b[i] = share * y + rest * x;
  }
}

function swapBox(a: Float32Array, b: Float32Array, box: NonNullable<Mixing['box']>): void {
  const size = Math.round(Math.sqrt(a.length / 3));
  for (let row = 0; row < 3 * size; row++) {
    const y = row % size;
    if (y < box.top || y >= box.bottom) continue;
    const from = row * size + box.left;
    const to = row * size + box.right;
    const kept = a.slice(from, to);
    a.set(b.subarray(from, to), from);
    b.set(kept, from);
  }
}

/** Mixes targets [N, K] in place as {@link mixImages} mixes pictures. Smoothing is the loss's, before or after alike. */
export function mixTargets(targets: Float32Array, count: number, { share }: Mixing): void {
  if (targets.length % count !== 0) {
    throw new Fault('shape', `mix: expected targets for ${count} pictures, got ${targets.length} numbers.`);
  }
  const each = targets.length / count;
  for (let i = 0; i < Math.floor(count / 2); i++) {
    const a = targets.subarray(i * each, (i + 1) * each);
    const b = targets.subarray((count - 1 - i) * each, (count - i) * each);
    mixAll(a, b, share);
  }
}
