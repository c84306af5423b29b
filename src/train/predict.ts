import { Fault } from '../core/fault.ts';
import { joinPath } from '../data/files.ts';
import { findPictures } from '../data/find-pictures.ts';
import { MAX_FILE_BYTES } from '../data/image.ts';
import { readClassifier } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { FILES, folderAt } from './folder.ts';
import type { Platform } from './platform.ts';
import { modelFromOnnx, type PredictorOf, predictorOf, type RgbaImage, rgbOf } from './predictor.ts';
import { modelFromWeights } from './weights-model.ts';

/**
 * What may be predicted: a path of a picture, a folder or a pattern such as `photos/*.jpg`; a web address; the bytes of
 * a picture's file; pixels, as `ImageData` has them.
 */
export type GivenPicture = string | URL | Uint8Array | ArrayBuffer | NamedBytes | RgbaImage;

/** The bytes of a picture's file, and what to call them. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A trained classifier, loaded. */
export type Predictor = PredictorOf<GivenPicture>;

/** The file of weights that a path means: a run's folder has its own. */
export async function classifierFile(path: string, { output }: Pick<Platform, 'output'>): Promise<string> {
  if (/\.(onnx|safetensors)$/i.test(path)) return path;
  const file = folderAt(path).at(FILES.weights);
  if (await output.exists(file)) return file;
  const resumable = await output.exists(folderAt(path).at(FILES.last));
  const [got, advice] = resumable
    ? ['a run that did not end', `Go on with it: farsight train --resume ${path}.`]
    : ['none there', 'Check the path.'];
  throw new Fault('data', `${joinPath(path, FILES.weights)}: expected weights, got ${got}. ${advice}`);
}

/** The largest ONNX file that is read. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** Loads a classifier from a run's folder, its weights or its ONNX model. */
export async function openPredictor(path: string, platform: Platform, engine?: EngineConfig): Promise<Predictor> {
  const { files, runtime } = platform;
  const file = await classifierFile(path, platform);
  const model = /\.onnx$/i.test(file)
    ? await modelFromOnnx(runtime, await files.read(file, MAX_MODEL_BYTES), file, engine)
    : await modelFromWeights(runtime, await readClassifier(files, file), engine);
  return predictorOf<GivenPicture>(model, {
    spread: async (picture) =>
      typeof picture === 'string' && !isAddress(picture) ? findPictures(files, picture) : [picture],
    nameOf,
    decode: (picture, name, signal) => decode(picture, name, { source: platform, signal }),
  });
}

function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

type Source = Pick<Platform, 'files' | 'decoder' | 'download'>;

function nameOf(picture: GivenPicture, place: number): string {
  if (typeof picture === 'string' || picture instanceof URL) return String(picture);
  return 'name' in picture ? picture.name : `picture ${place + 1}`;
}

async function decode(
  picture: GivenPicture,
  path: string,
  { source, signal }: { readonly source: Source; readonly signal: AbortSignal | undefined },
): ReturnType<Source['decoder']['decode']> {
  const { files, decoder, download } = source;
  if (typeof picture === 'object' && 'width' in picture) return rgbOf(picture, path);
  if (typeof picture === 'object' && 'bytes' in picture) return decoder.decode(picture.bytes, path);
  if (picture instanceof ArrayBuffer) return decoder.decode(new Uint8Array(picture), path);
  if (picture instanceof Uint8Array) return decoder.decode(picture, path);
  if (typeof picture === 'string' && !isAddress(picture)) {
    return decoder.decode(await files.read(picture, MAX_FILE_BYTES), path);
  }
  if (!download) throw new Fault('data', `${path}: expected a file, got an address, which this platform cannot load.`);
  return decoder.decode(await download(path, { maxBytes: MAX_FILE_BYTES, ...(signal && { signal }) }), path);
}
