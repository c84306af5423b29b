/** Loads a classifier, predicts pictures, shows what a position reads, and goes on learning, all in the page. */
import {
  type AttentionReader,
  type Classifier,
  loadClassifier,
  loadModel,
  type ModelSource,
  openAttention,
  overlay,
  type RgbImage,
  readPicture,
  toImageData,
  type WebPredictor,
} from 'farsight/web';
import type { Lesson, Said } from './learn.ts';

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [modelInput, pictureInput] = [element<HTMLInputElement>('model'), element<HTMLInputElement>('picture')];
const [learn, save] = [element<HTMLButtonElement>('learn'), element<HTMLAnchorElement>('save')];
const canvas = element<HTMLCanvasElement>('attention');

/** What is loaded: to predict with, to look into, and to learn from. */
let model: { predictor: WebPredictor; reader: AttentionReader | null; classifier: Classifier; file: Blob } | undefined;
let picture: RgbImage | undefined;

function say(text: string): void {
  element('status').textContent = text;
}

/** Runs what a person asked for; what goes wrong is told in the page. */
function when(target: HTMLElement, event: string, work: (event: Event) => Promise<void>): void {
  target.addEventListener(event, (e) => {
    work(e).catch((error: unknown) => say(error instanceof Error ? error.message : String(error)));
  });
}

async function load(source: ModelSource): Promise<void> {
  say('Loading the model.');
  const file = source instanceof Blob ? source : await (await fetch(source as string)).blob();
  const classifier = await loadClassifier(file);
  await Promise.all([model?.predictor.release(), model?.reader?.release()]);
  model = { file, classifier, predictor: await loadModel(classifier), reader: await openAttention(classifier) };
  pictureInput.disabled = false;
  learn.disabled = false;
  say(`It tells apart ${classifier.facts.classes.join(', ')}.`);
  if (picture) await look(picture);
}

async function look(image: RgbImage, place = { x: 0.5, y: 0.5 }): Promise<void> {
  picture = image;
  const [prediction] = await model!.predictor.predict(image, 3);
  const rows = prediction!.classes.map(({ name, probability }) => {
    const row = document.createElement('li');
    row.textContent = `${name} ${(100 * probability).toFixed(1)} %`;
    return row;
  });
  element('classes').replaceChildren(...rows);
  if (!model!.reader) return;
  const { maps, seen } = await model!.reader.look(image, place);
  const { map, query } = maps.at(-1)!;
  [canvas.width, canvas.height] = [seen.width, seen.height];
  canvas.getContext('2d')!.putImageData(toImageData(overlay(seen, map, query ? { query } : {})), 0, 0);
}

/** Learns in a worker, so that the page stays usable; gives the file of the new weights. */
function learnFrom(lesson: Lesson): Promise<Blob> {
  const worker = new Worker(new URL('./learn.ts', import.meta.url), { type: 'module' });
  return new Promise<Blob>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data.kind === 'step') say(`Step ${data.step}: loss ${data.loss.toFixed(3)}`);
      else if (data.kind === 'learnt') resolve(data.weights);
      else reject(new Error(data.why));
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(lesson);
  }).finally(() => worker.terminate());
}

when(modelInput, 'change', async () => load(modelInput.files![0]!));
when(pictureInput, 'change', async () => look(await readPicture(pictureInput.files![0]!)));
when(canvas, 'click', async (event) => {
  const { offsetX, offsetY } = event as MouseEvent;
  await look(picture!, { x: offsetX / canvas.clientWidth, y: offsetY / canvas.clientHeight });
});
when(learn, 'click', async () => {
  const lessons = [...document.querySelectorAll('#lessons label')].map((label) => {
    const [name, files] = [...label.querySelectorAll('input')];
    return { name: name!.value, pictures: [...files!.files!] };
  });
  learn.disabled = true;
  const weights = await learnFrom({ weights: model!.file, classes: lessons, steps: 20 }).finally(() => {
    learn.disabled = false;
  });
  await load(weights);
  save.href = URL.createObjectURL(weights);
  save.hidden = false;
});

const given = new URLSearchParams(location.search).get('model');
if (given !== null) load(given).catch((error: unknown) => say(String(error)));
