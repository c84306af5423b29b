import type { DType } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Dim } from './dimension.ts';

/** One result of a node: a shape and a dtype, no numbers. Values are immutable; a graph is what its outputs reach. */
export interface Value {
  readonly id: number;
  readonly shape: readonly Dim[];
  readonly dtype: DType;
  readonly node: Node;
  /** Which of the node's outputs it is. */
  readonly index: number;
}

/** What an attribute may hold. Sizes may be symbolic. */
export type AttributeValue = number | string | boolean | readonly Dim[] | readonly string[] | Tensor | object;

/** Attributes of a node by name; ONNX's names where ONNX has the attribute or the input. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** One operation. `path` names the module of the network that emitted it, such as `layer3.5.conv1`. */
export interface Node {
  readonly id: number;
  readonly def: OpDef;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  readonly path: string;
}

/** Shape and dtype of an output. */
export interface OutputType {
  readonly shape: readonly Dim[];
  readonly dtype: DType;
}

/** What a derivative rule is given. `dy` holds the gradients of the outputs, undefined where none flows. */
export interface VjpContext {
  readonly node: Node;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
  readonly dy: readonly (Value | undefined)[];
  /** Whether the gradient of input `i` is wanted. */
  readonly needs: (i: number) => boolean;
}

/** How ONNX types an attribute. */
export type AttributeKind = 'int' | 'ints' | 'float' | 'floats' | 'string';

/** All that is known of an operator. Passes ask this record, never the name. */
export interface OpDef {
  /** ONNX's name, or one of this graph's own words. */
  readonly name: string;
  /** ONNX domain; `farsight` for words that are lowered before encoding. */
  readonly domain: '' | 'com.microsoft' | 'farsight';
  /** First opset of the domain with these semantics. */
  readonly since: number;
  readonly shape: (inputs: readonly (Value | undefined)[], attributes: Attributes) => readonly OutputType[];
  /** Vector-Jacobian product: gradients of the inputs, undefined where none flows. Null: no gradient exists. */
  readonly vjp: ((context: VjpContext) => readonly (Value | undefined)[]) | null;
  /** Attributes that ONNX has too, with their type there. */
  readonly attributes: Readonly<Record<string, AttributeKind>>;
  /** Attributes that ONNX takes as int64 inputs: input position to attribute name. */
  readonly dimInputs?: Readonly<Record<number, string>>;
  /** Whether the output is the first input's memory, only named or shaped otherwise. */
  readonly view?: boolean;
  /** Of a view that a Reshape must not follow in the engine: the same value in another shape at once. */
  readonly reshaped?: (node: Node, shape: readonly Dim[]) => Value;
  /** Multiply-adds of one node; operators without products leave it out. */
  readonly macs?: (node: Node) => Dim;
  /** Elementwise on inputs that broadcast: value of one element. Serves constant folding. */
  readonly scalar?: (inputs: readonly number[], attributes: Attributes) => number;
  /** Algebraic identities: a simpler value for this node's first output, or undefined. */
  readonly simplify?: (node: Node) => Value | undefined;
  /** Rewrites to operators that the engine has (and has fast), after differentiation. */
  readonly legalise?: (node: Node) => readonly Value[] | undefined;
  /** For providers whose runtime lacks this operator, or this use of it: the same in operators that it has there. */
  readonly elsewhere?: Readonly<Record<string, (node: Node) => readonly Value[] | undefined>>;
  /** The same in ONNX's own operators, for files that any runtime may read; contrib operators have it. */
  readonly portable?: (node: Node) => readonly Value[];
}

/** A graph: named inputs and named outputs. */
export interface Graph {
  readonly inputs: readonly Value[];
  readonly outputs: ReadonlyMap<string, Value>;
}
