import { productDim } from '../dimension.ts';
import { emit, emit1, filled } from '../trace.ts';
import type { Node, OpDef, OutputType, Value } from '../value.ts';
import { at } from './common.ts';
import { expand, reshape } from './layout.ts';
import { firstLargest } from './pool-indices.ts';
import { fullAttributes, overhang, type PoolAttributes, padded, pooled, WINDOW, windowOf } from './pool-window.ts';
import { recompute } from './recompute.ts';
import { scatterElements } from './scatter.ts';

export const MAX_POOL: OpDef = {
  name: 'MaxPool',
  domain: '',
  since: 12,
  shape: (inputs, attributes) => {
    const x = at(inputs, 0);
    const shape = pooled(x, windowOf(attributes));
    const y: OutputType = { shape, dtype: x.dtype };
    return attributes['indices'] ? [y, { shape, dtype: 'int64' }] : [y];
  },
  // dx = dy added at the first largest element of its window
  vjp: ({ inputs, outputs, attributes, dy }) => {
    const x = inputs[0]!;
    if (!dy[0]) return [undefined];
    const indices = outputs[1] ?? emit(MAX_POOL, [x], { ...attributes, indices: 1 })[1]!;
    const line = (v: Value): Value => reshape(v, [productDim(v.shape)]);
    // Zeros that wait for dy are no constant of x's size, which the engine would hold all the time.
    const zeros = expand(recompute(filled(0, [1]), dy[0]), line(x).shape);
    const flat = scatterElements(zeros, line(indices), line(dy[0]), { axis: 0, reduction: 'add' });
    return [reshape(flat, x.shape)];
  },
  attributes: { ...WINDOW, storage_order: 'int' },
  // Engines disagree about ceil_mode; padding to the same windows says it without doubt, and never wins a maximum.
  legalise: (node) => {
    const [x, a] = [node.inputs[0]!, windowOf(node.attributes)];
    const over = a.ceil_mode ? overhang(x, node.outputs[0]!, a) : undefined;
    const plain = over && padded(a, over);
    return plain && emit(MAX_POOL, [x], { ...node.attributes, ...plain });
  },
  // WebGPU's has no second output
  elsewhere: { webgpu: withoutIndices },
};

/** The indices, where they are asked for, found with other operators. */
function withoutIndices({ inputs, attributes: { indices: asked, ...attributes } }: Node): readonly Value[] | undefined {
  if (!asked) return undefined;
  const x = at(inputs, 0);
  const y = emit1(MAX_POOL, [x], attributes);
  const found = firstLargest(x, y, windowOf(attributes));
  return found && [y, found];
}

/** Largest element of each window. x [N, C, ..] → [N, C, ..']. */
export function maxPool(x: Value, a: PoolAttributes): Value {
  return emit(MAX_POOL, [x], { ...fullAttributes(a), storage_order: 0 })[0]!;
}

/** The largest elements, and where the first of them lies in x seen as one line (int64). */
export function maxPoolWithIndices(x: Value, a: PoolAttributes): { readonly y: Value; readonly indices: Value } {
  const [y, indices] = emit(MAX_POOL, [x], { ...fullAttributes(a), storage_order: 0, indices: 1 });
  return { y: y!, indices: indices! };
}
