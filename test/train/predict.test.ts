import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPictures, loadModel, nodeFiles, predictionsCsv, train } from '../../src/node.ts';
import { download } from '../../src/runtime/node/download.ts';
import type { Predictor } from '../../src/train/predict.ts';
import { rgbOf } from '../../src/train/predictor.ts';
import { colourFolder, scratch, smallRun } from './made.ts';

const folder = scratch();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
let model: Predictor;
let pictures = '';
let server: Server;
let address = '';

beforeAll(async () => {
  pictures = await colourFolder(at('pictures'));
  await train({ ...smallRun(pictures), epochs: 4, baseline: null }, { folder: at('run') });
  model = await loadModel(at('run'), { provider: 'cpu', threads: 1 });
  const red = await readFile(join(pictures, 'red', '0.png'));
  server = createServer((request, response) => {
    const where = request.url!;
    if (where === '/red.png') response.end(red);
    else if (where === '/moved') response.writeHead(302, { location: '/red.png' }).end();
    else if (where === '/round') response.writeHead(302, { location: '/round' }).end();
    else if (where === '/away') response.writeHead(302, { location: 'file:///etc/hosts' }).end();
    else if (where === '/page') response.end('<html>');
    else if (where === '/endless') {
      const more = setInterval(() => response.write(new Uint8Array(65536)), 1);
      response.on('close', () => clearInterval(more));
    } else if (where === '/silent') response.writeHead(200).flushHeaders();
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 60_000);

afterAll(async () => {
  await model.release();
  server.closeAllConnections();
  server.close();
});

describe('what can be predicted', () => {
  test('a path, bytes, an ArrayBuffer, pixels of a canvas and an address give the same', async () => {
    const path = join(pictures, 'red', '0.png');
    const bytes = new Uint8Array(await readFile(path));
    const { data, info } = await sharp(path).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    const canvas = { width: info.width, height: info.height, data: new Uint8ClampedArray(data) };
    const given = [path, bytes, bytes.buffer.slice(0), canvas, `${address}/red.png`, new URL(`${address}/moved`)];
    const predictions = await model.predict(given, 3);
    for (const { classes } of predictions) expect(classes).toEqual(predictions[0]!.classes);
    expect(predictions[0]!.classes[0]!.name).toBe('red');
    expect(predictions.map((p) => p.path)).toEqual([
      path,
      'picture 2',
      'picture 3',
      'picture 4',
      `${address}/red.png`,
      `${address}/moved`,
    ]);
  });
  test('a folder gives all pictures below it by name, the same whatever the batch', async () => {
    const whole = await model.predict(pictures, { top: 3 });
    expect(whole).toHaveLength(24);
    expect(whole.map((p) => p.path)).toEqual(whole.map((p) => p.path).sort());
    for (const batch of [1, 5, 64]) {
      const other = await model.predict(pictures, { top: 3, batch });
      other.forEach((p, i) => {
        expect(p.classes.map((c) => c.name)).toEqual(whole[i]!.classes.map((c) => c.name));
        p.classes.forEach((c, k) => {
          expect(c.probability).toBeCloseTo(whole[i]!.classes[k]!.probability, 5);
        });
      });
    }
  });
  test('bad ones keep their places and say why', async () => {
    const given = [at('gone.png'), join(pictures, 'blue', '1.png'), new Uint8Array(3), `${address}/page`];
    const [gone, blue, bytes, page] = await model.predict(given, { top: 1, batch: 3 });
    expect(gone!.reason).toContain('gone.png: expected a readable file, got nothing');
    expect(blue!.classes[0]!.name).toBe('blue');
    expect(bytes!.reason).toContain('picture 3: expected a JPEG');
    expect(page!.reason).toContain('/page: expected a JPEG');
  });
  test('pixels whose number does not fit their size are refused', () => {
    expect(() => rgbOf({ width: 2, height: 2, data: new Uint8Array(15) }, 'picture 1')).toThrow(
      'picture 1: expected width, height and 3 or 4 bytes for each pixel, got 2 x 2 and 15 bytes.',
    );
    expect(() => rgbOf({ width: 1e6, height: 1e6, data: new Uint8Array(4) }, 'x')).toThrow('expected width');
  });
  test('a signal stops it between batches, and progress says how far it is', async () => {
    const seen: number[] = [];
    const stop = new AbortController();
    const work = model.predict(pictures, {
      batch: 4,
      signal: stop.signal,
      onProgress: ({ done, total }) => {
        expect(total).toBe(24);
        seen.push(done);
        if (done === 8) stop.abort(new Error('enough'));
      },
    });
    await expect(work).rejects.toThrow('enough');
    expect(seen).toEqual([0, 4, 8]);
  });
});

describe('an address', () => {
  test.each([
    ['/none', 'got status 404'],
    ['/round', 'expected at most 5 redirections'],
    ['/away', 'expected an http or https address, got file:'],
  ])('%s is refused: %s', async (path, message) => {
    await expect(download(address + path, { maxBytes: 1e6 })).rejects.toThrow(message);
  });
  test('is read no further than the limit', async () => {
    await expect(download(`${address}/endless`, { maxBytes: 1e6 })).rejects.toThrow('at most 1000000 bytes, got more');
    await expect(download(`${address}/red.png`, { maxBytes: 10 })).rejects.toThrow('at most 10 bytes, got more');
  });
  test('that never answers is given up', async () => {
    const work = download(`${address}/silent`, { maxBytes: 1e6, milliseconds: 100 });
    await expect(work).rejects.toThrow('got nothing within 0.1 s');
  });
});

describe('paths', () => {
  test('are found by patterns', async () => {
    await mkdir(at('tree', 'a', 'b'), { recursive: true });
    for (const name of ['1.png', 'a/2.JPG', 'a/b/3.webp', 'a/b/notes.txt', 'a/.hidden.png', 'a/x[1].png']) {
      await writeFile(at('tree', name), '');
    }
    const find = async (pattern: string): Promise<string[]> =>
      (await findPictures(nodeFiles, at('tree', pattern))).map((p) => p.slice(at('tree').length + 1));
    expect(await find('')).toEqual(['1.png', 'a/2.JPG', 'a/b/3.webp', 'a/x[1].png'].map((p) => p));
    expect(await find('*.png')).toEqual(['1.png']);
    expect(await find('a/?.{jpg,JPG}')).toEqual(['a/2.JPG']);
    expect(await find('**/*.*')).toEqual(['1.png', 'a/2.JPG', 'a/b/3.webp', 'a/x[1].png']);
    expect(await find('**/[2-3].*')).toEqual(['a/2.JPG', 'a/b/3.webp']);
    expect(await find('a/x[1].png')).toEqual(['a/x[1].png']);
    await expect(find('*.gif')).rejects.toThrow('got none that matches');
  });
});

test('a table of predictions quotes what must be quoted', () => {
  const classes = [
    { name: 'a "b", c', probability: 0.75 },
    { name: 'd', probability: 0.25 },
  ];
  const rows = predictionsCsv(
    [
      { path: 'x.png', classes },
      { path: 'y.png', classes: [], reason: 'not, readable' },
    ],
    2,
  );
  expect(rows.split('\r\n')).toEqual([
    'picture,class 1,probability 1,class 2,probability 2,reason',
    'x.png,"a ""b"", c",0.750000,d,0.250000,',
    'y.png,,,,,"not, readable"',
    '',
  ]);
});
