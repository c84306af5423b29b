import { sizeOf } from '../core/shape.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import { CONSTANT, INPUT, input, inputName, nodesOf } from '../graph/trace.ts';
import type { Node, Value } from '../graph/value.ts';
import { type Frozen, reform } from './frozen.ts';
import type { Runtime } from './runtime.ts';
import { createSession } from './session.ts';

/** A result with more elements than this, and than what it is made of, is left for whoever runs the graph. */
const SMALL = 4096;

/**
 * The same graph with all that depends on weights alone computed once, so that every product finds its weights as they
 * are used: other runtimes need not work it out, and weights can be quantised.
 */
export async function bake(runtime: Runtime, frozen: Frozen): Promise<Frozen> {
  const { outputs, constants } = frozen;
  const wanted = frontier(outputs, constants);
  if (wanted.length === 0) return frozen;
  const results = await compute(runtime, wanted, constants);
  const baked = new Map(constants);
  const replaced = new Map<Value, Value>();
  const kept = new Set(directlyRead(outputs, new Set(wanted)));
  wanted.forEach((v, i) => {
    const result = results[i]!;
    const name = nameFor(v, kept);
    kept.add(name);
    baked.set(name, result);
    replaced.set(v, input(name, result.dtype, result.shape));
  });
  return reform(
    frozen,
    (node) => {
      const value = node.outputs[0] && replaced.get(node.outputs[0]);
      return value && [value];
    },
    baked,
  );
}

/** Values made from weights alone that something else reads. */
function frontier(outputs: ReadonlyMap<string, Value>, constants: TensorMap): readonly Value[] {
  /** Elements of what a fixed value is made of. */
  const fixed = new Map<Value, number>();
  const wanted = new Set<Value>();
  const isSource = (node: Node): boolean => node.def === CONSTANT || constants.has(inputName(node.outputs[0]!) ?? '');
  const ask = (v: Value | undefined): void => {
    if (v && fixed.has(v) && !isSource(v.node)) wanted.add(v);
  };
  for (const node of nodesOf(outputs.values())) {
    const out = node.outputs[0]!;
    if (isSource(node)) fixed.set(out, sizeOf(out.shape as number[]));
    if (node.def === INPUT || node.def === CONSTANT) continue;
    const from = node.inputs.reduce((n, v) => n + (v ? (fixed.get(v) ?? Number.NaN) : 0), 0);
    const known = node.outputs.length === 1 && out.shape.every((d) => typeof d === 'number');
    if (known && !Number.isNaN(from) && sizeOf(out.shape as number[]) <= Math.max(SMALL, from)) fixed.set(out, from);
    else node.inputs.forEach(ask);
  }
  for (const v of outputs.values()) ask(v);
  return [...wanted];
}

/** Names of inputs that are read by others than what goes away. */
function directlyRead(outputs: ReadonlyMap<string, Value>, gone: ReadonlySet<Value>): string[] {
  const names = new Set<string>();
  const seen = new Set<Value>();
  const visit = (v: Value): void => {
    if (seen.has(v) || gone.has(v)) return;
    seen.add(v);
    const name = inputName(v);
    if (name !== undefined) names.add(name);
    for (const before of v.node.inputs) if (before) visit(before);
  };
  for (const v of outputs.values()) visit(v);
  return [...names];
}

async function compute(runtime: Runtime, wanted: readonly Value[], constants: TensorMap): Promise<readonly Tensor[]> {
  const named = new Map(wanted.map((v, i) => [`baked ${i}`, v] as const));
  const session = await createSession(runtime, named, { constants });
  try {
    const results = await session.run({});
    return wanted.map((_, i) => results[`baked ${i}`]!);
  } finally {
    await session.release();
  }
}

/** The weight's own name where a value is that weight in another shape, else the place that made it. */
function nameFor(v: Value, taken: ReadonlySet<string>): string {
  let from = v;
  while (from.node.inputs.length === 1 && from.node.inputs[0]) from = from.node.inputs[0];
  const base = inputName(from) ?? `${v.node.path}.${v.node.def.name}`;
  let name = base;
  for (let i = 1; taken.has(name); i++) name = `${base}.${i}`;
  return name;
}
