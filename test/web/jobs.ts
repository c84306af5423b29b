import {
  type CaseResult,
  floats,
  hasWebGpu,
  isIsolated,
  loadClassifier,
  loadModel,
  openAttention,
  openTuner,
  type Prediction,
  type ReadMap,
  type Runtime,
  readPicture,
  runCaseText,
  type TunerStep,
  type WebPicture,
  type WebRuntimeOptions,
  webDecoder,
  webRuntime,
} from '../../src/web.ts';

export type ProviderName = 'wasm' | 'webgpu';

/** What came of {@link jobs} `tune`: the steps, and the sum of squares of each tensor after them. */
export interface TunedResult {
  readonly steps: readonly TunerStep[];
  readonly norms: Readonly<Record<string, number>>;
}

/** A picture as plain data. */
export interface Colours {
  readonly width: number;
  readonly height: number;
  readonly data: number[];
}

/** What came of {@link jobs} `attention`. */
export interface SeenResult {
  readonly logits: readonly number[];
  readonly maps: readonly { readonly tap: string; readonly query: ReadMap['query']; readonly weights: number[] }[];
  readonly size: readonly number[];
}

/** The steps of a test of training, the same in Node, page and worker. */
export const TUNING = { batch: 4, learningRate: 0.01, seed: 3, classes: ['one', 'two', 'three'] } as const;
export const TUNING_STEPS = 2;

/** What a page or a worker does for the tests; all arguments and results are plain data. */
export const jobs = {
  facts: async (): Promise<{ isolated: boolean; gpu: boolean }> => ({ isolated: isIsolated(), gpu: await hasWebGpu() }),

  golden: async (name: string, provider: ProviderName): Promise<CaseResult> => {
    const [folder, file] = name.split('/') as [string, string];
    const read = async (beside: string): Promise<Uint8Array> => {
      const response = await fetch(`/golden/${folder}/${beside}`);
      if (!response.ok) throw new Error(`${beside}: ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    };
    const text = new TextDecoder().decode(await read(`${file}.json`));
    const weights = await read(`${file}.safetensors`);
    const env = { runtime: runtimeHere(), provider, decoder: webDecoder };
    return runCaseText(text, { folder, name, weights, readFile: read }, env);
  },

  predict: async (
    model: string,
    pictures: readonly string[],
    options: WebRuntimeOptions = { locateFile: '/ort/' },
  ): Promise<readonly Prediction[]> => {
    const loaded = await loadModel(model, options);
    const predictions = await loaded.predict(pictures, { top: 3, batch: 2 });
    await loaded.release();
    return predictions;
  },

  /** One picture in every form that a page may have it in. */
  predictForms: async (model: string, address: string): Promise<readonly Prediction[]> => {
    const loaded = await loadModel(await (await fetch(model)).arrayBuffer(), { runtime: runtimeHere() });
    const blob = await (await fetch(address)).blob();
    const bitmap = await createImageBitmap(blob);
    const forms: WebPicture[] = [address, new URL(address, location.href), blob, new File([blob], 'named.png')];
    forms.push(await blob.arrayBuffer(), new Uint8Array(await blob.arrayBuffer()), bitmap, drawn(bitmap));
    forms.push(drawn(bitmap).getContext('2d')!.getImageData(0, 0, bitmap.width, bitmap.height));
    if (typeof document !== 'undefined') {
      const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
      canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
      forms.push(canvas, Object.assign(new Image(), { src: address }));
    }
    const predictions = await loaded.predict(forms, { top: 3 });
    await loaded.release();
    return predictions;
  },

  colours: async (address: string): Promise<Colours> => {
    const { width, height, data } = await readPicture(address);
    return { width, height, data: [...data] };
  },

  attention: async (model: string, picture: string): Promise<SeenResult> => {
    const reader = await openAttention(await loadClassifier(model), { runtime: runtimeHere() });
    const { logits, maps, seen } = await reader!.look(await readPicture(picture), { x: 0.2, y: 0.7 });
    await reader!.release();
    const plain = maps.map(({ tap, map, query }) => ({ tap, query, weights: [...map.weights] }));
    return { logits: [...logits], maps: plain, size: [seen.width, seen.height] };
  },

  tune: async (model: string, pictures: readonly string[], provider: ProviderName = 'wasm'): Promise<TunedResult> => {
    const tuner = await openTuner(await loadClassifier(model), { runtime: runtimeHere(), provider, ...TUNING });
    const examples = await Promise.all(pictures.map(async (p, i) => ({ image: await readPicture(p), label: i % 3 })));
    const steps = await tuner.fit(examples, { steps: TUNING_STEPS });
    const { weights } = tuner.classifier();
    await tuner.release();
    return { steps, norms: normsOf(weights) };
  },

  /** What a fault says of what is asked wrongly. */
  refusal: async (what: 'threads' | 'tainted', address = ''): Promise<string> => {
    try {
      if (what === 'threads') await webRuntime({ threads: 2 }).load(new Uint8Array(), { provider: 'wasm' });
      else await readPicture(Object.assign(new Image(), { src: address }));
      return 'nothing';
    } catch (error) {
      return (error as Error).message;
    }
  },

  /** Stops predicting after the first batch. */
  stop: async (model: string, picture: string): Promise<{ why: string; seen: number[] }> => {
    const loaded = await loadModel(model, { runtime: runtimeHere() });
    const controller = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ done }: { readonly done: number }): void => {
      seen.push(done);
      if (done === 2) controller.abort(new Error('enough'));
    };
    const work = loaded.predict(new Array<string>(8).fill(picture), {
      batch: 2,
      signal: controller.signal,
      onProgress,
    });
    const why = await work.then(
      () => 'nothing',
      (error: Error) => error.message,
    );
    await loaded.release();
    return { why, seen };
  },
};

/** The names, arguments and results of {@link jobs}. */
export type Jobs = typeof jobs;
export type JobName = keyof Jobs;

/** Does a job that was asked for by name. */
export function run(name: JobName, args: readonly unknown[]): Promise<unknown> {
  return (jobs[name] as (...all: readonly unknown[]) => Promise<unknown>)(...args);
}

let runtime: Runtime | undefined;

function runtimeHere(): Runtime {
  runtime ??= webRuntime({ locateFile: '/ort/', threads: 1 });
  return runtime;
}

function drawn(bitmap: ImageBitmap): OffscreenCanvas {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
  return canvas;
}

/** Σ v² of each float32 tensor. */
export function normsOf(weights: ReadonlyMap<string, Parameters<typeof floats>[0]>): Record<string, number> {
  const kept = [...weights].filter(([, t]) => t.dtype === 'float32');
  return Object.fromEntries(kept.map(([name, t]) => [name, floats(t).reduce((sum, v) => sum + v * v, 0)]));
}
