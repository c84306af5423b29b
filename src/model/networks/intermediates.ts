import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { showDims } from '../../graph/dimension.ts';
import type { Value } from '../../graph/value.ts';

/** What is known of a network's outputs before it is described. */
export interface Stages {
  /** Blocks in each stage. */
  readonly layers: readonly number[];
  readonly classes: number;
  /** Path of stage k, counted from 0. */
  readonly pathOf: (k: number) => string;
  /** Other places whose outputs may be asked for. */
  readonly others?: readonly string[];
}

/** Collects what a network of stages gives beside its logits. */
export interface Intermediates {
  /** Output of block i of stage k, both counted from 0. */
  block(k: number, i: number, y: Value): void;
  /** Output of stage k. */
  stage(k: number, y: Value): void;
  /** Output of one of the other places. */
  other(name: string, y: Value): void;
  readonly outputs: Record<string, Value>;
  /** Whether all that is asked for was given and no classifier follows: later stages are not described then. */
  readonly complete: boolean;
}

/**
 * Keeps the intermediates that `features` names: stage k by its path or as `c(k+2)`, block i of it as `PATH.i`; all
 * `c2`, `c3`, .. where there is no classifier and nothing is named. A fault that names the nearest if the network has no such place.
 */
export function intermediates(
  { layers, classes, pathOf, others = [] }: Stages,
  features: readonly string[],
): Intermediates {
  const named = layers.flatMap((n, k) => [
    pathOf(k),
    `c${k + 2}`,
    ...Array.from({ length: n }, (_, i) => `${pathOf(k)}.${i}`),
  ]);
  const known = [...(classes > 0 ? ['logits'] : []), ...named, ...others];
  const unknown = features.find((f) => !known.includes(f));
  if (unknown !== undefined) {
    throw new Fault('config', `features: the network has no "${unknown}". ${didYouMean(unknown, known)}`);
  }
  const outputs: Record<string, Value> = {};
  const all = classes === 0 && features.length === 0;
  const offer = (name: string, y: Value, always = false): void => {
    if (always || features.includes(name)) outputs[name] = y;
  };
  return {
    outputs,
    get complete() {
      return classes === 0 && !all && features.every((f) => Object.hasOwn(outputs, f));
    },
    block: (k, i, y) => offer(`${pathOf(k)}.${i}`, y),
    stage: (k, y) => {
      offer(pathOf(k), y);
      offer(`c${k + 2}`, y, all);
    },
    other: (name, y) => offer(name, y),
  };
}

/** A fault unless x is [N, channels, H, W]. */
export function checkPictures(x: Value, channels: number): void {
  if (x.shape.length === 4 && x.shape[1] === channels) return;
  throw new Fault('shape', `x: expected [N, ${channels}, H, W], got ${showDims(x.shape)}. Set inChannels.`);
}
