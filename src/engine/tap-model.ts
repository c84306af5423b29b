import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Fault } from '../core/fault.ts';
import { ModelProtoSchema, ValueInfoProtoSchema } from './onnx_pb.ts';

/** An ONNX model that gives further tensors of its own as outputs; `where` (its name) begins every message. */
export function tapModel(bytes: Uint8Array, tensors: Iterable<string>, where: string): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const { graph } = model;
  const made = new Set(graph?.node.flatMap((n) => n.output));
  const given = new Set(graph?.output.map((v) => v.name));
  for (const name of tensors) {
    if (!made.has(name)) throw new Fault('data', `${where}: expected a tensor "${name}", got none. Export it again.`);
    // Its type is worked out by whoever loads the model.
    if (!given.has(name)) graph!.output.push(create(ValueInfoProtoSchema, { name }));
    given.add(name);
  }
  return toBinary(ModelProtoSchema, model);
}
