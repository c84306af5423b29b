// One network, its affinity exchanged by one line: what each holds and costs, and feature maps for what stands on it.
import { costOf, createFeatures, createModel, parameterCount, totalMacs, traceNetwork } from 'farsight/node';

const KINDS = ['convolution', 'depthwise', 'local-relation', 'contextual-transformer', 'self-attention'];

for (const kind of KINDS) {
  const { network } = createModel('resnet50', { operators: [{ operator: { kind } }] }); // in place of every 3 x 3
  const { outputs, state } = traceNetwork(network, { inputs: { x: { shape: [1, 3, 224, 224] } }, mode: 'inference' });
  const [parameters, macs] = [parameterCount(state) / 1e6, totalMacs(costOf(outputs).macs) / 1e9];
  console.log(`${kind.padEnd(23)} ${parameters.toFixed(2)} M parameters, ${macs.toFixed(2)} G multiply-adds`);
}

const { features } = createFeatures('cotnet50', { stages: [2, 3, 4] });
console.log(features.map((f) => `${f.name}: ${f.channels} channels at 1/${f.reduction}`).join(', '));
