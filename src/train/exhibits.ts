import type { RgbImage } from '../core/resize.ts';
import { resizeRgb } from '../core/resize.ts';
import { float32, floats, type Tensor } from '../core/tensor.ts';
import type { Dataset, Sample } from '../data/dataset.ts';
import { type ImageWorkers, readItem } from '../data/load.ts';
import { imageLoader } from '../data/loader.ts';
import { createSession } from '../engine/session.ts';
import type { Dim } from '../graph/dimension.ts';
import type { Tap } from '../model/scope.ts';
import { concentration, meanOverHeads, overlay } from '../result/attention.ts';
import { type Mistake, topClasses } from '../result/classify.ts';
import { formatPercent } from '../result/format.ts';
import type { TopLoss } from '../result/insight.ts';
import type { AttentionExhibit, AttentionPicture, LossPicture, MistakePicture } from '../result/report.ts';
import type { Classifier } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { engineOptions } from './evaluate.ts';
import { denormalised } from './first-batches.ts';
import { traceInference } from './network.ts';
import type { Platform } from './platform.ts';

/** Longest side of pictures of mistakes, and side of those under attention maps, in pixels. */
const THUMBNAIL = 96;
const DRAWN = 160;
/** Maps drawn for one picture: the last ones of this many stages. */
const MOST_MAPS = 4;

/** The worst mistakes with their pictures. */
export function mistakePictures(
  mistakes: readonly Mistake[],
  test: Dataset,
  platform: Pick<Platform, 'files' | 'decoder' | 'encodePicture'>,
): Promise<readonly MistakePicture[]> {
  return Promise.all(
    mistakes.map(async ({ index, label, predicted, confidence }) => {
      const sample = test.samples[index]!;
      return { image: await thumbnail(sample, platform), name: nameOf(sample), label, predicted, confidence };
    }),
  );
}

/** The pictures of the largest loss. */
export function lossPictures(
  losses: readonly TopLoss[],
  test: Dataset,
  platform: Pick<Platform, 'files' | 'decoder' | 'encodePicture'>,
): Promise<readonly LossPicture[]> {
  return Promise.all(
    losses.map(async ({ index, ...answers }) => {
      const sample = test.samples[index]!;
      return { image: await thumbnail(sample, platform), name: nameOf(sample), ...answers };
    }),
  );
}

function nameOf({ path, name }: Sample): string {
  return (name ?? path).split(/[/\\]/).slice(-2).join('/');
}

async function thumbnail(
  sample: Sample,
  { files, decoder, encodePicture }: Pick<Platform, 'files' | 'decoder' | 'encodePicture'>,
): Promise<string> {
  const name = nameOf(sample);
  const bytes = await readItem(sample, name, files);
  return encodePicture(fitted(await decoder.decode(bytes, name, { shorterAtLeast: THUMBNAIL }), THUMBNAIL));
}

/** The picture enlarged or reduced so that its longer side is as long as said. */
function fitted(image: RgbImage, longest: number): RgbImage {
  const scale = longest / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((d) => Math.max(1, Math.round(d * scale)));
  return resizeRgb(image, { width: width!, height: height!, kind: 'bilinear' });
}

/** What {@link attentionExhibits} needs. */
export interface ExhibitParts {
  readonly classifier: Classifier;
  readonly test: Dataset;
  /** Which test pictures. */
  readonly indices: readonly number[];
  readonly workers: ImageWorkers;
  readonly engine: EngineConfig;
  readonly platform: Pick<Platform, 'runtime' | 'encodePicture'>;
}

/** Test pictures with what the network's affinities read in them; none for a network without affinities. */
export async function attentionExhibits(parts: ExhibitParts): Promise<readonly AttentionExhibit[]> {
  const { classifier, test, indices, workers, engine, platform } = parts;
  const { transform } = classifier.facts;
  const dataset = { classes: test.classes, samples: indices.map((i) => test.samples[i]!) };
  if (dataset.samples.length === 0) return [];
  const shape = { batch: 1, size: transform.size, provider: engine.provider };
  const names = shownTaps([...traceInference(classifier.network, { ...shape, taps: () => true }).taps.values()]);
  if (names.length === 0) return [];
  const traced = traceInference(classifier.network, { ...shape, taps: (path) => names.includes(path) });
  const outputs = new Map([['logits', traced.outputs.get('logits')!]]);
  for (const [name, tap] of traced.taps) outputs.set(`tap/${name}`, tap.value);
  const session = await createSession(platform.runtime, outputs, {
    ...engineOptions(engine),
    constants: new Map([...classifier.weights].filter(([name]) => traced.parameters.has(name))),
  });
  const loader = imageLoader(workers, dataset, { batchSize: 1, transform, sampling: 'in-order', seed: 0 });
  const exhibits: AttentionExhibit[] = [];
  for await (const { images, labels, indices: places } of loader.epoch(0)) {
    const results = await session.run({ x: float32([1, 3, transform.size, transform.size], images) });
    const picture = fitted(denormalised(images, transform), DRAWN);
    const [best] = topClasses(floats(results['logits']!), 1);
    const sample = dataset.samples[places[0]!]!;
    exhibits.push({
      image: await platform.encodePicture(picture),
      name: nameOf(sample),
      label: sample.labels?.includes(best!.label) ? best!.label : labels[0]!,
      predicted: best!.label,
      confidence: best!.probability,
      maps: await Promise.all(
        [...traced.taps.values()].map((tap) => drawn(tap, results[`tap/${tap.name}`]!, picture, platform)),
      ),
    });
  }
  await session.release();
  return exhibits;
}

/** Taps whose keys are the positions of a picture, the last of each stage. */
function shownTaps(taps: readonly Tap[]): readonly string[] {
  const lastOfStage = new Map<string, string>();
  for (const tap of taps) if (keysOf(tap)) lastOfStage.set(tap.name.split('.')[0]!, tap.name);
  return [...lastOfStage.values()].slice(-MOST_MAPS);
}

/** Height and width of the positions that an affinity `n head QUERIES (h w)` reads; undefined for other taps. */
function keysOf({ axes, sizes }: Tap): { readonly rows: number; readonly columns: number } | undefined {
  const groups = axes.match(/\([^)]*\)|\S+/g) ?? [];
  const letters = groups.at(-1)?.slice(1, -1).split(' ') ?? [];
  const [rows, columns] = letters.map((letter): Dim | undefined => sizes?.[letter]);
  if (groups.length !== 4 || letters.length !== 2) return undefined;
  return typeof rows === 'number' && typeof columns === 'number' ? { rows, columns } : undefined;
}

async function drawn(
  tap: Tap,
  t: Tensor,
  picture: RgbImage,
  { encodePicture }: Pick<Platform, 'encodePicture'>,
): Promise<AttentionPicture> {
  const { rows, columns } = keysOf(tap)!;
  const [, heads, queries] = t.shape as readonly [number, number, number];
  const positions = rows * columns;
  // Of many queries the one in the middle is shown.
  const middle = queries === positions ? Math.floor(rows / 2) * columns + Math.floor(columns / 2) : 0;
  const weights = new Float32Array(heads * positions);
  for (let h = 0; h < heads; h++) {
    const start = (h * queries + middle) * positions;
    weights.set(floats(t).subarray(start, start + positions), h * positions);
  }
  const map = meanOverHeads(weights, rows, columns);
  const query = { row: Math.floor(middle / columns), column: middle % columns };
  const picked = overlay(picture, map, queries === 1 ? {} : { query });
  const positive = map.weights.every((w) => w >= 0);
  const note = positive ? `reads ${formatPercent(concentration(map).effective)} of positions` : undefined;
  return { tap: tap.name, overlay: await encodePicture(picked), ...(note !== undefined && { note }) };
}
