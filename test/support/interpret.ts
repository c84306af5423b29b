import type { Tensor } from '../../src/core/tensor.ts';
import { showDims } from '../../src/graph/dimension.ts';
import { CONSTANT, INPUT, nodesOf } from '../../src/graph/trace.ts';
import type { Node, Value } from '../../src/graph/value.ts';
import { AGGREGATE } from './kernels/aggregate.ts';
import { ATTENTION } from './kernels/attention.ts';
import { ELEMENTWISE } from './kernels/elementwise.ts';
import { INDEXING } from './kernels/indexing.ts';
import type { Kernel } from './kernels/kernel.ts';
import { LAYOUT } from './kernels/layout.ts';
import { POOL } from './kernels/pool.ts';
import { PRODUCTS } from './kernels/products.ts';
import { QUANTISE } from './kernels/quantise.ts';
import { REDUCE } from './kernels/reduce.ts';
import { SAMPLING } from './kernels/sampling.ts';
import { WINDOWS_OF_HEADS } from './kernels/windows-of-heads.ts';
import { fromTensor, type Numbers } from './numbers.ts';

/** What each operator computes, by its name. */
export const KERNELS: Readonly<Record<string, Kernel>> = {
  ...ELEMENTWISE,
  ...LAYOUT,
  ...REDUCE,
  ...PRODUCTS,
  ...POOL,
  ...INDEXING,
  ...SAMPLING,
  ...QUANTISE,
  ...AGGREGATE,
  ...ATTENTION,
  ...WINDOWS_OF_HEADS,
};

/** Names of operators that need no kernel: what is fed and what is known. */
export const SOURCES: ReadonlySet<string> = new Set([INPUT.name, CONSTANT.name]);

/**
 * Runs a graph of known sizes in plain double-precision loops: the judge of every derivative, lowering and provider.
 * `feeds` gives the inputs by name. Every result must have the shape that the graph inferred.
 */
export function interpret(
  outputs: ReadonlyMap<string, Value>,
  feeds: ReadonlyMap<string, Tensor | Numbers>,
): Map<string, Numbers> {
  const done = new Map<Value, Numbers>();
  for (const node of nodesOf(outputs.values())) {
    const results = run(node, done, feeds);
    node.outputs.forEach((v, i) => {
      const t = results[i];
      if (!t) throw new Error(`${node.def.name}: no output ${i}`);
      if (t.shape.length !== v.shape.length || t.shape.some((d, a) => d !== v.shape[a])) {
        throw new Error(`${node.path} ${node.def.name}: inferred ${showDims(v.shape)}, computed ${showDims(t.shape)}`);
      }
      done.set(v, t);
    });
  }
  return new Map([...outputs].map(([name, v]) => [name, done.get(v)!]));
}

function run(
  node: Node,
  done: ReadonlyMap<Value, Numbers>,
  feeds: ReadonlyMap<string, Tensor | Numbers>,
): readonly Numbers[] {
  if (node.def === CONSTANT) return [fromTensor(node.attributes['value'] as Tensor)];
  if (node.def === INPUT) {
    const fed = feeds.get(node.attributes['name'] as string);
    if (!fed) throw new Error(`nothing is fed for ${String(node.attributes['name'])}`);
    return ['dtype' in fed ? fromTensor(fed) : fed];
  }
  const kernel = KERNELS[node.def.name];
  if (!kernel) throw new Error(`the interpreter does not know ${node.def.name}`);
  return kernel({ inputs: node.inputs.map((v) => v && done.get(v)), attributes: node.attributes });
}
