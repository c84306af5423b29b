import { Fault } from '../../src/core/fault.ts';
import { float32, floats, int64, type Tensor, tensor } from '../../src/core/tensor.ts';
import type { Runtime } from '../../src/engine/runtime.ts';
import { createSession } from '../../src/engine/session.ts';
import { fill, fillInput, scaleFloat32 } from '../../src/golden/fill.ts';
import * as op from '../../src/graph/ops/index.ts';
import { input } from '../../src/graph/trace.ts';
import { conv2d } from '../../src/model/layers/conv.ts';
import { type Network, type StateSpec, traceNetwork } from '../../src/model/scope.ts';
import { lowerTraced, traceTraining } from '../../src/train/network.ts';
import { createStepper } from '../../src/train/step.ts';
import type { NetworkSubject, Part, Runnable, Subject, SubjectOptions } from '../subject.ts';
import { attention } from './attention.ts';
import { loading } from './load.ts';
import { benchNetwork, nonLocalNetwork } from './networks.ts';
import { pipeline } from './pipeline.ts';

/** Our side of a subject: our graph, our session, in this process. */
export function prepareOurs(runtime: Runtime, subject: Subject, options: SubjectOptions): Promise<Runnable> {
  switch (subject.kind) {
    case 'network':
      if (subject.mode === 'training') return training(runtime, subject, options);
      return inference(runtime, benchNetwork(subject), [subject.batch, 3, subject.size, subject.size], options);
    case 'nonlocal': {
      const shape = [1, subject.channels, subject.height, subject.width];
      return inference(runtime, nonLocalNetwork(subject), shape, options);
    }
    case 'attention':
      return attention(runtime, subject, request(options));
    case 'conv': {
      const { channels, size, batch } = subject;
      const network: Network = (s, { x }) => ({ y: conv2d(s, x!, { channels, kernel: 3, padding: 1 }) });
      return inference(runtime, network, [batch, channels, size, size], options);
    }
    case 'matmul':
      return matMul(runtime, subject.size, options);
    case 'load':
      return loading(subject);
    case 'pipeline':
      return pipeline(subject);
    case 'onnx':
      throw new Fault('config', 'our side: expected a network of ours, got an exported file.');
    default:
      return subject satisfies never;
  }
}

/** Loads the engine's library by a run of the smallest graph, so that a later reading of memory is free of it. */
export async function warmEngine(runtime: Runtime): Promise<void> {
  const x = input('x', 'float32', [1]);
  const session = await createSession(runtime, new Map([['y', op.relu(x)]]));
  await session.run({ x: float32([1], [1]) });
  await session.release();
}

/** What the sessions here are asked for: the engine's own number of threads unless one is given. */
function request({ threads }: SubjectOptions): { provider: 'cpu'; threads?: number } {
  return { provider: 'cpu', ...(threads !== undefined && { threads }) };
}

function filled({ name, shape, dtype }: StateSpec): Tensor {
  if (dtype === 'int64') return int64(shape, [0]);
  return tensor(dtype, shape, fill(name, shape));
}

function scaled(t: Tensor, name: string, factor: number): Tensor {
  if (factor === 1 || !name.endsWith('bn3.weight')) return t;
  return tensor(t.dtype, t.shape, scaleFloat32(floats(t), factor));
}

function l2(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
}

async function inference(
  runtime: Runtime,
  network: Network,
  shape: readonly number[],
  options: SubjectOptions,
): Promise<Runnable> {
  const described = traceNetwork(network, { inputs: { x: { shape } }, mode: 'inference' });
  const traced = lowerTraced(described, { provider: 'cpu', training: false });
  const read = traced.state.filter((s) => traced.parameters.has(s.name));
  const constants = new Map(read.map((spec) => [spec.name, filled(spec)]));
  const session = await createSession(runtime, traced.outputs, { ...request(options), constants });
  const x = float32(shape, fillInput('x', shape));
  const run = (): Promise<Record<string, Tensor>> => session.run({ x });
  return {
    run: async () => {
      await run();
    },
    output: async () => Object.values(await run()).map((t) => ({ name: 'y', values: floats(t) })),
  };
}

async function training(runtime: Runtime, subject: NetworkSubject, options: SubjectOptions): Promise<Runnable> {
  const { batch, size, rate = 0.01, watch = [], residualScale = 1, recompute = false } = subject;
  const traced = traceTraining(benchNetwork(subject), { batch, size, labelSmoothing: 0, provider: 'cpu' });
  const rule = { optimizer: { kind: 'sgd', momentum: 0.9 }, settings: () => ({ decay: 1e-4 }), recompute } as const;
  const state = new Map(traced.state.map((spec) => [spec.name, scaled(filled(spec), spec.name, residualScale)]));
  const stepper = await createStepper(runtime, traced, rule, { state }, request(options));
  const x = float32([batch, 3, size, size], fillInput('x', [batch, 3, size, size]));
  const labels = int64(
    [batch],
    Array.from({ length: batch }, (_, i) => i),
  );
  const step = async (): Promise<number> => Number((await stepper.run({ x, labels }, rate)).loss!.data[0]);
  return {
    run: async () => {
      await step();
    },
    output: async () => {
      const before = await step();
      const watched = watch.flatMap((name): Part[] => [
        { name: `param/${name}`, values: floats(stepper.state.get(name)!).slice() },
        {
          name: `momentum-l2/${name}`,
          values: Float32Array.of(l2(floats(stepper.slots.get(`momentum_buffer/${name}`)!))),
        },
      ]);
      return [{ name: 'loss', values: Float32Array.of(before, await step()) }, ...watched];
    },
  };
}

async function matMul(runtime: Runtime, size: number, options: SubjectOptions): Promise<Runnable> {
  const shape = [size, size];
  const [a, b] = ['a', 'b'].map((name) => input(name, 'float32', shape));
  const session = await createSession(runtime, new Map([['y', op.matMul(a!, b!)]]), request(options));
  const feeds = { a: float32(shape, fillInput('a', shape)), b: float32(shape, fillInput('b', shape)) };
  return {
    run: async () => {
      await session.run(feeds);
    },
    output: async () => [{ name: 'y', values: floats((await session.run(feeds)).y!) }],
  };
}
