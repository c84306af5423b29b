import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { nodeFiles, readWeights } from '../../src/node.ts';
import { type HubServer, startHubServer } from '../runtime/node/hub-server.ts';
import { scratch } from '../train/made.ts';
import { browserTitle, CHROMIUM, launch } from '../web/chromium.ts';
import { serve } from '../web/site.ts';
import { blocksOf, type Ended, growFlowers, NARROW, openProject, type Project, publishedFile } from './project.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/walkthrough.md'), 'utf8');
const blocks = blocksOf(page);
const REPO = 'timm/gcresnet50t.ra2_in1k';
const SIZE = 32;

const folder = scratch();
let hub: HubServer;
let project: Project;
/** Lines of the page's shells that are still to be run. */
const lines = blocks.filter((b) => b.kind === 'sh').flatMap((b) => b.text.trim().split('\n'));

beforeAll(async () => {
  hub = await startHubServer({ repo: REPO, files: { 'model.safetensors': publishedFile('gcresnet50t', SIZE) } });
  const online = { FARSIGHT_OFFLINE: '', HF_HUB_OFFLINE: '', HF_TOKEN: '' };
  project = await openProject(folder, { ...online, HF_ENDPOINT: hub.url, FARSIGHT_CACHE: join(folder, 'cache') });
  await growFlowers(project, 14);
  for (const { file, text } of blocks)
    if (file) await project.write(file, file === 'flowers.yaml' ? small(text) : text);
}, 60_000);
afterAll(() => hub?.close());

/** The page's configuration for smaller pictures and fewer channels, which is all that differs. */
function small(text: string): string {
  const config = parse(text) as { data: object; model: object };
  return stringify({
    ...config,
    data: { ...config.data, size: SIZE },
    model: { ...config.model, overrides: NARROW },
  });
}

/** Runs the page's next line, which must begin like this. */
async function next(beginning: string, until?: string): Promise<Ended> {
  const line = lines.shift()!;
  expect(line.startsWith(beginning), `${line}: begins with ${beginning}`).toBe(true);
  return project.run(line, until);
}

/** How often the hub has sent a whole file. */
function downloads(): number {
  return hub.seen.filter((r) => r.path.includes('/resolve/') && r.range === undefined).length;
}

/** The likeliest class of each picture and its probability, as `predict --output` wrote them. */
async function answers(): Promise<ReadonlyMap<string, readonly [string, number]>> {
  const rows = (await readFile(project.at('answers.csv'), 'utf8')).trim().split('\n').slice(1);
  return new Map(
    rows.map((row) => {
      const [path, name, probability] = row.split(',');
      return [path!, [name!, Number(probability)]] as const;
    }),
  );
}

describe('the walk-through', { timeout: 180_000 }, () => {
  test('downloads published weights once and lists them', async () => {
    const { code, out } = await next('npx farsight convert');
    expect(out).toMatch(/^head\.fc\.weight +F32 +\[1000, 64\]$/m);
    expect(code).toBe(0);
    expect(downloads()).toBe(1);
  });
  test('trains from them until Ctrl-C, and says how to go on', async () => {
    const { code, out } = await next('npx farsight train --config', 'epoch 3:');
    const said = blocks.find((b) => b.kind === 'text')!.text.trim();
    expect(out).toContain(said);
    expect(out).toContain(lines[0]!.replace(/^.*(npx farsight train --resume)/, 'Go on with: $1'));
    expect(code).toBe(130);
    expect(downloads()).toBe(1);
  });
  test('goes on to weights that are those of a run without interruption, bit by bit', async () => {
    const { code, out } = await next('npx farsight train --resume');
    expect([code, out]).toEqual([0, expect.stringContaining('epoch 20: held-out balanced accuracy')]);
    const again = await project.run('npx farsight train --config runs/flowers/config.json --name again');
    expect(again.code).toBe(0);
    const [a, b] = await Promise.all(
      ['flowers', 'again'].map((run) => readWeights(nodeFiles, project.at('runs', run, 'weights.safetensors'))),
    );
    expect([...a!.tensors.keys()]).toEqual([...b!.tensors.keys()]);
    for (const [name, tensor] of a!.tensors) expect(tensor.data, name).toEqual(b!.tensors.get(name)!.data);
  });
  test('leaves what the page lists, and a file for TensorBoard', async () => {
    const listed = [...page.matchAll(/^\| `([\w.-]+)` \|/gm)].map(([, name]) => name!);
    const left = await readdir(project.at('runs/flowers'));
    expect(listed.length).toBeGreaterThan(5);
    for (const name of listed) expect(left).toContain(name);
    expect(left.filter((name) => name.includes('tfevents')).length).toBe(1);
    const report = await readFile(project.at('runs/flowers/report.html'), 'utf8');
    const headings = [...report.matchAll(/<h2[^>]*>([^<]*)/g)].map(([, text]) => text);
    const promised = ['What is taken for what', 'Where it looks', 'Worst mistakes', 'Largest losses'];
    expect(headings).toEqual(expect.arrayContaining(promised));
  });
  test('has learnt, and names what is on a picture', async () => {
    const { out } = await next('npx farsight eval');
    expect(Number(/^Balanced accuracy ([\d.]+) % on 9 pictures/.exec(out)![1])).toBeGreaterThan(60);
    expect((await next('npx farsight predict')).out).toMatch(/^flowers\/rose\/1\.jpg\n +rose +\d/);
    expect((await next('npx farsight predict')).out).toBe('answers.csv: 42 of 42 pictures\n');
    const right = [...(await answers())].filter(([path, [name]]) => path.split('/')[1] === name);
    expect(right.length).toBeGreaterThan(30);
  });
  test('exports it in two forms that agree with it', async () => {
    expect((await next('npx farsight export')).out).toMatch(/^flowers\.onnx: \d+ kB, agrees with our own forward/);
    expect((await next('npx farsight verify')).out).toContain('flowers.onnx on cpu (float32): pass, 47 of 47');
    expect((await next('npx farsight export')).out).toContain('model_quantized.onnx');
    expect(await readdir(project.at('web/flowers'))).toEqual(['config.json', 'onnx', 'preprocessor_config.json']);
  });
  test('runs it in Node, to the same answers', async () => {
    const { code, out } = await next('node classify.mjs');
    const said = out.trim().split('\n');
    const expected = [...(await answers())].filter(([path]) => path.startsWith('flowers/rose/'));
    expect([code, said.length]).toEqual([0, 14]);
    for (const [i, [path, [name, probability]]] of expected.entries()) {
      expect(said[i]).toMatch(new RegExp(`^${path} ${name} 0\\.`));
      expect(Number(said[i]!.split(' ')[2])).toBeCloseTo(probability, 2);
    }
  });
  test('runs it in transformers.js, which names the same class', async () => {
    const { code, out } = await next('node other.mjs');
    const [name, probability] = (await answers()).get('flowers/rose/1.jpg')!;
    expect(code).toBe(0);
    expect(out.split(' ')[0]).toBe(name);
    // Eight bits, and a resize of its own.
    expect(Math.abs(Number(out.split(' ')[1]) - probability)).toBeLessThan(0.05);
  });
  test('builds the page with Vite', async () => {
    for (const command of ['mkdir', 'cp', 'npx vite build']) expect((await next(command)).code).toBe(0);
    expect(await readdir(project.at('page/dist'))).toEqual(['assets', 'flowers.onnx', 'index.html']);
    expect(lines).toEqual([]);
  });
  test(browserTitle('shows the same answer in the page'), { skip: !CHROMIUM }, async () => {
    const site = await serve(new Map(), [{ at: '/', folder: project.at('page/dist') }]);
    const browser = await launch();
    const tab = await browser.newPage();
    await tab.goto(`${site.address}/index.html`);
    const answer = tab.locator('#answer');
    await tab.waitForFunction(() => document.querySelector('#answer')!.textContent === 'Choose a picture.');
    await tab.setInputFiles('#picture', project.at('flowers/rose/1.jpg'));
    await tab.waitForFunction(() => document.querySelector('#answer')!.textContent !== 'Choose a picture.');
    const [name, probability] = (await answers()).get('flowers/rose/1.jpg')!;
    const [seen, number] = (await answer.textContent())!.split(' ');
    expect(seen).toBe(name);
    expect(Number(number)).toBeCloseTo(probability, 2);
    await browser.close();
    await site.close();
  });
});
