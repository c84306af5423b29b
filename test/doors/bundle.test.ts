import { join } from 'node:path';
import { build, type Plugin } from 'rolldown';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Bundles a door for browsers; gives its code and the packages that it leaves outside, with who asked for them. */
async function bundle(door: string): Promise<{ readonly code: string; readonly outside: readonly string[] }> {
  const outside: string[] = [];
  const watch: Plugin = {
    name: 'watch',
    resolveId: (id, importer) => {
      if (!id.startsWith('node:') && !/^(onnxruntime-|sharp|tinypool|zod|commander|picocolors)/.test(id)) return null;
      outside.push(`${id} from ${importer?.slice(root.length + 1)}`);
      return { id, external: true };
    },
  };
  const { output } = await build({
    input: join(root, door),
    platform: 'browser',
    plugins: [watch],
    write: false,
    logLevel: 'silent',
  });
  return { code: output.map((o) => ('code' in o ? o.code : '')).join('\n'), outside: [...new Set(outside)].sort() };
}

describe('the door', () => {
  test('for anywhere reaches no runtime', async () => {
    const { outside, code } = await bundle('src/index.ts');
    expect(outside.filter((o) => !o.startsWith('zod'))).toEqual([]);
    expect(code).toContain('globalContext');
  });
  test('for browsers reaches ONNX Runtime for the web and nothing of Node', async () => {
    const { outside, code } = await bundle('src/web.ts');
    expect(outside.filter((o) => !o.startsWith('zod'))).toEqual([
      'onnxruntime-web/wasm from src/runtime/web/onnx.ts',
      'onnxruntime-web/webgpu from src/runtime/web/onnx.ts',
    ]);
    expect(code).not.toMatch(/from ["']onnxruntime-web/);
  });
  test.each(['src/index.ts', 'src/web.ts'])('%s asks for no eval', async (door) => {
    expect((await bundle(door)).code).not.toMatch(/\beval\(|new Function\(/);
  });
  test('for Node does reach them, so the other claims mean something', async () => {
    const { outside } = await bundle('src/node.ts');
    expect(outside.some((o) => o.startsWith('sharp '))).toBe(true);
    expect(outside.some((o) => o.startsWith('node:'))).toBe(true);
  });
});
