import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import config from '../../examples/web/vite.config.ts';
import * as door from '../../src/web.ts';
import { POLICY } from '../web/site.ts';

const page = readFileSync(new URL('../../docs/web.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, kind, text]) => ({ kind, text: text! }));

it('the page on browsers names functions that the door has', () => {
  const named = [...page.matchAll(/`(?:await )?((?:load|open|has|to|classifier)[A-Z]\w+|overlay)\b/g)].map(
    (m) => m[1]!,
  );
  expect(new Set(named).size).toBeGreaterThan(5);
  expect(named.filter((name) => !(name in door))).toEqual([]);
});

it('the page on browsers imports what there is', () => {
  const [imports] = blocks
    .filter((b) => b.kind === 'ts')
    .map((b) => /import \{ (.*) \} from 'farsight\/web'/.exec(b.text)![1]!);
  for (const name of imports!.split(', ')) expect(door).toHaveProperty(name);
});

it('the page on browsers tells the headers and options of the example', () => {
  const headers = Object.entries(config.server!.headers!).map(([name, value]) => `${name}: ${value}`);
  expect(blocks.map((b) => b.text.trim())).toContain(headers.join('\n'));
  expect(config.optimizeDeps!.exclude).toEqual(['onnxruntime-web']);
  expect(page).toContain("`optimizeDeps.exclude: ['onnxruntime-web']`");
  expect(config.worker!.format).toBe('es');
});

it('the page on browsers shows the policy that the tests run under', () => {
  const shown = blocks.find((b) => b.text.startsWith('default-src'))!.text.trim();
  expect(POLICY.startsWith(shown)).toBe(true);
});
