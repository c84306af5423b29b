import { Fault } from '../core/fault.ts';
import { sameDims, showDims } from './dimension.ts';
import { add } from './ops/elementwise.ts';
import { expand } from './ops/layout.ts';
import { nodesOf, scalar, within } from './trace.ts';
import type { Node, Value } from './value.ts';

/**
 * Gradients of a scalar value: reverse-mode differentiation from graph to graph.
 * Each node's rule comes from its operator's record; values that the loss does not depend on get no entry.
 *
 * `loss` is [] or holds one element; `wrt` are values it may depend on. `seed`, of the loss's shape, replaces 1.
 */
export function backward(loss: Value, wrt: readonly Value[], seed?: Value): Map<Value, Value> {
  if (loss.shape.some((d) => d !== 1) && !seed) {
    throw new Fault('graph', `backward: expected a loss of one element, got ${showDims(loss.shape)}. Reduce it first.`);
  }
  const order = nodesOf([loss]);
  const wanted = new Set<Value>(wrt);
  const relevant = relevantNodes(order, wanted);
  const gradients = new Map<Value, Value>();
  gradients.set(loss, seed ?? expand(scalar(1), loss.shape));
  for (const node of order.reverse()) {
    if (!relevant.has(node)) continue;
    const dy = node.outputs.map((v) => gradients.get(v));
    if (dy.every((g) => g === undefined)) continue;
    for (const [v, g] of inputGradients(node, dy, (v) => wanted.has(v) || relevant.has(v.node))) {
      const before = gradients.get(v);
      gradients.set(v, before ? within(node.path, () => add(before, g)) : g);
    }
    for (const v of node.outputs) if (!wanted.has(v) && v !== loss) gradients.delete(v);
  }
  return new Map([...gradients].filter(([v]) => wanted.has(v)));
}

function relevantNodes(order: readonly Node[], wanted: ReadonlySet<Value>): Set<Node> {
  const relevant = new Set<Node>();
  for (const node of order) {
    const reads = node.inputs.some((v) => v && (wanted.has(v) || relevant.has(v.node)));
    if (reads) relevant.add(node);
  }
  return relevant;
}

function inputGradients(
  node: Node,
  dy: readonly (Value | undefined)[],
  needed: (v: Value) => boolean,
): readonly (readonly [Value, Value])[] {
  const { def } = node;
  if (def.vjp === null) return refuse(node, dy, needed);
  const { vjp } = def;
  const needs = (i: number): boolean => {
    const v = node.inputs[i];
    return v !== undefined && needed(v);
  };
  const inputs = node.inputs as readonly Value[]; // absent optional inputs stay undefined; rules ask `needs` first
  const context = { node, inputs, outputs: node.outputs, attributes: node.attributes, dy, needs };
  const gradients = within(node.path, () => vjp(context));
  return node.inputs.flatMap((v, i) => {
    const g = gradients[i];
    if (!v || !g || !needs(i)) return [];
    if (!sameDims(g.shape, v.shape)) {
      const message = `${node.path} (${def.name}): its derivative gave ${showDims(g.shape)} for an input ${showDims(v.shape)}.`;
      throw new Fault('graph', message);
    }
    return [[v, g] as const];
  });
}

/** Integers and truth values carry no gradient; anything else without a rule is a fault. */
function refuse(node: Node, dy: readonly (Value | undefined)[], needed: (v: Value) => boolean): [] {
  const floating = node.inputs.some((v) => v && needed(v) && v.dtype.startsWith('float'));
  const flows = node.outputs.some((v, i) => dy[i] && v.dtype.startsWith('float'));
  if (floating && flows) {
    const where = node.path === '' ? '' : `${node.path}: `;
    throw new Fault(
      'graph',
      `${where}${node.def.name} has no derivative. Put stopGradient before it if none should flow.`,
    );
  }
  return [];
}
