import { describe, expect, test } from 'vitest';
import { joinBytes } from '../../../src/core/bytes.ts';
import { eventFileHead, eventRecord, wholeRecords } from '../../../src/result/tensorboard/events.ts';
import { histogramOf } from '../../../src/result/tensorboard/histogram.ts';
import { decodeEvents } from '../../support/event-file.ts';

const FILE = joinBytes([
  eventFileHead(1_700_000_000),
  eventRecord({
    wallTime: 1_700_000_000.5,
    step: 300,
    values: [
      { kind: 'scalar', tag: 'loss/training', value: 0.75 },
      { kind: 'image', tag: 'first batches', width: 3, height: 2, png: Uint8Array.of(137, 80, 78) },
      { kind: 'histogram', tag: 'weights/fc.weight', histogram: histogramOf(Float32Array.of(-1, 0, 0.5, 2))! },
    ],
  }),
]);

describe('an event file, decoded from the definition of its formats', () => {
  const [head, start, event] = decodeEvents(FILE);

  test('begins with its version and a start of session', () => {
    expect(head!.double(1)).toBe(1_700_000_000);
    expect(head!.text(3)).toBe('brain.Event:2');
    expect(start!.inner(7).int(1)).toBe(1);
  });
  test('says time and step of its values', () => {
    expect([event!.double(1), event!.int(2)]).toEqual([1_700_000_000.5, 300]);
    expect(event!.inners(5)).toHaveLength(1);
  });
  test('holds scalar, image and histogram under their names', () => {
    const [scalar, image, histogram] = event!.inner(5).inners(1);
    expect([scalar!.text(1), scalar!.float(2)]).toEqual(['loss/training', 0.75]);
    const picture = image!.inner(4);
    expect([picture.int(1), picture.int(2), picture.int(3)]).toEqual([2, 3, 3]);
    expect([...picture.bytes(4)]).toEqual([137, 80, 78]);
    const h = histogram!.inner(5);
    expect([h.double(1), h.double(2), h.double(3), h.double(4), h.double(5)]).toEqual([-1, 2, 4, 1.5, 5.25]);
    const [limits, counts] = [h.doubles(6), h.doubles(7)];
    expect([limits.length, counts.reduce((a, b) => a + b, 0), limits.at(-1)]).toEqual([30, 4, 2]);
    // Zero lies a third of the way from -1 to 2: in the eleventh of thirty buckets.
    expect(counts.flatMap((count, i) => (count > 0 ? [i] : []))).toEqual([0, 10, 15, 29]);
  });
});

describe('what is read of an event file', () => {
  test('are its whole records with their steps', () => {
    const records = wholeRecords(FILE);
    expect(records.map((r) => r.step)).toEqual([0, 0, 300]);
    expect(joinBytes(records.map((r) => r.bytes))).toEqual(FILE);
  });
  test('ends before a record that is cut or changed', () => {
    for (const cut of [1, 4, 15, 20]) expect(wholeRecords(FILE.subarray(0, FILE.length - cut))).toHaveLength(2);
    const changed = FILE.slice();
    changed[changed.length - 20]! ^= 4;
    expect(wholeRecords(changed)).toHaveLength(2);
    expect(wholeRecords(new Uint8Array(100))).toEqual([]);
  });
  test('allocates nothing for a length that the file does not have', () => {
    const huge = FILE.slice();
    huge.fill(255, 0, 8);
    expect(wholeRecords(huge)).toEqual([]);
  });
});

describe('a histogram', () => {
  test('of equal numbers is one bucket', () => {
    expect(histogramOf(Float32Array.of(3, 3))).toMatchObject({ limits: [3], counts: [2], sum: 6, squares: 18 });
  });
  test('passes over what is not finite, and is nothing without numbers', () => {
    expect(histogramOf(Float32Array.of(Number.NaN, 1, Number.POSITIVE_INFINITY, 2))).toMatchObject({
      count: 2,
      max: 2,
    });
    expect(histogramOf(Float32Array.of(Number.NaN))).toBeNull();
  });
});
