import { random } from '../core/random.ts';

/** In which order pictures come: as listed (evaluation), shuffled, or shuffled with every class equally often. */
export type Sampling = 'in-order' | 'shuffled' | 'balanced';

/** Indices of one epoch's pictures, a function of (seed, epoch) alone; as many as there are labels. */
export function epochOrder(
  labels: ArrayLike<number>,
  options: { readonly sampling: Sampling; readonly seed: number; readonly epoch: number },
): Int32Array {
  const { sampling, seed, epoch } = options;
  const all = Int32Array.from({ length: labels.length }, (_, i) => i);
  switch (sampling) {
    case 'in-order':
      return all;
    case 'shuffled':
      return shuffle(all, seed, epoch, 'order');
    case 'balanced':
      return balanced(labels, seed, epoch);
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
