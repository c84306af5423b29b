import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { float32 } from '../../src/core/tensor.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { nodeOutput } from '../../src/runtime/node/output.ts';
import { beginEvents, histogramsOf, scalarsOf } from '../../src/train/event-file.ts';
import { decodeEvents } from '../support/event-file.ts';
import { scratch } from './made.ts';

const folder = scratch();
const access = { files: nodeFiles, output: nodeOutput };

/** Names of scalars with their steps, of the one event file in a folder. */
async function scalars(run: string): Promise<readonly string[]> {
  const names = await readdir(run);
  expect(names).toHaveLength(1);
  const events = decodeEvents(await readFile(join(run, names[0]!)));
  return events.flatMap((event) =>
    event.fields.has(5)
      ? event
          .inner(5)
          .inners(1)
          .map((value) => `${value.text(1)} ${event.int(2)}`)
      : [],
  );
}

const row = (step: number) => ({ epoch: step / 10, step, loss: 1 / step });

async function begun(name: string): Promise<string> {
  const run = join(folder, name);
  await mkdir(run);
  const events = await beginEvents(run, access, { step: 0, metrics: [] });
  const png = Uint8Array.of(1);
  await events.add(0, [{ kind: 'image', tag: 'first batches', width: 1, height: 1, png }]);
  for (const step of [1, 2, 3]) await events.add(step, scalarsOf(row(step)));
  return run;
}

describe('the event file of a run', () => {
  test('holds every measure of a row at its step, and nothing that is not a number', async () => {
    const run = await begun('plain');
    const all = ['first batches 0', ...[1, 2, 3].flatMap((s) => [`step/epoch ${s}`, `loss/training ${s}`])];
    expect(await scalars(run)).toEqual(all);
    expect(scalarsOf({ epoch: 1, step: 2, loss: Number.NaN, heldOutLoss: null })).toHaveLength(1);
  });
  test('says no step twice after a resume, and keeps what it said before', async () => {
    const run = await begun('resumed');
    const [old] = await readdir(run);
    const events = await beginEvents(run, access, { step: 2, metrics: [row(1), row(2)] });
    await events.add(3, scalarsOf(row(3)));
    const all = ['first batches 0', ...[1, 2, 3].flatMap((s) => [`step/epoch ${s}`, `loss/training ${s}`])];
    expect(await scalars(run)).toEqual(all);
    const [now] = await readdir(run);
    expect(now! > old!).toBe(true);
  });
  test('loses a record that was cut by the end of a process, and no other', async () => {
    const run = await begun('cut');
    const path = join(run, (await readdir(run))[0]!);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 7));
    await beginEvents(run, access, { step: 3, metrics: [] });
    expect(await scalars(run)).toEqual([
      'first batches 0',
      ...[1, 2].flatMap((s) => [`step/epoch ${s}`, `loss/training ${s}`]),
    ]);
  });
  test('is written anew from the metrics where it is gone', async () => {
    const run = join(folder, 'gone');
    await mkdir(run);
    await beginEvents(run, access, { step: 2, metrics: [row(1), row(2)] });
    expect(await scalars(run)).toEqual([1, 2].flatMap((s) => [`step/epoch ${s}`, `loss/training ${s}`]));
  });
  test('gets histograms of tensors of more than one number', () => {
    const tensors = new Map([
      ['a', float32([2], [1, 2])],
      ['b', float32([], [1])],
    ]);
    expect(histogramsOf('weights', tensors).map((v) => v.tag)).toEqual(['weights/a']);
  });
});
