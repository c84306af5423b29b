import { joinBytes } from '../../core/bytes.ts';
import { crc32c } from '../../core/crc.ts';
import { expect } from '../../core/fault.ts';
import type { Histogram } from './histogram.ts';
import { ProtoWriter } from './protobuf.ts';

/** One value of a summary, under a name such as `loss/training`. */
export type SummaryValue =
  | { readonly kind: 'scalar'; readonly tag: string; readonly value: number }
  | { readonly kind: 'histogram'; readonly tag: string; readonly histogram: Histogram }
  | {
      readonly kind: 'image';
      readonly tag: string;
      readonly width: number;
      readonly height: number;
      /** An RGB picture as PNG. */
      readonly png: Uint8Array;
    };

/** What an event file says of one moment. */
export interface SummaryEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Steps made. */
  readonly step: number;
  readonly values: readonly SummaryValue[];
}

/** Field numbers of tensorflow.Event, SessionLog, Summary and their parts (event.proto, summary.proto). */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 };
const SESSION_LOG = { status: 1, start: 1 };
const SUMMARY = { value: 1 };
const VALUE = { tag: 1, scalar: 2, image: 4, histogram: 5 };
const IMAGE = { height: 1, width: 2, colours: 3, bytes: 4 };
const HISTOGRAM = { min: 1, max: 2, count: 3, sum: 4, squares: 5, limits: 6, counts: 7 };

/** `crc` as TFRecord files mask it, so that sums of data that holds sums stay good: rotated right by 15, plus a constant. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/**
 * A record of a TFRecord file: length (uint64), its masked sum, data, their masked sum; all little-endian.
 * https://www.tensorflow.org/tutorials/load_data/tfrecord
 */
export function tfRecord(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 16);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(out.subarray(0, 8)), true);
  out.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return out;
}

/** What an event file begins with: its version, and a start of session that voids what another file said. */
export function eventFileHead(wallTime: number): Uint8Array {
  const version = new ProtoWriter().double(EVENT.wallTime, wallTime).bytes(EVENT.fileVersion, 'brain.Event:2');
  const start = new ProtoWriter().int(SESSION_LOG.status, SESSION_LOG.start);
  const session = new ProtoWriter().double(EVENT.wallTime, wallTime).message(EVENT.sessionLog, start);
  return joinBytes([tfRecord(version.finish()), tfRecord(session.finish())]);
}

/** An event as a record of an event file. */
export function eventRecord({ wallTime, step, values }: SummaryEvent): Uint8Array {
  expect(
    Number.isSafeInteger(step) && step >= 0,
    'data',
    `event: expected a step that is a whole number from 0, got ${step}.`,
  );
  const summary = new ProtoWriter();
  for (const value of values) summary.message(SUMMARY.value, valueMessage(value));
  const event = new ProtoWriter().double(EVENT.wallTime, wallTime).int(EVENT.step, step);
  return tfRecord(event.message(EVENT.summary, summary).finish());
}

function valueMessage(value: SummaryValue): ProtoWriter {
  const message = new ProtoWriter().bytes(VALUE.tag, value.tag);
  switch (value.kind) {
    case 'scalar':
      return message.float(VALUE.scalar, value.value);
    case 'image': {
      const image = new ProtoWriter().int(IMAGE.height, value.height).int(IMAGE.width, value.width);
      return message.message(VALUE.image, image.int(IMAGE.colours, 3).bytes(IMAGE.bytes, value.png));
    }
    case 'histogram': {
      const { min, max, count, sum, squares, limits, counts } = value.histogram;
      const h = new ProtoWriter().double(HISTOGRAM.min, min).double(HISTOGRAM.max, max);
      h.double(HISTOGRAM.count, count).double(HISTOGRAM.sum, sum).double(HISTOGRAM.squares, squares);
      return message.message(VALUE.histogram, h.doubles(HISTOGRAM.limits, limits).doubles(HISTOGRAM.counts, counts));
    }
    default:
      return value satisfies never;
  }
}

/** The records of an event file that are whole, each with the step that it is of; it ends at the first that is not. */
export function wholeRecords(file: Uint8Array): readonly { readonly step: number; readonly bytes: Uint8Array }[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: { step: number; bytes: Uint8Array }[] = [];
  let at = 0;
  while (at + 16 <= file.length) {
    const length = Number(view.getBigUint64(at, true));
    const isWhole = length <= file.length - at - 16;
    if (!isWhole || view.getUint32(at + 8, true) !== maskedCrc(file.subarray(at, at + 8))) break;
    const data = file.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 12 + length, true) !== maskedCrc(data)) break;
    records.push({ step: stepOf(data), bytes: file.subarray(at, at + 16 + length) });
    at += 16 + length;
  }
  return records;
}

/** The step of an event that {@link eventRecord} wrote: it stands behind the wall time; 0 where there is none. */
function stepOf(event: Uint8Array): number {
  if (event[0] !== EVENT.wallTime * 8 + 1 || event[9] !== EVENT.step * 8) return 0;
  let step = 0;
  for (let i = 10, factor = 1; i < event.length; i++, factor *= 128) {
    step += (event[i]! % 128) * factor;
    if (event[i]! < 128) break;
  }
  return step;
}
