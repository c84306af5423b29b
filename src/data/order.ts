import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';

/**
 * In which order pictures come: as listed (evaluation), shuffled, shuffled with every class equally often, or each place
 * drawn by itself, rare classes more often than they are.
 */
export type Sampling = 'in-order' | 'shuffled' | 'balanced' | 'weighted';

/** How an epoch is ordered. */
export interface OrderOptions {
  readonly sampling: Sampling;
  readonly seed: number;
  readonly epoch: number;
  /** Of `weighted`: a class of n pictures is drawn in proportion to n to this power (1: as they are, 0: equally); 0.5. */
  readonly samplingPower?: number;
  /** Of `weighted`: how often each picture is drawn, in proportion; from the classes where absent. */
  readonly weights?: ArrayLike<number>;
  /** Times that each picture that comes is repeated, one after the other; 1. */
  readonly repeats?: number;
}

/**
 * Indices of one epoch's pictures, a function of (seed, epoch) alone; as many as there are labels. With repeats (Hoffer
 * et al., arXiv:1901.09335; DeiT's RASampler for one process) the first of the order come several times and the rest of
 * them not at all.
 */
export function epochOrder(labels: ArrayLike<number>, options: OrderOptions): Int32Array {
  const { repeats = 1 } = options;
  const once = orderOnce(labels, options);
  return repeats === 1 ? once : once.map((_, i) => once[Math.floor(i / repeats)]!);
}

function orderOnce(labels: ArrayLike<number>, options: OrderOptions): Int32Array {
  const { sampling, seed, epoch } = options;
  const all = Int32Array.from({ length: labels.length }, (_, i) => i);
  switch (sampling) {
    case 'in-order':
      return all;
    case 'shuffled':
      return shuffle(all, seed, epoch, 'order');
    case 'balanced':
      return balanced(labels, seed, epoch);
    case 'weighted':
      return weighted(options.weights ?? classWeights(labels, options.samplingPower ?? 0.5), seed, epoch);
    default:
      return sampling satisfies never;
  }
}

function shuffle(items: Int32Array, seed: number, ...keys: readonly (string | number)[]): Int32Array {
  return Int32Array.from(random(seed, ...keys).shuffle(Array.from(items)));
}

/** Classes take turns in rounds, each round in a new order; a class gives each of its pictures once before any again. */
function balanced(labels: ArrayLike<number>, seed: number, epoch: number): Int32Array {
  const members = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const own = members.get(labels[i]!);
    if (own) own.push(i);
    else members.set(labels[i]!, [i]);
  }
  const classes = [...members.keys()].sort((a, b) => a - b);
  const draws = random(seed, epoch, 'balance');
  const queues = new Map<number, number[]>();
  const out = new Int32Array(labels.length);
  let filled = 0;
  while (filled < out.length) {
    for (const label of draws.shuffle(classes)) {
      if (filled === out.length) break;
      let queue = queues.get(label);
      if (queue === undefined || queue.length === 0) {
        queue = draws.shuffle(members.get(label)!);
        queues.set(label, queue);
      }
      out[filled++] = queue.pop()!;
    }
  }
  return out;
}

/** n^(power - 1) for a picture of a class of n: the class then weighs n^power. */
function classWeights(labels: ArrayLike<number>, power: number): Float64Array {
  const counts = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) counts.set(labels[i]!, (counts.get(labels[i]!) ?? 0) + 1);
  return Float64Array.from({ length: labels.length }, (_, i) => counts.get(labels[i]!)! ** (power - 1));
}

/** Draws with replacement in proportion to weights, as torch's WeightedRandomSampler: by bisection of their sums. */
function weighted(weights: ArrayLike<number>, seed: number, epoch: number): Int32Array {
  const sums = new Float64Array(weights.length);
  let total = 0;
  for (let i = 0; i < sums.length; i++) {
    const weight = weights[i]!;
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
      throw new Fault('config', `order: expected weights of at least 0, got ${weight} for picture ${i}.`);
    }
    total += weight;
    sums[i] = total;
  }
  if (total === 0) throw new Fault('config', 'order: expected a weight above 0, got none.');
  const draws = random(seed, epoch, 'weighted');
  return Int32Array.from(sums, () => firstAbove(sums, draws.uniform() * total));
}

/** The first place of rising sums that is above a value. */
function firstAbove(sums: Float64Array, value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
