import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { DTYPES, type DType } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { bytesOf, int64, type Tensor, type TensorMap } from '../core/tensor.ts';
import type { Dim } from '../graph/dimension.ts';
import { CONSTANT, graphOf, INPUT, inputName, nodesOf } from '../graph/trace.ts';
import type { AttributeKind, AttributeValue, Node, Value } from '../graph/value.ts';
import { type DimensionEncoder, dimensionEncoder } from './encode-dimension.ts';
import { IR_VERSION, OPSET } from './format.ts';
import {
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './onnx_pb.ts';

/** The domain of ONNX Runtime's contrib operators. */
const CONTRIB = 'com.microsoft';

/** What goes into a model besides its graph. */
export interface EncodeOptions {
  readonly name?: string;
  /** Inputs that become constants of the model, by input name: weights, for inference and export. */
  readonly constants?: TensorMap;
  /** Key-value pairs of the model (classes, licence, …). */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The version of this library, as producer. */
  readonly version?: string;
  /**
   * Inputs whose first size is left unsaid. The engine plans buffers of sizes that it knows for good: one that is used
   * early and late is held meanwhile. Of sizes that it does not know it frees each buffer after its last use.
   */
  readonly unsaid?: ReadonlySet<string>;
  /** Values whose names in the file the metadata tell, under {@link ONNX_MODULES}; those not computed are left out. */
  readonly modules?: ReadonlyMap<string, Value>;
}

/** The key of metadata under which a file says, as JSON, which of its tensors is the output of which module. */
export const ONNX_MODULES = 'farsight.modules';

type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;
type ValueInit = MessageInitShape<typeof ValueInfoProtoSchema>;

/**
 * Writes a graph as an ONNX model. Every attribute is written out, every node carries its module path as its name, and
 * sizes that depend on symbols become dynamic dimensions.
 */
export function encode(outputs: ReadonlyMap<string, Value>, options: EncodeOptions = {}): Uint8Array {
  const graph = graphOf(outputs);
  const writer = new Writer(graph.inputs, options);
  for (const [name, v] of outputs) writer.claim(name, v);
  for (const node of nodesOf(outputs.values())) writer.node(node);
  const results = [...outputs].map(([name, v]) => writer.output(name, v));
  const metadata = { ...options.metadata, ...(options.modules && { [ONNX_MODULES]: writer.namesOf(options.modules) }) };
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'farsight',
    producerVersion: options.version ?? '',
    opsetImport: [
      { domain: '', version: BigInt(OPSET) },
      ...(writer.nodes.some((n) => n.domain === CONTRIB) ? [{ domain: CONTRIB, version: 1n }] : []),
    ],
    graph: {
      name: options.name ?? 'graph',
      node: writer.nodes,
      initializer: writer.initializers,
      input: writer.inputs.map((v) => valueInfo(inputName(v)!, v, options.unsaid?.has(inputName(v)!))),
      output: results,
    },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  return toBinary(ModelProtoSchema, model);
}

function valueInfo(name: string, v: Value, unsaid = false): ValueInit {
  const dim = v.shape.map((d, i) => {
    if (unsaid && i === 0) return {};
    const value =
      typeof d === 'number'
        ? { case: 'dimValue' as const, value: BigInt(d) }
        : { case: 'dimParam' as const, value: d.key };
    return { value };
  });
  const type = { elemType: DTYPES[v.dtype].onnx, shape: { dim } };
  return { name, type: { value: { case: 'tensorType' as const, value: type } } };
}

class Writer {
  readonly nodes: NodeInit[] = [];
  readonly initializers: TensorInit[] = [];
  readonly inputs: readonly Value[];
  readonly #names = new Map<Value, string>();
  readonly #integers = new Map<string, string>();
  readonly #constants: TensorMap;
  readonly #dimensions: DimensionEncoder;
  /** Whether a size that a reshape leaves as it is stays unsaid. */
  readonly #unsaid: boolean;
  #count = 0;

  constructor(inputs: readonly Value[], { constants = new Map(), unsaid }: EncodeOptions) {
    this.#constants = constants;
    this.#unsaid = unsaid !== undefined;
    this.inputs = inputs.filter((v) => !constants.has(inputName(v)!));
    this.#dimensions = dimensionEncoder(this.inputs, {
      integers: (values, scalar) => this.integers(values, scalar),
      emit: (op, names, attributes) => this.#emit(op, names, attributes),
    });
  }

  /** Lets the node that makes an output bear the output's public name; an input or a constant keeps its own. */
  claim(name: string, v: Value): void {
    if (this.inputs.some((i) => inputName(i) === name)) {
      throw new Fault('graph', `graph: "${name}" is an input and an output. Give the output another name.`);
    }
    if (v.node.def !== INPUT && v.node.def !== CONSTANT && !this.#names.has(v)) this.#names.set(v, name);
  }

  /** The names of those values that were written, as JSON. */
  namesOf(values: ReadonlyMap<string, Value>): string {
    const written = [...values].flatMap(([key, v]) => (this.#names.has(v) ? [[key, this.#names.get(v)!]] : []));
    return JSON.stringify(Object.fromEntries(written));
  }

  node(node: Node): void {
    if (node.def === INPUT) {
      this.#input(node.outputs[0]!);
      return;
    }
    if (node.def === CONSTANT) {
      this.#names.set(node.outputs[0]!, this.initializer(node.attributes['value'] as Tensor));
      return;
    }
    const { def } = node;
    if (def.domain === 'farsight') {
      throw new Fault('graph', `${node.path}: "${def.name}" must be lowered before the graph is encoded.`);
    }
    const label = `${node.path === '' ? 'graph' : node.path}/${def.name}_${this.#count++}`;
    const output = node.outputs.map((v, i) => {
      const name = this.#names.get(v) ?? (i === 0 ? label : `${label}:${i}`);
      this.#names.set(v, name);
      return name;
    });
    const attribute = Object.entries(def.attributes).flatMap(([name, kind]) => {
      const value = node.attributes[name];
      return value === undefined ? [] : [attributeProto(name, kind, value)];
    });
    this.nodes.push({
      input: this.#inputNames(node),
      output,
      name: label,
      opType: def.name,
      domain: def.domain,
      attribute,
    });
  }

  #input(v: Value): void {
    const name = inputName(v)!;
    this.#names.set(v, name);
    const value = this.#constants.get(name);
    if (!value) return;
    const same = value.shape.length === v.shape.length && value.shape.every((d, i) => d === v.shape[i]);
    if (!same || value.dtype !== v.dtype) {
      const expected = `${v.dtype} [${v.shape.map(String).join(', ')}]`;
      throw new Fault('shape', `${name}: expected ${expected}, got ${value.dtype} [${value.shape.join(', ')}].`);
    }
    this.initializers.push(tensorProto(name, value));
  }

  #inputNames(node: Node): string[] {
    const names = node.inputs.map((v) => (v ? this.#names.get(v)! : ''));
    for (const [position, attribute] of Object.entries(node.def.dimInputs ?? {})) {
      const dims = node.attributes[attribute] as readonly Dim[] | undefined;
      if (dims === undefined) continue;
      while (names.length < Number(position)) names.push('');
      names[Number(position)] = this.#dimensions(this.#said(node, dims), node.def.name === 'Reshape');
    }
    return names;
  }

  /** A reshape's sizes, the first as 0, which copies it, where that is unsaid and stays. */
  #said({ def, inputs, attributes }: Node, dims: readonly Dim[]): readonly Dim[] {
    const before = inputs[0]?.shape ?? [];
    const copies = this.#unsaid && def.name === 'Reshape' && attributes['allowzero'] !== 1 && dims[0] === before[0];
    return copies && !before.includes(0) ? [0, ...dims.slice(1)] : dims;
  }

  #emit(opType: string, input: readonly string[], attributes: readonly AttributeInit[] = []): string {
    const name = `shape/${opType}_${this.#count++}`;
    this.nodes.push({ input: [...input], output: [name], name, opType, domain: '', attribute: [...attributes] });
    return name;
  }

  initializer(value: Tensor): string {
    const name = `constant_${this.#count++}`;
    this.initializers.push(tensorProto(name, value));
    return name;
  }

  integers(values: readonly number[], scalar = false): string {
    const key = `${scalar}${values.join(',')}`;
    const known = this.#integers.get(key);
    if (known) return known;
    const name = this.initializer(int64(scalar ? [] : [values.length], values));
    this.#integers.set(key, name);
    return name;
  }

  /** An output under its public name: through an Identity where its value bears another. */
  output(name: string, v: Value): ValueInit {
    const own = this.#names.get(v)!;
    if (own !== name) this.nodes.push({ input: [own], output: [name], name: `output/${name}`, opType: 'Identity' });
    return valueInfo(name, v);
  }
}

function tensorProto(name: string, t: Tensor): TensorInit {
  return { name, dims: t.shape.map(BigInt), dataType: DTYPES[t.dtype].onnx, rawData: bytesOf(t) };
}

/** The number that ONNX gives each kind of attribute. */
const KINDS = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } satisfies Record<AttributeKind, number>;

function attributeProto(name: string, kind: AttributeKind, value: AttributeValue): AttributeInit {
  const base = { name, type: KINDS[kind] };
  const integer = (v: unknown): bigint => BigInt(name === 'to' ? DTYPES[v as DType].onnx : Number(v));
  switch (kind) {
    case 'float':
      return { ...base, f: value as number };
    case 'int':
      return { ...base, i: integer(value) };
    case 'string':
      return { ...base, s: new TextEncoder().encode(value as string) };
    case 'floats':
      return { ...base, floats: value as number[] };
    case 'ints':
      return { ...base, ints: (value as number[]).map(integer) };
    default:
      return kind satisfies never;
  }
}
