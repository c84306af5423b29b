import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page as Tab } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { browserTitle, CHROMIUM, launch } from './chromium.ts';
import { madeClassifier, modelFiles, pictureFiles } from './made.ts';
import { type Site, serve } from './site.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'farsight-page-'));
let pictures: ReadonlyMap<string, Uint8Array>;
let site: Site;
let browser: Browser;
let page: Tab;

beforeAll(async () => {
  if (!CHROMIUM) return;
  await build({
    root: join(root, 'examples/web'),
    resolve: { alias: { 'farsight/web': join(root, 'src/web.ts') } },
    build: { outDir: folder, emptyOutDir: true },
    logLevel: 'silent',
  });
  pictures = await pictureFiles();
  const html = new Uint8Array(readFileSync(join(folder, 'index.html')));
  const files = new Map([...(await modelFiles(madeClassifier())), ['/index.html', html] as const]);
  site = await serve(files, [{ at: '/', folder }]);
  browser = await launch();
  page = await browser.newPage();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A picture as a person chooses it. */
function file(address: string): { readonly name: string; readonly mimeType: string; readonly buffer: Buffer } {
  return { name: address.slice(1), mimeType: 'image/png', buffer: Buffer.from(pictures.get(address)!) };
}

const status = (): Promise<string | null> => page.locator('#status').textContent();

test(browserTitle('the example, built by Vite, predicts, shows what is read, learns two classes and saves them'), {
  skip: !CHROMIUM,
}, async () => {
  const wrong: string[] = [];
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(error.message));
  await page.goto(`${site.address}/index.html?model=/weights.safetensors`);
  await page.waitForFunction(() => document.querySelector('#status')?.textContent?.startsWith('It tells apart'));
  expect(await status()).toBe('It tells apart red, green, blue, grey.');

  await page.setInputFiles('#picture', file('/plain-colour.png'));
  await page.waitForFunction(() => document.querySelectorAll('#classes li').length === 3);
  await page.waitForFunction(() => document.querySelector('canvas')!.width === 32);
  const drawn = (): Promise<string> => page.evaluate(() => document.querySelector('canvas')!.toDataURL());
  const before = await drawn();
  await page.click('canvas', { position: { x: 20, y: 20 } });
  await page.waitForFunction((old) => document.querySelector('canvas')!.toDataURL() !== old, before);

  const lessons = page.locator('#lessons input[type=file]');
  await lessons.nth(0).setInputFiles([file('/plain-colour.png'), file('/photo.jpg')]);
  await lessons.nth(1).setInputFiles([file('/alpha.png'), file('/grey.png')]);
  await page.click('#learn');
  await page.waitForFunction(() => document.querySelector('#status')?.textContent?.startsWith('Step 1: loss'));
  await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'It tells apart this, that.');
  await page.waitForSelector('#save:not([hidden])');
  const rows = await page.locator('#classes li').allTextContents();
  expect(rows.map((row) => row.split(' ')[0]).sort()).toEqual(['that', 'this']);
  expect(rows.reduce((sum, row) => sum + Number(row.split(' ')[1]), 0)).toBeCloseTo(100, 0);

  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(await download.path())));
  expect(tensors.get('fc.weight')!.shape[0]).toBe(2);
  expect(wrong).toEqual([]);
});
