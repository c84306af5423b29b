import type { TensorMap } from '../core/tensor.ts';
import { nodesOf, rebuild, within } from '../graph/trace.ts';
import type { Node, Value } from '../graph/value.ts';

/** A graph whose weights are known: what passes for a deployment work on, and what is written to a file. */
export interface Frozen {
  readonly outputs: ReadonlyMap<string, Value>;
  /** What each module of the network gives, by its path; a value that no output needs is not computed. */
  readonly modules: ReadonlyMap<string, Value>;
  /** Weights by input name. */
  readonly constants: TensorMap;
}

/** A node of the old graph with its inputs in the new one → its outputs there; undefined emits it as it was. */
export type Change = (node: Node, inputs: readonly (Value | undefined)[]) => readonly Value[] | undefined;

/** A frozen graph written anew node by node, inputs first, each node in its module's path. */
export function reform(frozen: Frozen, change: Change, constants: TensorMap = frozen.constants): Frozen {
  const replaced = new Map<Value, Value>();
  for (const node of nodesOf(everything(frozen).values())) {
    const inputs = node.inputs.map((v) => v && replaced.get(v)!);
    const given = within(node.path, () => change(node, inputs)) ?? rebuild(node, inputs);
    node.outputs.forEach((v, i) => {
      replaced.set(v, given[i]!);
    });
  }
  return { ...mapped(frozen, (all) => new Map([...all].map(([name, v]) => [name, replaced.get(v)!]))), constants };
}

/** A pass over graphs applied to a frozen one. */
export function mapped(frozen: Frozen, pass: (all: ReadonlyMap<string, Value>) => ReadonlyMap<string, Value>): Frozen {
  const all = pass(everything(frozen));
  const pick = (mark: string, names: Iterable<string>): Map<string, Value> =>
    new Map([...names].map((name) => [name, all.get(mark + name)!]));
  return {
    ...frozen,
    outputs: pick(OUTPUT, frozen.outputs.keys()),
    modules: pick(MODULE, frozen.modules.keys()),
  };
}

const OUTPUT = 'output ';
const MODULE = 'module ';

function everything({ outputs, modules }: Frozen): Map<string, Value> {
  const marked = (mark: string, values: ReadonlyMap<string, Value>): [string, Value][] =>
    [...values].map(([name, v]) => [mark + name, v]);
  return new Map([...marked(OUTPUT, outputs), ...marked(MODULE, modules)]);
}

/** The nodes that read each value, among those that the outputs need. */
export function readersOf(outputs: ReadonlyMap<string, Value>): ReadonlyMap<Value, readonly Node[]> {
  const readers = new Map<Value, Node[]>();
  for (const node of nodesOf(outputs.values())) {
    for (const v of new Set(node.inputs)) if (v) readers.set(v, [...(readers.get(v) ?? []), node]);
  }
  return readers;
}

/**
 * What each module of a traced network gives: the last value emitted under its path. Values that depend on no input
 * of data are left out.
 */
export function modulesOf(
  outputs: ReadonlyMap<string, Value>,
  isData: (inputName: string) => boolean,
): Map<string, Value> {
  const last = new Map<string, Node>();
  const data = new Set<Node>();
  for (const node of nodesOf(outputs.values())) {
    const name = node.inputs.length === 0 ? node.attributes['name'] : undefined;
    const fed = typeof name === 'string' && isData(name);
    if (!fed && !node.inputs.some((v) => v && data.has(v.node))) continue;
    data.add(node);
    if (fed || node.path === '') continue;
    const before = last.get(node.path);
    if (!before || before.id < node.id) last.set(node.path, node);
  }
  return new Map([...last].map(([path, node]) => [path, node.outputs[0]!]));
}
