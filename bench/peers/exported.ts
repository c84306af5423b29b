import { createRequire } from 'node:module';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Fault } from '../../src/core/fault.ts';
import { fillInput } from '../../src/golden/fill.ts';
import { serve } from '../serve.ts';
import type { Runnable, Subject, SubjectOptions } from '../subject.ts';

/** ONNX Runtime used directly, with its own defaults, on a file from elsewhere. */
async function prepare(subject: Subject, { threads }: SubjectOptions): Promise<Runnable> {
  if (subject.kind !== 'onnx') throw new Fault('config', `export: expected an ONNX file, got ${subject.kind}.`);
  const session = await InferenceSession.create(subject.path, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    ...(threads !== undefined && { intraOpNumThreads: threads, interOpNumThreads: 1 }),
  });
  const { batch, size } = subject.of;
  const shape = [batch, 3, size, size];
  const x = new Tensor('float32', fillInput('x', shape), shape);
  return {
    run: async () => {
      await session.run({ x });
    },
    output: async () => [{ name: 'y', values: (await session.run({ x })).y!.data as Float32Array }],
  };
}

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
await serve(prepare, { 'onnxruntime-node': version });
