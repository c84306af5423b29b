import { AGGREGATE, siteOfNode } from '../../../src/graph/aggregate/index.ts';
import type { Node, Value } from '../../../src/graph/value.ts';

const elements = (v: Value): number => (v.shape as number[]).reduce((n, d) => n * d, 1);

/**
 * Multiply-adds as the counter of the authors' code has them: convolutions and linear layers (a convolution's bias once a
 * result), norms of batches twice an element, ReLU, SiLU and sigmoid modules and pools once, the local aggregation once a
 * tap. Group norms, softmaxes, sums and means of fusions are free; with two groups the aggregation is counted twice.
 */
export function officialCount(outputs: ReadonlyMap<string, Value>): number {
  const seen = new Set<Node>();
  let total = 0;
  const walk = (v: Value): void => {
    if (seen.has(v.node)) return;
    seen.add(v.node);
    total += costOf(v.node);
    for (const i of v.node.inputs) if (i) walk(i);
  };
  for (const v of outputs.values()) walk(v);
  return total;
}

function costOf(node: Node): number {
  const [x, w, bias] = node.inputs as readonly Value[];
  const y = node.outputs[0]!;
  switch (node.def.name) {
    case 'Conv':
      return (elements(y) * elements(w!)) / (w!.shape[0] as number) + (bias ? elements(y) : 0);
    case 'Gemm':
      return elements(y) * (x!.shape[1] as number) + (node.path === 'fc' ? 0 : elements(y));
    case 'BatchNormalization':
      return node.path.endsWith('embed.4') ? 0 : 2 * elements(x!);
    case 'Relu':
    case 'QuickGelu':
      return elements(x!);
    case 'MaxPool':
    case 'AveragePool':
      // Blurs are no modules of pools; windows of two are theirs, but for the shortcut's.
      return node.path.endsWith('.conv2') && y.shape[2] !== undefined && isBlur(node) ? 0 : elements(x!);
    case 'ReduceMean':
      return node.path === 'avgpool' ? elements(x!) : 0;
    default:
      return node.def === AGGREGATE ? readingOf(node) : 0;
  }
}

function isBlur(node: Node): boolean {
  return (node.attributes['kernel_shape'] as readonly number[])[0] === 2;
}

function readingOf(node: Node): number {
  const { window, runs, l, values } = siteOfNode(node);
  return window ? (l as number) * elements(values) * runs : 0;
}
