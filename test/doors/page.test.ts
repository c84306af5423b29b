import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import { describe, expect, test } from 'vitest';

const page = join(import.meta.dirname, 'predicting-page.ts');

/** A file of a bundle: its code, and whether it is ONNX Runtime's. */
interface Part {
  readonly name: string;
  readonly code: string;
  readonly modules: readonly string[];
}

const BUNDLERS: Readonly<Record<string, () => Promise<readonly Part[]>>> = {
  esbuild: async () => {
    const { outputFiles, metafile } = await esbuild({
      entryPoints: [page],
      outdir: '/',
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
      const [, facts] = outputs.find(([name]) => path.endsWith(name.slice(name.lastIndexOf('/'))))!;
      return { name: path, code: text, modules: Object.keys(facts.inputs) };
    });
  },
  Vite: async () => {
    const built = await vite({
      configFile: false,
      logLevel: 'silent',
      build: { write: false, rollupOptions: { input: page }, modulePreload: false, target: 'es2022' },
    });
    const outputs = [built].flat().flatMap((b) => ('output' in b ? b.output : []));
    return outputs.flatMap((o) =>
      o.type === 'chunk' ? [{ name: o.fileName, code: o.code, modules: o.moduleIds }] : [],
    );
  },
};

describe.each(Object.keys(BUNDLERS))('a page that predicts, bundled by %s,', (bundler) => {
  const parts = BUNDLERS[bundler]!();
  const isRuntime = ({ modules }: Part): boolean => modules.some((m) => m.includes('onnxruntime-web'));
  test('is less than 120 kB without the runtime, compressed', async () => {
    const own = (await parts).filter((p) => !isRuntime(p));
    const size = own.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
    expect(own.length).toBeGreaterThan(0);
    expect(size).toBeLessThan(120_000);
    expect(size).toBeGreaterThan(20_000); // else it is not all there
  });
  test('has the runtime in files of its own, which are fetched when needed', async () => {
    const runtime = (await parts).filter(isRuntime);
    expect(runtime.length).toBeGreaterThanOrEqual(2);
    for (const { modules } of runtime) {
      expect(modules.filter((m) => !/onnxruntime-web|rolldown|vite/.test(m))).toEqual([]);
    }
  });
  test('holds no native addon and nothing of Node', async () => {
    for (const part of await parts) {
      const found = part.modules.filter((m) => /onnxruntime-node|sharp|tinypool|\.node$|^node:/.test(m));
      expect(found, part.name).toEqual([]);
      if (!isRuntime(part)) expect(part.code, part.name).not.toMatch(/["']node:/);
    }
  });
});
