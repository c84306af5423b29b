import type { RgbImage } from '../core/resize.ts';
import { resizeRgb } from '../core/resize.ts';
import { float32 } from '../core/tensor.ts';
import type { Dataset, Sample } from '../data/dataset.ts';
import { type ImageWorkers, readItem } from '../data/load.ts';
import { imageLoader } from '../data/loader.ts';
import { concentration, overlay } from '../result/attention.ts';
import { type Mistake, topClasses } from '../result/classify.ts';
import { formatPercent } from '../result/format.ts';
import type { TopLoss } from '../result/insight.ts';
import type { AttentionExhibit, AttentionPicture, LossPicture, MistakePicture } from '../result/report.ts';
import { attentionReader, type ReadMap } from './attention.ts';
import type { Classifier } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { denormalised } from './first-batches.ts';
import type { Platform } from './platform.ts';

/** Longest side of pictures of mistakes, and side of those under attention maps, in pixels. */
const THUMBNAIL = 96;
const DRAWN = 160;

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
  const reader = await attentionReader(platform.runtime, classifier, engine);
  if (!reader) return [];
  const loader = imageLoader(workers, dataset, { batchSize: 1, transform, sampling: 'in-order', seed: 0 });
  const exhibits: AttentionExhibit[] = [];
  for await (const { images, labels, indices: places } of loader.epoch(0)) {
    const { logits, maps } = await reader.read(float32([1, 3, transform.size, transform.size], images));
    const picture = fitted(denormalised(images, transform), DRAWN);
    const [best] = topClasses(logits, 1);
    const sample = dataset.samples[places[0]!]!;
    exhibits.push({
      image: await platform.encodePicture(picture),
      name: nameOf(sample),
      label: sample.labels?.includes(best!.label) ? best!.label : labels[0]!,
      predicted: best!.label,
      confidence: best!.probability,
      maps: await Promise.all(maps.map((read) => drawn(read, picture, platform))),
    });
  }
  await reader.release();
  return exhibits;
}

async function drawn(
  { tap, map, query }: ReadMap,
  picture: RgbImage,
  { encodePicture }: Pick<Platform, 'encodePicture'>,
): Promise<AttentionPicture> {
  const picked = overlay(picture, map, query ? { query } : {});
  const positive = map.weights.every((w) => w >= 0);
  const note = positive ? `reads ${formatPercent(concentration(map).effective)} of positions` : undefined;
  return { tap, overlay: await encodePicture(picked), ...(note !== undefined && { note }) };
}
