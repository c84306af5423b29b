// Makes src/data/jpeg/kernel.ts of wasm/jpeg.ts: `node scripts/jpeg-kernel.mjs`; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}src/data/jpeg/kernel.ts`;
const options = [
  '--runtime',
  'stub',
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--converge',
  '--noAssert',
  '--enable',
  'simd',
];
const sources = { 'jpeg.ts': readFileSync(`${root}wasm/jpeg.ts`, 'utf8') };
const written = {};
const { error, stderr } = await asc.main(['jpeg.ts', '--outFile', 'jpeg.wasm', ...options], {
  readFile: (name) => sources[name] ?? null,
  writeFile: (name, contents) => {
    written[name] = contents;
  },
  listFiles: () => [],
});
if (error) {
  process.stderr.write(`${stderr}${error.message}\n`);
  process.exit(1);
}
const code = Buffer.from(written['jpeg.wasm']).toString('base64');
const text = `/** wasm/jpeg.ts as WebAssembly, base64; made by scripts/jpeg-kernel.mjs. */\nexport const KERNEL: string =\n  '${code}';\n`;
if (!process.argv.includes('--check')) writeFileSync(target, text);
else if (readFileSync(target, 'utf8') !== text) {
  process.stderr.write('src/data/jpeg/kernel.ts is not what wasm/jpeg.ts gives. Run node scripts/jpeg-kernel.mjs.\n');
  process.exit(1);
}
