import type { Contest } from './contests.ts';
import type { Entrants } from './entrants.ts';
import { type Figures, rateFigures } from './figures.ts';
import type { SideResult } from './measure.ts';
import type { NetworkSubject } from './subject.ts';

/** Pictures of a batch, and of a run: whole batches, so that nobody leaves any out. */
const BATCH = 25;
const PASSES = 2;
const PICTURES = 200 * PASSES;

/**
 * Decode, RandomResizedCrop 224, mirror, normalise: ours against torchvision's ImageFolder under a DataLoader with the
 * best number of workers, and ours, with the one thread that a run has on two cores, against a training step.
 */
export function pipelines(entrants: Entrants): readonly Contest[] {
  const per =
    (mine: number, other: number) =>
    (ours: SideResult, theirs: SideResult): Figures =>
      rateFigures(ours, theirs, { ours: mine, theirs: other, unit: 'images/s' });
  const size = { size: 224, batch: BATCH, passes: PASSES };
  const batch = 8;
  const step: NetworkSubject = { kind: 'network', network: 'resnet18', batch, size: 224, mode: 'training' };
  return [
    {
      match: { ours: entrants.pipeline(size), theirs: entrants.dataLoaders(size), bound: 0 },
      rows: [{ id: 'pipeline.imagenet-like', peer: 'torchvision', figures: per(PICTURES, PICTURES) }],
    },
    {
      match: { ours: entrants.pipeline({ ...size, workers: 1 }), theirs: [entrants.ours(step)] },
      rows: [{ id: 'pipeline.vs-resnet18', peer: 'farsight-resnet18-step', figures: per(PICTURES, batch) }],
    },
  ];
}
