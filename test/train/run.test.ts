import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { readModelFacts } from '../../src/engine/read-model.ts';
import { evaluate, exportOnnx, loadModel, nodePlatform, resume, train } from '../../src/node.ts';
import type { RunOptions } from '../../src/train/config.ts';
import type { TrainEvent } from '../../src/train/events.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { type RunResult, startRun } from '../../src/train/run.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { colourFolder, scratch, smallRun } from './made.ts';

const folder = scratch();
let pictures = '';
let config: RunOptions = {};
let done: RunResult;
const events: TrainEvent[] = [];

const at = (...parts: readonly string[]): string => join(folder, ...parts);
const textOf = async (...parts: readonly string[]): Promise<string> => readFile(at(...parts), 'utf8');

/** The fault that something ends with. */
async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => new Error('did not fail'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(Fault);
  return error as Fault;
}

beforeAll(async () => {
  pictures = await colourFolder(at('pictures'));
  config = { ...smallRun(pictures), epochs: 4, evaluateEvery: 2, baseline: 8 };
  done = await train(config, { folder: at('run'), onEvent: (e) => events.push(e) });
}, 60_000);

describe('a run', () => {
  test('tells colours apart', () => {
    expect(done.evaluation!.result.balancedAccuracy).toBeGreaterThan(0.9);
    expect(done.baseline).toBeGreaterThan(0.9);
  });
  test('leaves its files and no others', async () => {
    const made = ['first-batches.png', 'metrics.jsonl', 'model.onnx', 'report.html', 'result.json'];
    expect((await readdir(at('run'))).sort()).toEqual(['checkpoints', 'config.json', ...made, 'weights.safetensors']);
    const checkpoints = ['last.safetensors', 'step-00000009.safetensors'];
    expect((await readdir(at('run', 'checkpoints'))).sort()).toEqual(checkpoints);
  });
  test('saves the resolved configuration', async () => {
    const saved = JSON.parse(await textOf('run', 'config.json'));
    expect(saved).toEqual(readRunConfig(saved));
    expect([saved.epochs, saved.engine.threads, saved.data.workers]).toEqual([4, 1, 1]);
  });
  test('writes a row of metrics at every second step and after every epoch, scores after every second epoch', async () => {
    const rows = (await textOf('run', 'metrics.jsonl')).trim().split('\n');
    const parsed = rows.map((row) => JSON.parse(row));
    expect(parsed.map((row) => row.step)).toEqual([2, 3, 5, 6, 8, 9, 11, 12]);
    expect(parsed.map((row) => row.heldOutAccuracy !== undefined)).toEqual(
      [2, 3, 5, 6, 8, 9, 11, 12].map((step) => step === 6 || step === 12),
    );
    expect(parsed.at(-1).loss).toBeLessThan(parsed[0].loss);
  });
  test('reports progress with a falling time left', () => {
    const states = events.flatMap((e) => (e.kind === 'progress' ? [e.state] : []));
    expect(states.map((s) => [s.epoch, s.step])).toEqual(
      [1, 2, 3, 4].flatMap((epoch) => [1, 2, 3].map((step) => [epoch, step])),
    );
    expect(states.at(-1)!.secondsLeft).toBe(0);
    expect(states.every((s) => s.imagesPerSecond > 0)).toBe(true);
  });
  test('draws its report with attention over pictures', async () => {
    const page = await textOf('run', 'report.html');
    expect(page).toContain('logistic regression on 8 x 8 pixels');
    expect(page.match(/data:image\/webp/g)!.length).toBeGreaterThanOrEqual(3 * 3);
    expect(page).toContain('context_block');
  });
  test('names weights as torchvision does and counts its steps', async () => {
    const { tensors } = readSafetensors(await readFile(at('run', 'weights.safetensors')));
    expect(tensors.get('layer2.0.downsample.0.weight')!.shape).toEqual([16, 8, 1, 1]);
    expect(tensors.get('fc.weight')!.shape).toEqual([3, 32]);
    expect(tensors.get('bn1.num_batches_tracked')!.data[0]).toBe(12n);
  });
  test('is not begun in a folder that holds one', async () => {
    const fault = await faultOf(train(config, { folder: at('run') }));
    expect([fault.code, fault.message]).toEqual(['config', expect.stringContaining('--resume')]);
  });
});

describe('a trained classifier', () => {
  test('says the same from its folder, its weights and its ONNX model', async () => {
    const answers: number[][] = [];
    for (const path of ['run', 'run/weights.safetensors', 'run/model.onnx']) {
      const model = await loadModel(at(path));
      const [red] = await model.predict([join(pictures, 'red', '0.png')], 3);
      expect(red!.classes[0]!.name).toBe('red');
      answers.push(['blue', 'green', 'red'].map((n) => red!.classes.find((c) => c.name === n)!.probability));
      await model.release();
    }
    for (const other of answers) {
      for (const [i, p] of other.entries()) expect(p).toBeCloseTo(answers[0]![i]!, 5);
    }
  });
  test('has an ONNX model that says classes, preparation and size', async () => {
    await exportOnnx(at('run'), at('again.onnx'));
    const { metadata, inputs, outputs } = readModelFacts(await readFile(at('again.onnx')), 'again.onnx');
    expect([inputs, outputs]).toEqual([['x'], ['logits']]);
    expect(JSON.parse(metadata['classes']!)).toEqual(['blue', 'green', 'red']);
    expect([metadata['size'], metadata['mean']]).toEqual(['16', '[0.485,0.456,0.406]']);
    expect(await readFile(at('again.onnx'))).toEqual(await readFile(at('run', 'model.onnx')));
  });
  test('reports a picture that cannot be read and goes on', async () => {
    await writeFile(at('empty.png'), '');
    const model = await loadModel(at('run'));
    const [bad, good] = await model.predict([at('empty.png'), join(pictures, 'blue', '0.png')], 1);
    expect([bad!.classes, bad!.reason]).toEqual([[], expect.stringContaining('empty.png: expected a JPEG')]);
    expect(good!.classes).toHaveLength(1);
    await model.release();
  });
  test('counts every picture once, whatever the batch', async () => {
    const given = { run: at('run'), folder: pictures, engine: { threads: 1 } };
    const whole = await evaluate({ ...given, batch: 24 });
    expect(whole.evaluation.result.samples).toBe(24);
    for (const batch of [1, 5, 64]) {
      const { evaluation } = await evaluate({ ...given, batch });
      expect(evaluation.result.confusion).toEqual(whole.evaluation.result.confusion);
      expect(evaluation.result.loss).toBeCloseTo(whole.evaluation.result.loss, 5);
    }
  });
  test('says how far its scoring is, and stops when told to', async () => {
    const given = { run: at('run'), folder: pictures, batch: 10, engine: { threads: 1 } };
    const seen: (number | null)[][] = [];
    await evaluate({ ...given, onProgress: ({ done, total }) => seen.push([done, total]) });
    expect(seen).toEqual([0, 10, 20, 24].map((done) => [done, 24]));
    const stopped = evaluate({ ...given, signal: AbortSignal.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
  });
  test('is scored again on what the run held out', async () => {
    const { evaluation } = await evaluate({ run: at('run') });
    expect(evaluation.result.confusion).toEqual(done.evaluation!.result.confusion);
  });
  test.each([
    ['nothing', 'none there'],
    ['pictures/red/0.onnx', 'nothing'],
  ])('at %s is not found', async (path, got) => {
    expect((await faultOf(loadModel(at(path)))).message).toContain(`got ${got}`);
  });
  test('is not a file of other tensors', async () => {
    const checkpoint = at('run', 'checkpoints', 'last.safetensors');
    expect((await faultOf(loadModel(checkpoint))).message).toContain('got a file that does not say its classes');
  });
});

describe('a run that cannot go on', () => {
  test('names the step and the module when the loss is not finite, and leaves no weights', async () => {
    const wild: RunOptions = {
      ...config,
      learningRate: 1e30,
      optimizer: { kind: 'sgd' },
      schedule: { kind: 'constant', warmup: 0 },
    };
    const fault = await faultOf(train(wild, { folder: at('wild') }));
    expect(fault.code).toBe('engine');
    expect(fault.message).toMatch(
      /^step \d+ \(epoch 1\): expected a finite loss, got (NaN|-?Infinity)\. First of all in \S+/,
    );
    const left = ['checkpoints', 'config.json', 'first-batches.png', 'metrics.jsonl', 'report.html'];
    expect((await readdir(at('wild'))).sort()).toEqual(left);
    expect(await textOf('wild', 'report.html')).toContain('The run was ended, and can be resumed.');
    expect(await readdir(at('wild', 'checkpoints'))).toEqual([]);
  });
  test('says so when the disk is full, keeps what was there, and ends the same once there is room', async () => {
    const platform = nodePlatform();
    const full: typeof platform = {
      ...platform,
      output: {
        ...platform.output,
        write: async (path, pieces) => {
          if (path.endsWith('.onnx'))
            throw new Fault('data', `${path}: expected a file that can be written, got a full disk.`);
          await platform.output.write(path, pieces);
        },
      },
    };
    const fault = await faultOf(startRun(readRunConfig(config), full, { folder: at('full') }));
    expect(fault.message).toContain('full disk');
    expect(await readdir(at('full'))).not.toContain('result.json');
    const again = await resume({ folder: at('full') });
    expect(again.finished).toBe(true);
    expect(await readFile(at('full', 'model.onnx'))).toEqual(await readFile(at('run', 'model.onnx')));
  });
  test.each([
    ['nothing', 'got nothing'],
    ['run/weights.safetensors/x', 'got a file'],
  ])('is not resumed from %s', async (path, got) => {
    expect((await faultOf(resume({ folder: at(path) }))).message).toContain(got);
  });
  test('is not resumed with other weights in place of its checkpoint', async () => {
    await mkdir(at('other', 'checkpoints'), { recursive: true });
    await writeFile(at('other', 'checkpoints', 'last.safetensors'), await readFile(at('run', 'weights.safetensors')));
    expect((await faultOf(resume({ folder: at('other') }))).message).toContain(
      'expected a checkpoint of a run, got other tensors',
    );
  });
  test('is not begun below a file', async () => {
    const fault = await faultOf(train(config, { folder: at('run', 'config.json', 'run') }));
    expect(fault.message).toContain('got a path that leads through a file');
  });
  test.each<[RunOptions, string]>([
    [{ ...smallRun('none'), data: { folder: '/no/such/folder' } }, 'expected a folder, got nothing'],
    [{ model: { name: 'resnet14-gc', weights: '/no/such.safetensors' } }, 'expected a file of weights, got nothing'],
    [{ engine: { provider: 'wasm', threads: 1 } }, 'engine.provider: expected one that onnxruntime-node has (cpu'],
  ])('names what is missing: %#', async (change, words) => {
    const fault = await faultOf(train({ ...config, ...change }, { folder: at('missing') }));
    expect(fault.message).toContain(words);
    expect(await readdir(folder)).not.toContain('missing');
  });
});

describe('pictures that cannot be read', () => {
  test('are skipped, counted and named; with strict they end the run', async () => {
    const spoilt = await colourFolder(at('spoilt'));
    await writeFile(join(spoilt, 'red', '0.png'), 'no picture');
    await writeFile(join(spoilt, 'blue', '1.png'), '');
    const data = { ...config.data!, folder: spoilt };
    const result = await train({ ...config, epochs: 1, baseline: null, data }, { folder: at('skipping') });
    expect(result.skipped.map((s) => s.path.slice(spoilt.length + 1)).sort()).toEqual(['blue/1.png', 'red/0.png']);
    const strict = train(
      { ...config, epochs: 1, baseline: null, data: { ...data, strict: true } },
      { folder: at('strict') },
    );
    expect((await faultOf(strict)).message).toMatch(/expected a JPEG.*got (an empty file|something else)/);
  });
});

describe('weights to start from', () => {
  const from = (partial: boolean): RunOptions => ({
    ...config,
    epochs: 1,
    baseline: null,
    model: { ...config.model, weights: at('run', 'weights.safetensors'), partial },
  });
  test('are taken whole where they fit', async () => {
    const notes: string[] = [];
    await train(from(false), { folder: at('tuned'), onEvent: (e) => e.kind === 'note' && notes.push(e.text) });
    expect(notes[0]).toMatch(/^Took (\d+) of \1 tensors/);
  });
  test('of another network are refused, all differences at once', async () => {
    const wider = { ...from(false), model: { ...from(false).model, overrides: { layers: [1, 1, 2], width: 8 } } };
    const fault = await faultOf(train(wider, { folder: at('wider') }));
    expect(fault.message).toMatch(
      /weights\.safetensors .*: expected exactly the \d+ tensors of the network, got \d+ missing/,
    );
  });
});
