import { type Bindings, bindDim, type Dim, type SymbolicDim } from './dimension.ts';
import { emit, nodesOf, within } from './trace.ts';
import type { Attributes, AttributeValue, Node, Value } from './value.ts';

/**
 * The same graph with symbols replaced by sizes, in the shapes of its inputs and in every attribute that holds
 * dimensions. Nodes that no symbol reaches stay as they are.
 */
export function bindGraph(outputs: ReadonlyMap<string, Value>, bindings: Bindings): Map<string, Value> {
  const replaced = new Map<Value, Value>();
  const now = (v: Value): Value => replaced.get(v) ?? v;
  for (const node of nodesOf(outputs.values())) {
    const bound = bindNode(
      node,
      node.inputs.map((v) => v && now(v)),
      bindings,
    );
    node.outputs.forEach((v, i) => {
      if (bound[i] !== v) replaced.set(v, bound[i]!);
    });
  }
  return new Map([...outputs].map(([name, v]) => [name, now(v)]));
}

function bindNode(node: Node, inputs: readonly (Value | undefined)[], bindings: Bindings): readonly Value[] {
  const attributes = bindAttributes(node.attributes, bindings);
  if (attributes === node.attributes && inputs.every((v, i) => v === node.inputs[i])) return node.outputs;
  return within(node.path, () => emit(node.def, inputs, attributes));
}

function bindAttributes(attributes: Attributes, bindings: Bindings): Attributes {
  let changed = false;
  const entries = Object.entries(attributes).map(([name, value]) => {
    const bound = value === undefined ? undefined : bindValue(value, bindings);
    if (bound !== value) changed = true;
    return [name, bound] as const;
  });
  return changed ? Object.fromEntries(entries) : attributes;
}

/** The value with its dimensions bound; the same object where it holds none that change. Tensors hold none. */
function bindValue(value: AttributeValue, bindings: Bindings): AttributeValue {
  if (typeof value !== 'object') return value;
  if (isSymbolic(value)) {
    const bound: Dim = bindDim(value, bindings);
    return typeof bound !== 'number' && bound.key === value.key ? value : bound;
  }
  if (Array.isArray(value)) {
    const bound = value.map((v: AttributeValue) => bindValue(v, bindings));
    return bound.every((v, i) => v === value[i]) ? value : (bound as readonly Dim[]);
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || 'data' in value) return value;
  return bindAttributes(value as Attributes, bindings);
}

function isSymbolic(value: object): value is SymbolicDim {
  return 'kind' in value && value.kind === 'symbolic' && 'terms' in value;
}
