import { DTYPES } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import { known, knownShape } from './dimension.ts';
import { CONSTANT, INPUT, inputName, nodesOf } from './trace.ts';
import type { Node, Value } from './value.ts';

/** Multiply-adds by kind: convolutions; products with a matrix [k, n]; products of batches of matrices. */
export interface MultiplyAdds {
  readonly conv: number;
  readonly linear_mm: number;
  readonly batched_matmul: number;
}

/** What a graph, or a part of it, costs. Bytes moved count every node's inputs and outputs once, views not at all. */
export interface Cost {
  readonly macs: MultiplyAdds;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Elements of the inputs that are parameters. */
  readonly parameters: number;
  readonly nodes: number;
}

/** The cost of a whole graph. */
export interface GraphCost extends Cost {
  /** Estimate of the most bytes alive at once, run in the engine's order: inputs, constants and intermediates. */
  readonly peakBytes: number;
}

/** Which inputs are parameters, and how finely modules are told apart. */
export interface CostOptions {
  /** Names of the inputs that are parameters; none where absent. */
  readonly parameters?: ReadonlySet<string>;
  /** How many parts of a module path count: 1 sums `layer3.5.conv1` into `layer3`. All where absent. */
  readonly depth?: number;
}

const NOTHING: Cost = {
  macs: { conv: 0, linear_mm: 0, batched_matmul: 0 },
  bytesRead: 0,
  bytesWritten: 0,
  parameters: 0,
  nodes: 0,
};

/** All multiply-adds together. */
export function totalMacs(macs: MultiplyAdds): number {
  return macs.conv + macs.linear_mm + macs.batched_matmul;
}

function plus(a: Cost, b: Cost): Cost {
  return {
    macs: {
      conv: a.macs.conv + b.macs.conv,
      linear_mm: a.macs.linear_mm + b.macs.linear_mm,
      batched_matmul: a.macs.batched_matmul + b.macs.batched_matmul,
    },
    bytesRead: a.bytesRead + b.bytesRead,
    bytesWritten: a.bytesWritten + b.bytesWritten,
    parameters: a.parameters + b.parameters,
    nodes: a.nodes + b.nodes,
  };
}

/** What a graph of known sizes costs. */
export function costOf(outputs: ReadonlyMap<string, Value>, options: CostOptions = {}): GraphCost {
  const order = nodesOf(outputs.values());
  const sum = order.reduce((c, node) => plus(c, costOfNode(node, options)), NOTHING);
  return { ...sum, peakBytes: peakBytes(runOrder(order), new Set(outputs.values())) };
}

/**
 * The order in which ONNX Runtime runs nodes that are written in the order given: from those that nobody reads, the last
 * written first, each after what it reads, of which again the last written comes first.
 */
function runOrder(written: readonly Node[]): Node[] {
  const place = new Map(written.map((node, i) => [node, i]));
  const read = new Set(written.flatMap((n) => n.inputs.map((v) => v?.node)));
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack = written.filter((n) => !read.has(n)).map((node) => ({ node, done: false }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    if (top.done) order.push(top.node);
    else if (!seen.has(top.node)) {
      seen.add(top.node);
      stack.push({ node: top.node, done: true });
      const inputs = new Set(top.node.inputs.flatMap((v) => (v && !seen.has(v.node) ? [v.node] : [])));
      for (const node of [...inputs].sort((a, b) => place.get(a)! - place.get(b)!)) stack.push({ node, done: false });
    }
  }
  return order;
}

/** The same by module path, in order of first use; '' holds what belongs to no module. */
export function costByModule(outputs: ReadonlyMap<string, Value>, options: CostOptions = {}): Map<string, Cost> {
  const modules = new Map<string, Cost>();
  for (const node of nodesOf(outputs.values())) {
    const path = moduleOf(node)
      .split('.')
      .slice(0, options.depth ?? Number.POSITIVE_INFINITY)
      .join('.');
    const cost = costOfNode(node, options);
    if (cost !== NOTHING) modules.set(path, plus(modules.get(path) ?? NOTHING, cost));
  }
  return modules;
}

/** A parameter belongs to the module that its name says: `layer3.5.conv1.weight` to `layer3.5.conv1`. */
function moduleOf(node: Node): string {
  const name = node.outputs[0] && inputName(node.outputs[0]);
  return name === undefined ? node.path : name.slice(0, Math.max(0, name.lastIndexOf('.')));
}

/** Bytes of a value's elements. */
export function bytesOfValue(v: Value): number {
  return sizeOf(knownShape(v.shape, v.node.path)) * DTYPES[v.dtype].bytes;
}

function costOfNode(node: Node, { parameters }: CostOptions): Cost {
  if (node.def === CONSTANT) return NOTHING;
  if (node.def === INPUT) {
    const v = node.outputs[0]!;
    const counts = parameters?.has(inputName(v)!);
    return counts ? { ...NOTHING, parameters: sizeOf(knownShape(v.shape, inputName(v)!)) } : NOTHING;
  }
  if (node.def.view) return { ...NOTHING, nodes: 1 };
  const bytes = (values: readonly (Value | undefined)[]): number =>
    values.reduce((sum, v) => sum + (v ? bytesOfValue(v) : 0), 0);
  return {
    macs: macsOf(node),
    bytesRead: bytes(node.inputs),
    bytesWritten: bytes(node.outputs),
    parameters: 0,
    nodes: 1,
  };
}

function macsOf(node: Node): MultiplyAdds {
  const none = NOTHING.macs;
  if (!node.def.macs) return none;
  const macs = known(node.def.macs(node), `${node.path} ${node.def.name}`);
  if ('kernel_shape' in node.def.attributes) return { ...none, conv: macs };
  const matrix = node.def.domain !== 'farsight' && node.inputs.some((v) => v?.shape.length === 2);
  return matrix ? { ...none, linear_mm: macs } : { ...none, batched_matmul: macs };
}

/** Follows every buffer from the node that writes it to the last that reads it. */
function peakBytes(order: readonly Node[], kept: ReadonlySet<Value>): number {
  const fixed = (n: Node): boolean => n.def === INPUT || n.def === CONSTANT;
  const root = (v: Value): Value => (v.node.def.view ? root(v.node.inputs[0]!) : v);
  const last = new Map<Value, Node>();
  for (const n of order) for (const v of n.inputs) if (v) last.set(root(v), n);
  const held = new Set([...kept].map(root));
  const dies = (v: Value, n: Node): boolean => last.get(v) === n && !held.has(v) && !fixed(v.node);
  let live = order.filter(fixed).reduce((sum, n) => sum + bytesOfValue(n.outputs[0]!), 0);
  let peak = live;
  for (const n of order) {
    if (fixed(n)) continue;
    const dying = [...new Set(n.inputs.flatMap((v) => (v ? [root(v)] : [])))].filter((v) => dies(v, n));
    const written = n.def.view ? 0 : n.outputs.reduce((sum, v) => sum + bytesOfValue(v), 0);
    const inPlace = n.def.scalar !== undefined && dying.some((v) => bytesOfValue(v) === written);
    peak = Math.max(peak, live + (inPlace ? 0 : written));
    live += written - dying.reduce((sum, v) => sum + bytesOfValue(v), 0);
    for (const v of n.outputs) if (!n.def.view && !last.has(v) && !held.has(v)) live -= bytesOfValue(v);
  }
  return peak;
}
