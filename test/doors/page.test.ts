import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as esbuild } from 'esbuild';
import { build as tsdown } from 'tsdown';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import library from '../../tsdown.config.ts';

const root = join(import.meta.dirname, '../..');
const page = join(import.meta.dirname, 'predicting-page.ts');
/** The package as it is published, but for its types. */
const published = mkdtempSync(join(tmpdir(), 'farsight-published-'));
const alias = { 'farsight/web/predict': join(published, 'dist/web-predict.js') };

beforeAll(async () => {
  const outDir = join(published, 'dist');
  await tsdown({
    ...library,
    config: false,
    cwd: root,
    outDir,
    dts: false,
    clean: false,
    logLevel: 'silent',
  });
  cpSync(join(root, 'package.json'), join(published, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(published, 'node_modules'), 'junction');
}, 60_000);

afterAll(() => rmSync(published, { recursive: true, force: true }));

/** A file of a bundle: its code, and what it was made of. */
interface Part {
  readonly name: string;
  readonly code: string;
  readonly modules: readonly string[];
}

async function withEsbuild(): Promise<readonly Part[]> {
  const { outputFiles, metafile } = await esbuild({
    entryPoints: [page],
    outdir: '/',
    alias,
    tsconfigRaw: {},
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const outputs = Object.entries(metafile.outputs);
  return outputFiles.map(({ path, text }) => {
    const [, facts] = outputs.find(([name]) => path.endsWith(name.slice(name.lastIndexOf('/') + 1)))!;
    return { name: path, code: text, modules: Object.keys(facts.inputs) };
  });
}

async function withVite(): Promise<readonly Part[]> {
  const built = await vite({
    configFile: false,
    logLevel: 'silent',
    resolve: { alias },
    build: { write: false, rollupOptions: { input: page }, modulePreload: false, target: 'es2022' },
  });
  const outputs = [built].flat().flatMap((b) => ('output' in b ? b.output : []));
  return outputs.flatMap((o) => (o.type === 'chunk' ? [{ name: o.fileName, code: o.code, modules: o.moduleIds }] : []));
}

describe.each([
  ['esbuild', withEsbuild],
  ['Vite', withVite],
] as const)('a page that predicts, bundled by %s,', (_, bundle) => {
  let parts: readonly Part[];
  beforeAll(async () => {
    parts = await bundle();
  }, 60_000);
  const isRuntime = ({ modules }: Part): boolean => modules.some((m) => m.includes('onnxruntime-web'));
  const builds = ({ modules }: Part): boolean => modules.some((m) => m.includes('weights-model'));
  const bytes = (of: (p: Part) => boolean): number =>
    parts.filter((p) => !isRuntime(p) && of(p)).reduce((sum, { code }) => sum + gzipSync(code).length, 0);
  test('is less than 50 kB without the runtime, compressed', () => {
    expect(bytes((p) => !builds(p))).toBeLessThan(50_000);
    expect(bytes((p) => !builds(p))).toBeGreaterThan(20_000); // else it is not all there
  });
  test('fetches less than 110 kB more where it has to build a network from weights', () => {
    expect(bytes(builds)).toBeLessThan(110_000);
    expect(bytes(builds)).toBeGreaterThan(50_000);
  });
  test('has the runtime in files of its own, fetched when it is needed', () => {
    const runtime = parts.filter(isRuntime);
    expect(runtime).toHaveLength(2);
    for (const { modules } of runtime) {
      expect(modules.filter((m) => !/onnxruntime-web|rolldown|vite/.test(m))).toEqual([]);
    }
  });
  test('holds no native addon and nothing of Node', () => {
    for (const part of parts) {
      const found = part.modules.filter((m) => /onnxruntime-node|sharp|tinypool|\.node$|^node:/.test(m));
      expect(found, part.name).toEqual([]);
      if (!isRuntime(part)) expect(part.code, part.name).not.toMatch(/["']node:/);
    }
  });
});
