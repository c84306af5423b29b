import { fromBinary } from '@bufbuild/protobuf';
import { Fault } from '../core/fault.ts';
import { ModelProtoSchema } from './onnx_pb.ts';

/** What an ONNX file says of itself beside its graph. */
export interface ModelFacts {
  /** Its key-value pairs. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Reads what an ONNX file says of itself; `where` (its name) begins every message. */
export function readModelFacts(bytes: Uint8Array, where: string): ModelFacts {
  try {
    const model = fromBinary(ModelProtoSchema, bytes);
    const metadata = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    const names = (list: readonly { readonly name: string }[] = []): string[] => list.map(({ name }) => name);
    return { metadata, inputs: names(model.graph?.input), outputs: names(model.graph?.output) };
  } catch (cause) {
    throw new Fault('data', `${where}: expected an ONNX model, got something else. Check the file.`, { cause });
  }
}
