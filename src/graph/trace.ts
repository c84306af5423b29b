import type { DType } from '../core/dtype.ts';
import { Fault, messageOf } from '../core/fault.ts';
import { sizeOf } from '../core/shape.ts';
import { float32, int64, type Tensor } from '../core/tensor.ts';
import { type Dim, showDims } from './dimension.ts';
import type { Attributes, Graph, Node, OpDef, Value } from './value.ts';

let counter = 0;
const paths: string[] = [''];

/** The module path that nodes emitted now belong to. */
export function currentPath(): string {
  return paths[paths.length - 1]!;
}

/** Runs `body` with every node it emits belonging to `path`. */
export function within<T>(path: string, body: () => T): T {
  paths.push(path);
  try {
    return body();
  } finally {
    paths.pop();
  }
}

/** Adds a node: infers its outputs from its record and returns them. */
export function emit(
  def: OpDef,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes = {},
): readonly Value[] {
  const path = currentPath();
  let types: ReturnType<OpDef['shape']>;
  try {
    types = def.shape(inputs, attributes);
  } catch (error) {
    const shapes = inputs.map((v) => (v ? `${v.dtype} ${showDims(v.shape)}` : 'none')).join(', ');
    const code = error instanceof Fault ? error.code : 'graph';
    const where = path === '' ? def.name : `${path} (${def.name})`;
    throw new Fault(code, `${where}: ${messageOf(error)} Inputs: ${shapes}.`, { cause: error });
  }
  const outputs: Value[] = [];
  const node: Node = { id: counter++, def, inputs, attributes, outputs, path };
  types.forEach(({ shape, dtype }, index) => {
    outputs.push({ id: counter++, shape, dtype, node, index });
  });
  return outputs;
}

/** Adds a node with one output. */
export function emit1(def: OpDef, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value {
  return emit(def, inputs, attributes)[0]!;
}

/** What is fed from outside: data, parameters and state. */
export const INPUT: OpDef = {
  name: 'input',
  domain: 'farsight',
  since: 1,
  shape: (_, a) => [{ shape: a['shape'] as readonly Dim[], dtype: a['dtype'] as DType }],
  vjp: () => [],
  attributes: {},
};

/** A tensor known when tracing. */
export const CONSTANT: OpDef = {
  name: 'constant',
  domain: 'farsight',
  since: 1,
  shape: (_, a) => {
    const t = a['value'] as Tensor;
    return [{ shape: t.shape, dtype: t.dtype }];
  },
  vjp: () => [],
  attributes: {},
};

/** A named input of a graph. */
export function input(name: string, dtype: DType, shape: readonly Dim[]): Value {
  return emit1(INPUT, [], { name, dtype, shape });
}

/** The name of an input value, or undefined for any other value. */
export function inputName(v: Value): string | undefined {
  return v.node.def === INPUT ? (v.node.attributes['name'] as string) : undefined;
}

/** A constant of the graph from a tensor. */
export function constant(value: Tensor): Value {
  return emit1(CONSTANT, [], { value });
}

/** A float32 constant of shape []. */
export function scalar(value: number): Value {
  return constant(float32([], [value]));
}

/** A float32 constant of one number throughout. */
export function filled(value: number, shape: readonly number[]): Value {
  return constant(float32(shape, new Float32Array(sizeOf(shape)).fill(value)));
}

/** An int64 constant vector. */
export function integers(values: readonly number[]): Value {
  return constant(int64([values.length], values));
}

/** The tensor of a constant value, or undefined for any other value. */
export function constantOf(v: Value | undefined): Tensor | undefined {
  return v && v.node.def === CONSTANT ? (v.node.attributes['value'] as Tensor) : undefined;
}

/** The number that every element of a constant float value has, or undefined. */
export function uniformOf(v: Value | undefined): number | undefined {
  const t = constantOf(v);
  if (t?.dtype !== 'float32' || sizeOf(t.shape) === 0) return undefined;
  const first = t.data[0] as number;
  return (t.data as Float32Array).every((x) => x === first) ? first : undefined;
}

/** Nodes that `values` depend on, each after the nodes it reads, in order of first need. */
export function nodesOf(values: Iterable<Value>): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  for (const root of values) {
    const stack: { node: Node; next: number }[] = [];
    const visit = (node: Node): void => {
      if (seen.has(node)) return;
      seen.add(node);
      stack.push({ node, next: 0 });
    };
    visit(root.node);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      if (top.next < top.node.inputs.length) {
        const v = top.node.inputs[top.next++];
        if (v) visit(v.node);
      } else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

/** A graph of named outputs; its inputs are those that the outputs reach, in order of creation. */
export function graphOf(outputs: ReadonlyMap<string, Value>): Graph {
  const nodes = nodesOf(outputs.values()).filter((n) => n.def === INPUT);
  nodes.sort((a, b) => a.id - b.id);
  const names = new Set<string>();
  for (const n of nodes) {
    const name = n.attributes['name'] as string;
    if (names.has(name)) throw new Fault('graph', `graph: two inputs are named "${name}". Give each its own name.`);
    names.add(name);
  }
  return { inputs: nodes.map((n) => n.outputs[0]!), outputs };
}

/** The node anew with other inputs, in its own module path; the same node if nothing changed. */
export function rebuild(node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] {
  if (inputs.every((v, i) => v === node.inputs[i])) return node.outputs;
  return within(node.path, () => emit(node.def, inputs, node.attributes));
}

/**
 * Rewrites a graph node by node, inputs first: `change` gets each node with rewritten inputs and may give other
 * outputs for it; undefined keeps it.
 */
export function rewrite(
  outputs: ReadonlyMap<string, Value>,
  change: (node: Node) => readonly Value[] | undefined,
): Map<string, Value> {
  const replaced = new Map<Value, Value>();
  const now = (v: Value): Value => replaced.get(v) ?? v;
  for (const node of nodesOf(outputs.values())) {
    const fresh = rebuild(
      node,
      node.inputs.map((v) => v && now(v)),
    );
    const given = fresh[0] === undefined ? fresh : (within(node.path, () => change(fresh[0]!.node)) ?? fresh);
    node.outputs.forEach((v, i) => {
      const to = given[i];
      if (to && to !== v) replaced.set(v, to);
    });
  }
  return new Map([...outputs].map(([name, v]) => [name, now(v)]));
}
