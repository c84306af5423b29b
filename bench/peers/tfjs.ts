import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Fault } from '../../src/core/fault.ts';
import { fill, fillInput } from '../../src/golden/fill.ts';
import { serve } from '../serve.ts';
import type { Runnable, Subject } from '../subject.ts';

/** The part of TensorFlow.js that is used here. */
interface Tfjs {
  readonly version_core: string;
  setBackend(name: string): Promise<boolean>;
  tensor4d(values: Float32Array, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, axes: readonly number[]): TfTensor;
  conv2d(x: TfTensor, filter: TfTensor, stride: number, pad: 'same'): TfTensor;
}
interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface TfjsWasm {
  setWasmPaths(folder: string): void;
}

const installed = createRequire(new URL('tfjs/package.json', import.meta.url));
const tf = installed('@tensorflow/tfjs-core') as Tfjs;
const wasm = installed('@tensorflow/tfjs-backend-wasm') as TfjsWasm;

/** TensorFlow.js lays activations out as [N, H, W, C] and filters as [KH, KW, in, out]. */
async function prepare(subject: Subject): Promise<Runnable> {
  if (subject.kind !== 'conv') throw new Fault('config', `tfjs-wasm: expected a convolution, got ${subject.kind}.`);
  wasm.setWasmPaths(`${dirname(installed.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  if (!(await tf.setBackend('wasm'))) throw new Fault('engine', 'tfjs-wasm: the backend could not be set.');
  const { batch, channels, size } = subject;
  const shape = [batch, channels, size, size];
  const x = tf.transpose(tf.tensor4d(fillInput('x', shape), shape), [0, 2, 3, 1]);
  const filterShape = [channels, channels, 3, 3];
  const filter = tf.transpose(tf.tensor4d(fill('weight', filterShape), filterShape), [2, 3, 1, 0]);
  return {
    run: async () => {
      const y = tf.conv2d(x, filter, 1, 'same');
      await y.data(); // the kernel has run when the values are there
      y.dispose();
    },
    output: async () => [
      { name: 'y', values: await tf.transpose(tf.conv2d(x, filter, 1, 'same'), [0, 3, 1, 2]).data() },
    ],
  };
}

await serve(prepare, { 'tfjs-core': tf.version_core });
