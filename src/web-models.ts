import { Fault } from './core/fault.ts';
import { MAX_FILE_BYTES, type RgbImage } from './data/image.ts';
import type { Runtime } from './engine/runtime.ts';
import { webDecoder } from './runtime/web/decode.ts';
import { webDownload } from './runtime/web/download.ts';
import { webRuntime } from './runtime/web/onnx.ts';
import { type Drawable, drawablePixels } from './runtime/web/pixels.ts';
import type { WebRuntimeOptions } from './runtime/web/settings.ts';
import type { Classifier } from './train/classifier.ts';
import type { EngineConfig } from './train/config.ts';
import type { NamedBytes } from './train/predict.ts';
import {
  type LoadedModel,
  modelFromOnnx,
  type PredictorOf,
  predictorOf,
  type RgbaImage,
  rgbOf,
} from './train/predictor.ts';
import type { WorkOptions } from './train/work.ts';

/**
 * What may be predicted in a page: an address, a `Blob` or `File`, the bytes of a picture's file, pixels (`ImageData`),
 * or what can be drawn: `ImageBitmap`, an image or video element, a canvas.
 */
export type WebPicture = string | URL | Blob | Uint8Array | ArrayBuffer | NamedBytes | RgbaImage | Drawable;

/** A trained classifier, loaded in a page or worker. */
export type WebPredictor = PredictorOf<WebPicture>;

/** Where a model's file is: an address, or its bytes. */
export type ModelSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/** Where graphs run in a page. */
export interface WebEngine extends WebRuntimeOptions {
  /** `wasm`: the same numbers on every device. `webgpu`: faster for large networks, where there is one. `wasm`. */
  readonly provider?: 'wasm' | 'webgpu';
  /** A runtime made before; one is made with these options where absent. */
  readonly runtime?: Runtime;
}

/** How a model is loaded; `onProgress` counts its bytes. */
export interface WebLoadOptions extends WebEngine, WorkOptions {}

/**
 * Loads a trained classifier to predict with: a run's `weights.safetensors` or an ONNX model that farsight exported, by
 * address or as bytes, or one that {@link loadClassifier} or a {@link Tuner} gave.
 */
export async function loadModel(source: ModelSource | Classifier, options: WebLoadOptions = {}): Promise<WebPredictor> {
  const { runtime, engine } = engineOf(options);
  const model = isClassifier(source)
    ? await (await describing()).modelFromWeights(runtime, source, engine)
    : await openModel(source, options, { runtime, engine });
  return predictorOf<WebPicture>(model, {
    nameOf: pictureName,
    decode: (picture, name, signal) => readPicture(picture, { name, ...(signal && { signal }) }),
  });
}

/** The colours of a picture, upright, without alpha; `name` begins messages. */
export async function readPicture(
  picture: WebPicture,
  { name = pictureName(picture, 0), signal }: { readonly name?: string; readonly signal?: AbortSignal } = {},
): Promise<RgbImage> {
  if (typeof picture === 'string' || picture instanceof URL) {
    const bytes = await webDownload(picture, { maxBytes: MAX_FILE_BYTES, ...(signal && { signal }) });
    return webDecoder.decode(bytes, name);
  }
  if (picture instanceof Blob) {
    if (picture.size > MAX_FILE_BYTES) {
      throw new Fault('data', `${name}: expected at most ${MAX_FILE_BYTES} bytes, got ${picture.size}.`);
    }
    return webDecoder.decode(new Uint8Array(await picture.arrayBuffer()), name);
  }
  if (picture instanceof ArrayBuffer) return webDecoder.decode(new Uint8Array(picture), name);
  if (picture instanceof Uint8Array) return webDecoder.decode(picture, name);
  if ('bytes' in picture) return webDecoder.decode(picture.bytes, name);
  if ('data' in picture) return rgbOf(picture, name);
  return drawablePixels(picture, name);
}

/** What predictions call a picture: its address, its file's name, or its place among those given. */
function pictureName(picture: WebPicture, place: number): string {
  if (typeof picture === 'string' || picture instanceof URL) return String(picture);
  if ('name' in picture && typeof picture.name === 'string' && picture.name !== '') return picture.name;
  return `picture ${place + 1}`;
}

/** The runtime of a page, and what it is asked for. */
export function engineOf({ provider = 'wasm', runtime, threads, locateFile }: WebEngine): {
  readonly runtime: Runtime;
  readonly engine: EngineConfig;
} {
  const settings = { ...(threads !== undefined && { threads }), ...(locateFile !== undefined && { locateFile }) };
  return { runtime: runtime ?? webRuntime(settings), engine: { provider, threads: null } };
}

function isClassifier(source: ModelSource | Classifier): source is Classifier {
  return typeof source === 'object' && 'weights' in source;
}

/** What builds a network from its weights: fetched only by pages that load weights, an ONNX file needs none of it. */
function describing(): Promise<typeof import('./train/weights-model.ts')> {
  return import('./train/weights-model.ts');
}

async function openModel(
  source: ModelSource,
  options: WorkOptions,
  { runtime, engine }: ReturnType<typeof engineOf>,
): Promise<LoadedModel> {
  const where = sourceName(source);
  const bytes = await readSource(source, options);
  if (isSafetensors(bytes)) return (await describing()).modelFromFile(runtime, bytes, where, engine);
  return modelFromOnnx(runtime, bytes, where, engine);
}

/** A safetensors file begins with the length of its header, which is JSON. */
export function isSafetensors(bytes: Uint8Array): boolean {
  return bytes[8] === 0x7b && bytes[7] === 0 && bytes[6] === 0;
}

/** What messages call a model's file. */
export function sourceName(source: ModelSource): string {
  return typeof source === 'string' || source instanceof URL ? String(source) : 'model';
}

/** The largest file of a model that is read. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** The bytes of a model's file. */
export async function readSource(source: ModelSource, { signal, onProgress }: WorkOptions): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  return webDownload(source, {
    maxBytes: MAX_MODEL_BYTES,
    ...(signal && { signal }),
    onBytes: (done, total) => onProgress?.({ what: 'loading the model', done, total }),
  });
}
