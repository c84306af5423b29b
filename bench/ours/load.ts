import { float32, int64, type Tensor, toNumbers } from '../../src/core/tensor.ts';
import { fill } from '../../src/golden/fill.ts';
import { createModel } from '../../src/model/networks/table.ts';
import { traceNetwork } from '../../src/model/scope.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { nodeOutput } from '../../src/runtime/node/output.ts';
import { readWeights } from '../../src/weights/open.ts';
import { safetensorsPieces } from '../../src/weights/safetensors.ts';
import type { LoadSubject, Part, Runnable } from '../subject.ts';

/** Tensors whose values both sides of a contest of loading give. */
const COMPARED = ['conv1.weight', 'layer4.2.conv3.weight', 'fc.weight', 'fc.bias'];

/** Our side of loading: all tensors of the file, in memory. */
export async function loading({ path }: LoadSubject): Promise<Runnable> {
  return {
    run: async () => {
      await readWeights(nodeFiles, path);
    },
    output: async () => {
      const { tensors } = await readWeights(nodeFiles, path);
      return COMPARED.map((name): Part => ({ name, values: Float32Array.from(toNumbers(tensors.get(name)!)) }));
    },
  };
}

/** Writes the state of ResNet-50 as safetensors, 102 MB, its values by the fill formula. */
export async function writeResnet50(path: string): Promise<void> {
  const { network } = createModel('resnet50');
  const { state } = traceNetwork(network, { inputs: { x: { shape: [1, 3, 224, 224] } }, mode: 'inference' });
  const tensors = state.map(({ name, shape, dtype }): [string, Tensor] => [
    name,
    dtype === 'int64' ? int64(shape, [0]) : float32(shape, fill(name, shape)),
  ]);
  await nodeOutput.write(path, safetensorsPieces(tensors));
}
