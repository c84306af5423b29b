import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { report, resume, train } from '../../src/node.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { readCheckpoint } from '../../src/train/checkpoint.ts';
import type { RunOptions } from '../../src/train/config.ts';
import type { RunResult } from '../../src/train/run.ts';
import { colourFolder, scratch, smallRun } from './made.ts';
import { timeless } from './timeless.ts';

const folder = scratch();
let config: RunOptions = {};
let wholeWeights: Buffer;

const at = (...parts: readonly string[]): string => join(folder, ...parts);
const checkpointsOf = async (name: string): Promise<string[]> => (await readdir(at(name, 'checkpoints'))).sort();
const bytesOf = (name: string, file = 'weights.safetensors'): Promise<Buffer> => readFile(at(name, file));

beforeAll(async () => {
  config = {
    ...smallRun(await colourFolder(at('pictures'))),
    ema: { decay: 0.9 },
    checkpointEvery: { steps: 1, seconds: null },
    keepCheckpoints: 3,
  };
  await train(config, { folder: at('whole') });
  wholeWeights = await bytesOf('whole');
}, 60_000);

/** Trains, ended after so many steps; gives the result and what was noted. */
async function trainUntil(name: string, step: number, goOn: boolean): Promise<RunResult & { notes: string[] }> {
  const controller = new AbortController();
  const notes: string[] = [];
  let done = 0;
  const request: Parameters<typeof resume>[0] = {
    folder: at(name),
    signal: controller.signal,
    onEvent: (event) => {
      if (event.kind === 'progress' && ++done === step) controller.abort();
      if (event.kind === 'note') notes.push(event.text);
    },
  };
  return { ...(await (goOn ? resume(request) : train(config, request))), notes };
}

describe('a run that is ended and resumed', () => {
  test('has the same weights, bit by bit, as one that is not', async () => {
    expect((await trainUntil('parts', 2, false)).finished).toBe(false);
    const checkpoint = await readCheckpoint(nodeFiles, at('parts', 'checkpoints', 'last.safetensors'));
    expect([checkpoint.step, checkpoint.standing.epoch, checkpoint.standing.batch]).toEqual([2, 0, 2]);
    expect((await trainUntil('parts', 3, true)).finished).toBe(false);
    expect((await trainUntil('parts', -1, true)).finished).toBe(true);
    expect((await bytesOf('parts')).equals(wholeWeights)).toBe(true);
    const [one, two] = await Promise.all(
      ['whole', 'parts'].map((n) => readCheckpoint(nodeFiles, at(n, 'checkpoints', 'last.safetensors'))),
    );
    expect(two!.slots).toEqual(one!.slots);
    expect(two!.average).toEqual(one!.average);
  });
  test('has the same rows of metrics, but for times and memory', async () => {
    const [one, two] = await Promise.all(['whole', 'parts'].map((n) => readFile(at(n, 'metrics.jsonl'), 'utf8')));
    expect(timeless(two!)).toEqual(timeless(one!));
  });
  test('is not resumed with other pictures', async () => {
    await trainUntil('early', 2, false);
    const more = at('pictures', 'red', 'more.png');
    await writeFile(more, await readFile(at('pictures', 'red', '0.png')));
    await expect(resume({ folder: at('early') })).rejects.toMatchObject({
      code: 'data',
      message: expect.stringContaining('expected the pictures that the run was begun with'),
    });
    await rm(more);
  });
});

describe('a run that finished', () => {
  test('says so when it is resumed, and changes nothing', async () => {
    const before = await readFile(at('whole', 'report.html'));
    const again = await resume({ folder: at('whole') });
    expect([again.finished, again.evaluation, again.outcome!.steps, again.standing.epoch]).toEqual([true, null, 6, 2]);
    expect(again.outcome!.heldOut['balancedAccuracy']).toBeGreaterThan(0.3);
    expect((await readFile(at('whole', 'report.html'))).equals(before)).toBe(true);
  });
  test('keeps the last checkpoints and no more', async () => {
    expect(await checkpointsOf('whole')).toEqual([
      'last.safetensors',
      'step-00000004.safetensors',
      'step-00000005.safetensors',
    ]);
    const older = await readCheckpoint(nodeFiles, at('whole', 'checkpoints', 'step-00000004.safetensors'));
    expect([older.step, older.standing.batch]).toEqual([4, 1]);
  });
});

test('a run that was ended while it finished writes the same files, and leaves no checkpoint too many', async () => {
  await cp(at('whole'), at('halted'), { recursive: true });
  for (const file of ['result.json', 'model.onnx']) await rm(at('halted', file));
  await cp(
    at('halted', 'checkpoints', 'step-00000004.safetensors'),
    at('halted', 'checkpoints', 'step-00000001.safetensors'),
  );
  expect((await resume({ folder: at('halted') })).finished).toBe(true);
  expect((await readdir(at('halted'))).sort()).toEqual((await readdir(at('whole'))).sort());
  expect(await checkpointsOf('halted')).toEqual(await checkpointsOf('whole'));
  expect((await bytesOf('halted', 'model.onnx')).equals(await bytesOf('whole', 'model.onnx'))).toBe(true);
});

describe('the report of a run', () => {
  test('is written again from its folder, with the same scores and curves', async () => {
    const before = await readFile(at('whole', 'report.html'), 'utf8');
    await rm(at('whole', 'report.html'));
    const { path, evaluation } = await report(at('whole'));
    expect(path).toBe(at('whole', 'report.html'));
    const again = await readFile(path, 'utf8');
    const outcome = JSON.parse(await readFile(at('whole', 'result.json'), 'utf8'));
    expect(evaluation.result.balancedAccuracy).toBe(outcome.heldOut.balancedAccuracy);
    const section = (page: string, id: string): string =>
      page.split(`<section id="${id}">`)[1]!.split('</section>')[0]!;
    for (const id of ['curves', 'confusion', 'batches']) expect(section(again, id)).toBe(section(before, id));
  });
  test('of a run that has not finished is refused', async () => {
    await expect(report(at('early'))).rejects.toMatchObject({
      code: 'data',
      message: expect.stringContaining('expected a run that has finished'),
    });
  });
});

describe('a damaged checkpoint', () => {
  const last = (name: string): string => at(name, 'checkpoints', 'last.safetensors');
  const spoil = async (path: string, how: (bytes: Buffer) => Buffer): Promise<void> =>
    writeFile(path, how(await readFile(path)));
  const flipped = (bytes: Buffer): Buffer => {
    bytes[bytes.length - 5]! ^= 1;
    return bytes;
  };

  test.each<[string, (bytes: Buffer) => Buffer, string]>([
    ['cut', (bytes) => bytes.subarray(0, bytes.length - 100), 'last.safetensors'],
    ['changed in one bit', flipped, 'It was damaged.'],
    ['empty', () => Buffer.alloc(0), 'last.safetensors'],
  ])('that is %s gives way to the one before, saying so', async (kind, how, words) => {
    const name = `spoilt ${kind}`;
    await trainUntil(name, 4, false);
    await spoil(last(name), how);
    await writeFile(at(name, 'checkpoints', 'last.safetensors.123.part'), 'half');
    const { finished, notes } = await trainUntil(name, -1, true);
    expect(finished).toBe(true);
    expect(notes[0]).toContain(words);
    expect(notes[0]).toContain('Goes on from the checkpoint before.');
    expect((await bytesOf(name)).equals(wholeWeights)).toBe(true);
    expect(await checkpointsOf(name)).toEqual(await checkpointsOf('whole'));
  });
  test('without another is told, and nothing is trained', async () => {
    await trainUntil('lost', 1, false);
    await spoil(last('lost'), flipped);
    const fault = resume({ folder: at('lost') });
    await expect(fault).rejects.toMatchObject({
      code: 'data',
      message: expect.stringMatching(
        /It was damaged\. No other checkpoint.*Remove .*checkpoints to begin the run again/,
      ),
    });
  });
});

test('a run that was ended before its first checkpoint begins again when it is resumed', async () => {
  await trainUntil('unborn', 1, false);
  await rm(at('unborn', 'checkpoints'), { recursive: true });
  const { finished, notes } = await trainUntil('unborn', -1, true);
  expect([finished, notes[0]]).toEqual([true, expect.stringContaining('it begins again')]);
  expect((await bytesOf('unborn')).equals(wholeWeights)).toBe(true);
});

test('a folder in which nothing was begun is not resumed', async () => {
  await expect(resume({ folder: at('pictures') })).rejects.toMatchObject({
    code: 'data',
    message: expect.stringContaining('begin the run again with its first command'),
  });
});
