import { joinBytes } from '../../core/bytes.ts';

/**
 * A writer of Protocol Buffers' wire format, as far as event files need it; fields are written in the order of the calls.
 * https://protobuf.dev/programming-guides/encoding
 */
export class ProtoWriter {
  readonly #pieces: Uint8Array[] = [];

  /** Field of type int64, uint32, bool or enum: a varint. Whole numbers from 0 to 2^53. */
  int(field: number, value: number): this {
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  /** Field of type double, little-endian. */
  double(field: number, value: number): this {
    this.#varint(field * 8 + 1);
    this.#raw(new Uint8Array(Float64Array.of(value).buffer));
    return this;
  }

  /** Field of type float, little-endian. */
  float(field: number, value: number): this {
    this.#varint(field * 8 + 5);
    this.#raw(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  /** Field of type string or bytes. */
  bytes(field: number, value: string | Uint8Array): this {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    this.#raw(bytes);
    return this;
  }

  /** Field that is a message of its own. */
  message(field: number, value: ProtoWriter): this {
    return this.bytes(field, value.finish());
  }

  /** Field of repeated double, packed. */
  doubles(field: number, values: readonly number[]): this {
    return this.bytes(field, new Uint8Array(Float64Array.from(values).buffer));
  }

  /** What was written. */
  finish(): Uint8Array {
    return joinBytes(this.#pieces);
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    let rest = value;
    while (rest >= 128) {
      bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.#raw(Uint8Array.of(...bytes, rest));
  }

  #raw(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
  }
}
