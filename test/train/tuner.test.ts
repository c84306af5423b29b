import { describe, expect, test } from 'vitest';
import { random } from '../../src/core/random.ts';
import type { RgbImage } from '../../src/core/resize.ts';
import { floats } from '../../src/core/tensor.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { classifierPieces, parseClassifier } from '../../src/train/classifier.ts';
import { predictorOf } from '../../src/train/predictor.ts';
import { createTuner, type LabelledPicture, type Tuner, type TunerOptions } from '../../src/train/tuner.ts';
import { modelFromWeights } from '../../src/train/weights-model.ts';
import { madeClassifier } from '../web/made.ts';

const made = madeClassifier();
const engine = { provider: 'cpu', threads: 1 } as const;
const runtime = nodeRuntime();

/** Pictures of one colour each, with a little noise: red, then blue, in turns. */
const pictures: readonly LabelledPicture[] = Array.from({ length: 12 }, (_, i) => {
  const draws = random(0, 'tuner', i);
  const bright = i % 2 === 0 ? 0 : 2;
  const data = Uint8Array.from({ length: 40 * 40 * 3 }, (_, k) => (k % 3 === bright ? 200 : 30) + 50 * draws.uniform());
  return { image: { width: 40, height: 40, data }, label: bright === 0 ? 'warm' : 'cold' };
});

async function using<T>(options: TunerOptions, work: (tuner: Tuner) => Promise<T>): Promise<T> {
  const tuner = await createTuner(runtime, made, { classes: ['warm', 'cold'], engine, ...options });
  try {
    return await work(tuner);
  } finally {
    await tuner.release();
  }
}

describe('a classifier that goes on learning', () => {
  test('tells new classes apart, and does so again from its file', async () => {
    const classifier = await using({ learningRate: 0.002 }, async (tuner) => {
      const steps = await tuner.fit(pictures, { steps: 24 });
      expect(steps.map((s) => s.step)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
      expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss / 4);
      return tuner.classifier();
    });
    expect(classifier.facts.classes).toEqual(['warm', 'cold']);
    const read = parseClassifier(new Uint8Array(Buffer.concat(classifierPieces(classifier))), 'tuned');
    const predictor = predictorOf<RgbImage>(await modelFromWeights(runtime, read, engine), {
      nameOf: (_, place) => String(place),
      decode: async (image) => image,
    });
    const said = await predictor.predict(
      pictures.map((p) => p.image),
      1,
    );
    await predictor.release();
    expect(said.map((p) => p.classes[0]!.name)).toEqual(pictures.map((p) => p.label));
  });
  test('makes the same steps for the same seed, others for another', async () => {
    const norms = async (seed: number): Promise<readonly number[]> =>
      using({ seed, batch: 4 }, async (tuner) => (await tuner.fit(pictures, { steps: 2 })).map((s) => s.loss));
    expect(await norms(1)).toEqual(await norms(1));
    expect(await norms(1)).not.toEqual(await norms(2));
  });
  test('keeps the running statistics of its norms, and frozen stages as they are', async () => {
    await using({ batch: 4, freeze: { stages: 2 } }, async (tuner) => {
      await tuner.fit(pictures, { steps: 1 });
      const { weights } = tuner.classifier();
      const changed = [...weights].filter(([name, t]) => {
        const old = made.weights.get(name)!;
        return (
          t.dtype === 'float32' &&
          old.shape.join() === t.shape.join() &&
          !floats(t).every((v, i) => v === floats(old)[i])
        );
      });
      const names = changed.map(([name]) => name);
      expect(names.length).toBeGreaterThan(4);
      expect(names.filter((name) => !/^(layer3|fc)\./.test(name) || name.includes('running'))).toEqual([]);
    });
  });
  test('leaves the classifier that it came from as it was', async () => {
    const before = floats(made.weights.get('layer3.0.conv1.weight')!).slice();
    await using({ batch: 4 }, (tuner) => tuner.fit(pictures, { steps: 1 }));
    expect(floats(made.weights.get('layer3.0.conv1.weight')!)).toEqual(before);
  });
  test('keeps its last layer where the classes are its own', async () => {
    await using({ classes: made.facts.classes, batch: 4 }, async (tuner) => {
      expect(floats(tuner.classifier().weights.get('fc.weight')!)).toEqual(floats(made.weights.get('fc.weight')!));
    });
  });
  test('stops when told to, between steps', async () => {
    await using({ batch: 4 }, async (tuner) => {
      const stop = new AbortController();
      const seen: number[] = [];
      const onStep = ({ step }: { readonly step: number }): void => {
        seen.push(step);
        if (step === 2) stop.abort(new Error('enough'));
      };
      await expect(tuner.fit(pictures, { steps: 9, signal: stop.signal, onStep })).rejects.toThrow('enough');
      expect(seen).toEqual([1, 2]);
    });
  });
});

describe('what cannot be learnt is refused:', () => {
  test.each([
    [{ classes: ['one'] }, 'tuner.classes: expected at least two, each once, got ["one"].'],
    [{ classes: ['a', 'a'] }, 'tuner.classes: expected at least two, each once'],
    [{ batch: 0 }, 'tuner.batch: expected a whole number of at least 1, got 0.'],
    [{ transform: { scael: [1, 1] } }, 'tuner.transform: unknown option "scael"'],
  ])('%j', async (options, message) => {
    await expect(using(options as TunerOptions, async () => undefined)).rejects.toThrow(message);
  });
  test('too few pictures for a step, a label that is none, a classifier of several labels', async () => {
    await using({ batch: 4 }, async (tuner) => {
      await expect(tuner.step(pictures.slice(0, 3))).rejects.toThrow('expected 4 pictures for a step, got 3');
      await expect(tuner.fit([], { steps: 1 })).rejects.toThrow('expected labelled pictures, got none');
      const wrong = [{ ...pictures[0]!, label: 'hot' }];
      await expect(tuner.fit(wrong, { steps: 1 })).rejects.toThrow('a label among 2 classes, got "hot"');
    });
    const several = { ...made, facts: { ...made.facts, multiLabel: true } };
    await expect(createTuner(runtime, several, { engine })).rejects.toThrow('one label a picture');
  });
});
