/** A worker that goes on training a classifier on a person's own pictures. */
import { classifierBlob, loadClassifier, openTuner, readPicture } from 'farsight/web';

/** What is to be learnt. */
export interface Lesson {
  /** A file of weights, as a run writes it. */
  readonly weights: Blob;
  readonly classes: readonly { readonly name: string; readonly pictures: readonly Blob[] }[];
  readonly steps: number;
}

/** What the worker says while it learns and at the end. */
export type Said =
  | { readonly kind: 'step'; readonly step: number; readonly loss: number }
  | { readonly kind: 'learnt'; readonly weights: Blob }
  | { readonly kind: 'failed'; readonly why: string };

const say = (said: Said): void => postMessage(said);

addEventListener('message', ({ data }: MessageEvent<Lesson>) => {
  learn(data).catch((error: unknown) => say({ kind: 'failed', why: String(error) }));
});

async function learn({ weights, classes, steps }: Lesson): Promise<void> {
  const labelled = classes.flatMap(({ name, pictures }) => pictures.map((blob) => ({ label: name, blob })));
  const pictures = await Promise.all(
    labelled.map(async ({ label, blob }) => ({ label, image: await readPicture(blob) })),
  );
  const tuner = await openTuner(await loadClassifier(weights), { classes: classes.map((c) => c.name), batch: 4 });
  await tuner.fit(pictures, { steps, onStep: ({ step, loss }) => say({ kind: 'step', step, loss }) });
  say({ kind: 'learnt', weights: classifierBlob(tuner.classifier()) });
  await tuner.release();
}
