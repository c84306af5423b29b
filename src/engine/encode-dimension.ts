import type { MessageInitShape } from '@bufbuild/protobuf';
import { Fault } from '../core/fault.ts';
import type { Atom, Dim, SymbolicDim } from '../graph/dimension.ts';
import { inputName } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { AttributeProtoSchema } from './onnx_pb.ts';

type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;

interface Emitter {
  /** Name of an int64 constant: a vector, or a scalar. */
  integers(values: readonly number[], scalar?: boolean): string;
  /** Adds a node and gives its output's name. */
  emit(op: string, inputs: readonly string[], attributes?: readonly AttributeInit[]): string;
}

/** Gives the name of an int64 vector that holds the dimensions. */
export type DimensionEncoder = (dims: readonly Dim[], oneUnknown: boolean) => string;

/**
 * Encodes dimensions: numbers as constants, symbols as nodes that read the shapes of the graph's inputs when it runs.
 * With `oneUnknown` a single symbolic dimension is written as -1, which Reshape works out itself.
 */
export function dimensionEncoder(inputs: readonly Value[], emitter: Emitter): DimensionEncoder {
  const names = new Map<string, string>();
  const once = (key: string, make: () => string): string => {
    const known = names.get(key) ?? make();
    names.set(key, known);
    return known;
  };
  const symbolName = (symbol: string): string => {
    for (const v of inputs) {
      const axis = v.shape.findIndex((d) => typeof d !== 'number' && d.key === symbol);
      if (axis < 0) continue;
      const shape = once(`shape of ${v.id}`, () => emitter.emit('Shape', [inputName(v)!]));
      return once(`${shape} ${axis}`, () => emitter.emit('Gather', [shape, emitter.integers([axis])]));
    }
    throw new Fault(
      'graph',
      `"${symbol}" is not the size of an input by itself, so it cannot be known when the graph runs.`,
    );
  };
  const atomName = (atom: Atom): string =>
    once(atom.key, () => {
      if (atom.kind === 'symbol') return symbolName(atom.name);
      return emitter.emit('Div', [dimName(atom.numerator), dimName(atom.denominator)]);
    });
  const dimName = (d: Dim): string => {
    if (typeof d === 'number') return emitter.integers([d]);
    return once(d.key, () => sumName(d));
  };
  const sumName = (d: SymbolicDim): string => {
    const terms = d.terms.map(({ coefficient, atoms }) => {
      const factors = atoms.map(atomName);
      if (coefficient !== 1 || factors.length === 0) factors.push(emitter.integers([coefficient]));
      return factors.reduce((a, b) => emitter.emit('Mul', [a, b]));
    });
    return terms.reduce((a, b) => emitter.emit('Add', [a, b]));
  };
  const axis0: AttributeInit = { name: 'axis', type: 2, i: 0n };
  return (dims, oneUnknown) => {
    const unknown = dims.filter((d) => typeof d !== 'number');
    if (unknown.length === 0) return emitter.integers(dims as number[]);
    if (oneUnknown && unknown.length === 1 && !dims.includes(0)) {
      return emitter.integers(dims.map((d) => (typeof d === 'number' ? d : -1)));
    }
    return emitter.emit('Concat', dims.map(dimName), [axis0]);
  };
}
