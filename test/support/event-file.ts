/** Values of a protobuf message by field number: numbers of varints, bytes of everything else. */
export type Fields = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

/** A protobuf message, read as its reader knows it to be. */
export interface Message {
  readonly fields: Fields;
  int(field: number): number;
  double(field: number): number;
  float(field: number): number;
  text(field: number): string;
  bytes(field: number): Uint8Array;
  doubles(field: number): readonly number[];
  inner(field: number): Message;
  inners(field: number): readonly Message[];
}

/** Castagnoli's sum bit by bit, masked as TFRecord files have it. */
function masked(data: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of data) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  }
  const crc = BigInt(~c >>> 0);
  const turned = (crc >> 15n) | ((crc << 17n) & 0xffffffffn);
  return Number((turned + 0xa282ead8n) & 0xffffffffn);
}

/** The events of a file; throws where a sum is wrong or something is left over. */
export function decodeEvents(file: Uint8Array): readonly Message[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const events: Message[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const data = file.slice(at + 12, at + 12 + length);
    const sums = [view.getUint32(at + 8, true), view.getUint32(at + 12 + length, true)];
    if (sums[0] !== masked(file.slice(at, at + 8)) || sums[1] !== masked(data)) throw new Error(`wrong sum at ${at}`);
    events.push(message(data));
    at += 16 + length;
  }
  return events;
}

function message(data: Uint8Array): Message {
  const fields = read(data);
  const bytesAt = (field: number): Uint8Array => fields.get(field)?.[0] as Uint8Array;
  const view = (field: number): DataView => new DataView(bytesAt(field).slice().buffer);
  return {
    fields,
    int: (field) => fields.get(field)?.[0] as number,
    double: (field) => view(field).getFloat64(0, true),
    float: (field) => view(field).getFloat32(0, true),
    text: (field) => new TextDecoder().decode(bytesAt(field)),
    bytes: bytesAt,
    doubles: (field) =>
      Array.from({ length: bytesAt(field).length / 8 }, (_, i) => view(field).getFloat64(8 * i, true)),
    inner: (field) => message(bytesAt(field)),
    inners: (field) => (fields.get(field) ?? []).map((bytes) => message(bytes as Uint8Array)),
  };
}

function read(data: Uint8Array): Fields {
  const fields = new Map<number, (number | Uint8Array)[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = data[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  while (at < data.length) {
    const key = varint();
    const [field, wire] = [key >> 3, key & 7];
    const length = wire === 0 ? 0 : wire === 1 ? 8 : wire === 5 ? 4 : varint();
    const value = wire === 0 ? varint() : data.slice(at, at + length);
    at += length;
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}
