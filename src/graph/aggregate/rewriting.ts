import { nodesOf, rebuild, within } from '../trace.ts';
import type { Node, Value } from '../value.ts';

type Outputs = ReadonlyMap<string, Value>;

/** What takes a node's place, made of values as they are `now`. */
export type Change = (now: (v: Value) => Value) => Value;

/** Rewrites node by node, inputs first; `find` sees the graph as it was. */
export function replace(outputs: Outputs, find: (node: Node) => Change | undefined): Map<string, Value> {
  const replaced = new Map<Value, Value>();
  const now = (v: Value): Value => replaced.get(v) ?? v;
  for (const node of nodesOf(outputs.values())) {
    const change = find(node);
    const inputs = node.inputs.map((v) => v && now(v));
    const fresh = change ? [within(node.path, () => change(now))] : rebuild(node, inputs);
    node.outputs.forEach((v, i) => {
      if (fresh[i] && fresh[i] !== v) replaced.set(v, fresh[i]);
    });
  }
  return new Map([...outputs].map(([name, v]) => [name, now(v)]));
}

/** How many nodes and results read each value. */
export function countUses(outputs: Outputs): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const use = (v: Value | undefined): void => {
    if (v) uses.set(v, (uses.get(v) ?? 0) + 1);
  };
  for (const v of outputs.values()) use(v);
  for (const node of nodesOf(outputs.values())) node.inputs.forEach(use);
  return uses;
}
