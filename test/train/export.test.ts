import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../../src/engine/onnx_pb.ts';
import { readModelFacts } from '../../src/engine/read-model.ts';
import {
  type Classifier,
  checkExport,
  createModel,
  encodeClassifier,
  exportModel,
  initialise,
  loadModel,
  nodeRuntime,
  train,
  verify,
} from '../../src/node.ts';
import { traceInference } from '../../src/train/network.ts';
import { colourFolder, scratch, smallRun } from './made.ts';

const folder = scratch();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
let pictures = '';

beforeAll(async () => {
  pictures = await colourFolder(at('pictures'));
  await train({ ...smallRun(pictures), epochs: 4, baseline: null }, { folder: at('run') });
}, 60_000);

/** Operators of a file, in order. */
async function operatorsOf(path: string): Promise<string[]> {
  return fromBinary(ModelProtoSchema, await readFile(path)).graph!.node.map((n) => n.opType!);
}

describe('a float32 file', () => {
  test('has no batch norm and no operator that reads weights alone', async () => {
    const { models } = await exportModel({ run: at('run'), output: at('plain.onnx') });
    expect(models).toMatchObject([{ precision: 'float32', path: at('plain.onnx') }]);
    expect(models[0]!.difference).toBeLessThan(1e-5);
    expect(await operatorsOf(at('plain.onnx'))).not.toContain('BatchNormalization');
    const { graph } = fromBinary(ModelProtoSchema, await readFile(at('plain.onnx')));
    const weights = new Set(graph!.initializer.map((t) => t.name));
    const idle = graph!.node.filter((n) => n.input.every((name) => weights.has(name)));
    expect(idle.map((n) => n.name)).toEqual([]);
  });
  test('takes any size where it is asked to, and equals our own forward there', async () => {
    const output = at('open.onnx');
    const { models } = await exportModel({ run: at('run'), output, dynamicSize: true });
    expect(models[0]!.difference).toBeLessThan(1e-5); // among others on 20 x 24, being made for 16
    const dims = fromBinary(ModelProtoSchema, await readFile(output)).graph!.input[0]!.type!.value;
    const shape = dims.case === 'tensorType' ? dims.value.shape!.dim.map((d) => d.value.value) : [];
    expect(shape).toEqual(['batch', 3n, 'height', 'width']);
  });
});

/** A network of the table, but narrow and shallow, with fresh weights for 3 classes. */
function fresh(name: string, size: number): Classifier {
  const layers = name === 'resnet14-gc' ? [2, 2, 2] : [1, 4, 6, 1];
  const { network } = createModel(name, { classes: 3, width: 8, layers });
  const { state } = traceInference(network, { batch: 1, size, provider: 'cpu' });
  const transform = {
    kind: 'evaluation',
    size,
    resize: size,
    interpolation: 'bilinear',
    intermediate: 'uint8',
  } as const;
  const facts = {
    ...{ model: { name, overrides: {} }, classes: ['a', 'b', 'c'], licence: null, version: '0' },
    transform: { ...transform, mean: [0, 0, 0], std: [1, 1, 1] },
  };
  return { network, weights: new Map(state.map((spec) => [spec.name, initialise(spec, 1)])), facts };
}

test.each(['resnet14-gc', 'resnet50d', 'resnet50-nl', 'resnet50-gc', 'seresnet18'] as const)(
  '%s is traced with open height and width',
  async (name) => {
    const classifier = fresh(name, 64);
    const runtime = nodeRuntime();
    const model = await encodeClassifier(runtime, classifier, { dynamicSize: true });
    expect(await checkExport(runtime, model, classifier, { dynamicSize: true })).toBeLessThan(1e-4);
  },
);

describe('a file of fewer bits', () => {
  test('in half precision has half the bytes of weights and says what it lost', async () => {
    const output = at('half.onnx');
    const { models } = await exportModel({ run: at('run'), output, precisions: ['float16'], judged: 6 });
    const loss = models[0]!.loss!;
    expect([loss.metric, loss.pictures, loss.points]).toEqual(['accuracy', 6, 0]);
    const { metadata } = readModelFacts(await readFile(output), output);
    expect(JSON.parse(metadata['farsight.precision']!)).toMatchObject({ precision: 'float16', loss });
    const bytes = (model: Uint8Array): number =>
      fromBinary(ModelProtoSchema, model).graph!.initializer.reduce((n, t) => n + t.rawData!.length, 0);
    const plain = bytes(await readFile(at('run', 'model.onnx')));
    expect(bytes(await readFile(output)) / plain).toBeLessThan(0.55);
  });
  test('in eight bits runs in integer kernels and answers as before', async () => {
    const output = at('int8.onnx');
    const { models } = await exportModel({ run: at('run'), output, precisions: ['int8'] });
    expect(models[0]!.loss!.agreement).toBeGreaterThan(0.8);
    const session = await nodeRuntime().load(await readFile(output), { provider: 'cpu', profile: at('profile') });
    const { x } = { x: { dtype: 'float32', shape: [1, 3, 16, 16], data: new Float32Array(768) } as const };
    await session.run({ x }, { logits: null });
    session.endProfiling();
    await session.release();
    const profile = (await readdir(folder)).find((name) => name.startsWith('profile'))!;
    const text = await readFile(at(profile), 'utf8');
    const convolutions = (await operatorsOf(output)).filter((name) => name === 'Conv').length;
    const integer = JSON.parse(text).filter(
      (e: { name: string; args?: { op_name?: string } }) =>
        /_kernel_time$/.test(e.name) && e.args?.op_name === 'QLinearConv',
    );
    expect(integer).toHaveLength(convolutions);
  });
  test('leaves in float32 what it is told to', async () => {
    const output = at('kept.onnx');
    const calibration = { keep: ['^conv1$', '^fc$'], method: { kind: 'min-max' } } as const;
    await exportModel({ run: at('run'), output, precisions: ['int8'], calibration });
    const { graph } = fromBinary(ModelProtoSchema, await readFile(output));
    const names = graph!.initializer.map((t) => t.name!);
    expect(names).toContain('conv1.weight');
    expect(names).toContain('layer1.0.conv1.weight.int8');
    expect(names).not.toContain('fc.weight.int8');
  });
  test('is refused, and not written, where it lost too much, unless forced', async () => {
    const request = { run: at('run'), output: at('poor.onnx'), precisions: ['int8'], maxLoss: -1 } as const;
    await expect(exportModel(request)).rejects.toThrow('expected int8 to lose at most -1 points of accuracy');
    expect(await readdir(folder)).not.toContain('poor.onnx');
    await exportModel({ ...request, force: true });
    expect(await readdir(folder)).toContain('poor.onnx');
  });
  test('stops when it is told to, between batches', async () => {
    const stop = new AbortController();
    const work = exportModel({
      ...{ run: at('run'), output: at('stopped.onnx'), precisions: ['int8'], signal: stop.signal },
      onProgress: ({ what }) => {
        if (what === 'calibrating') stop.abort(new Error('enough'));
      },
    });
    await expect(work).rejects.toThrow('enough');
    expect(await readdir(folder)).not.toContain('stopped.onnx');
  });
});

describe('the folder for transformers.js', () => {
  test('is loaded by its pipeline and gives our answers', async () => {
    const output = at('models', 'colours');
    await exportModel({
      ...{ run: at('run'), output, format: 'transformers.js', precisions: ['float16', 'int8'] },
    });
    const { env, pipeline } = await import('@huggingface/transformers');
    env.allowRemoteModels = false;
    env.localModelPath = at('models');
    const model = await loadModel(at('run'));
    // Of the size that the network sees: no resize, of which the two libraries have different ones.
    await mkdir(at('sized'), { recursive: true });
    const paths = await Promise.all(
      ['red', 'green', 'blue'].flatMap((name) =>
        [0, 1].map(async (i) => {
          const path = at('sized', `${name}-${i}.png`);
          await sharp(join(pictures, name, `${i}.png`))
            .resize(16, 18)
            .png()
            .toFile(path);
          return path;
        }),
      ),
    );
    const ours = await model.predict(paths, 3);
    for (const [dtype, allowed] of [
      ['fp32', 1e-5],
      ['fp16', 5e-3],
      ['q8', 0.1],
    ] as const) {
      const classify = await pipeline('image-classification', 'colours', { dtype });
      for (const [i, path] of paths.entries()) {
        const theirs = (await classify(path, { top_k: 3 })) as { label: string; score: number }[];
        expect(theirs[0]!.label).toBe(ours[i]!.classes[0]!.name);
        for (const { name, probability } of ours[i]!.classes) {
          const { score } = theirs.find((c) => c.label === name)!;
          expect(Math.abs(score - probability)).toBeLessThan(allowed);
        }
      }
      await classify.dispose();
    }
    await model.release();
  });
  test('gives the same classes for pictures that must be resized', async () => {
    const { pipeline } = await import('@huggingface/transformers');
    const classify = await pipeline('image-classification', 'colours', { dtype: 'fp32' });
    const model = await loadModel(at('run'));
    for (const name of ['red', 'green', 'blue']) {
      const path = at(`large-${name}.png`);
      await sharp(join(pictures, name, '3.png'))
        .resize(90, 60)
        .png()
        .toFile(path);
      const theirs = (await classify(path)) as { label: string; score: number }[];
      const [ours] = await model.predict(path, 1);
      expect(theirs[0]!.label).toBe(ours!.classes[0]!.name);
      expect(Math.abs(theirs[0]!.score - ours!.classes[0]!.probability)).toBeLessThan(0.05);
    }
    await model.release();
    await classify.dispose();
  });
});

describe('verifying', () => {
  const providers = ['cpu', 'wasm'] as const;
  test('finds every module of a run equal on CPU and WebAssembly, worst first', async () => {
    const { passes, reports } = await verify({ path: at('run'), providers });
    expect(passes).toBe(true);
    expect(reports.map((r) => [r.subject, r.provider])).toEqual([
      ['network', 'cpu'],
      ['network', 'wasm'],
    ]);
    for (const { modules } of reports) {
      const [logits, ...rest] = modules;
      expect(logits!.module).toBe('logits');
      expect(rest.map((m) => m.module)).toEqual(
        expect.arrayContaining(['conv1', 'bn1', 'layer2.0.context_block', 'fc']),
      );
      expect(rest.map((m) => m.error)).toEqual(rest.map((m) => m.error).sort((a, b) => b - a));
      expect(rest.every((m) => m.error < 1e-5)).toBe(true);
    }
  });
  test('compares a file with the run that it lies in, module by module', async () => {
    const { passes, reference, reports } = await verify({ path: at('run', 'model.onnx'), providers });
    expect([passes, reference]).toEqual([true, expect.stringContaining('our own forward')]);
    expect(reports[0]!.modules.map((m) => m.module)).toEqual(expect.arrayContaining(['bn1', 'layer3.0.bn2', 'fc']));
  });
  test('holds eight bits to wider bounds', async () => {
    const { passes, reports } = await verify({ path: at('int8.onnx'), run: at('run'), providers });
    expect([passes, reports[0]!.precision]).toEqual([true, 'int8']);
    expect(reports[0]!.modules[0]!.error).toBeGreaterThan(1e-5);
  });
  test('names the module of which a weight was changed', async () => {
    const model = fromBinary(ModelProtoSchema, await readFile(at('run', 'model.onnx')));
    const weight = model.graph!.initializer.find((t) => t.name === 'layer2.0.conv1.weight')!;
    weight.rawData = new Uint8Array(weight.rawData!);
    new DataView(weight.rawData.buffer).setFloat32(0, 3, true);
    await writeFile(at('wrong.onnx'), toBinary(ModelProtoSchema, model));
    const { passes, reports } = await verify({ path: at('wrong.onnx'), run: at('run'), providers: ['cpu'] });
    expect(passes).toBe(false);
    const failed = reports[0]!.modules.filter((m) => !m.passes).map((m) => m.module);
    expect(failed).toContain('layer2.0.bn1');
    expect(failed.some((module) => /^(conv1|bn1|layer1)/.test(module))).toBe(false);
  });
  test('says so where the weights are not at hand, and compares with the file itself', async () => {
    const { reference } = await verify({ path: at('half.onnx'), providers: ['cpu'] });
    expect(reference).toContain('the weights that it was made from are not at hand');
  });
  test("refuses a file of another run, and one that is nobody's", async () => {
    await train({ ...smallRun(pictures), epochs: 1, seed: 9, baseline: null }, { folder: at('other') });
    const stranger = verify({ path: at('half.onnx'), run: at('other'), providers: ['cpu'] });
    await expect(stranger).rejects.toThrow('expected a model of the weights in');
    const foreign = create(ModelProtoSchema, {
      metadataProps: [create(StringStringEntryProtoSchema, { key: 'a', value: 'b' })],
    });
    await writeFile(at('foreign.onnx'), toBinary(ModelProtoSchema, foreign));
    await expect(verify({ path: at('foreign.onnx') })).rejects.toThrow('a file that does not say its classes');
  });
});
