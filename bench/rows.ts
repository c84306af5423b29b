import type { Contest, RowPlan } from './contests.ts';
import type { Entrants } from './entrants.ts';
import { memoryFigures, timeFigures } from './figures.ts';
import type { NetworkSubject } from './subject.ts';

/** Largest relative error of an inference, and of the losses and watched parameters of a training step. */
export const INFERENCE_BOUND = 1e-4;
export const TRAINING_BOUND = 1e-3;

/** The row of a contest's time and the one of its memory. */
export function timeAndMemory(id: string, peer: string, timeId: string = id): readonly RowPlan[] {
  return [
    { id: timeId, peer, figures: timeFigures },
    { id: `${id}.memory`, peer, figures: memoryFigures },
  ];
}

/** Inference of a network on a batch of pictures of 224 x 224. */
export function inferred(network: NetworkSubject['network'], batch: number): NetworkSubject {
  return { kind: 'network', network, batch, size: 224, mode: 'inference' };
}

/** Inference of a network against PyTorch. */
export function inference(entrants: Entrants, network: NetworkSubject['network'], batch: number): Contest {
  const subject = inferred(network, batch);
  const match = { ours: entrants.ours(subject), theirs: entrants.pytorch(subject), bound: INFERENCE_BOUND };
  return { match, rows: timeAndMemory(`${network}.inference.b${batch}`, 'pytorch') };
}
