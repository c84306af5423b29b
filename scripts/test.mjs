// `npm test`: sets up, then checks types, style, import rules and tests. Every step is run; one that fails fails all.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root, setup, tell } from './setup.mjs';

setup();

/** What is checked: a name, the tool's file below node_modules and its arguments. */
const STEPS = [
  ['types', 'typescript/bin/tsc', ['-p', '.']],
  ['style', '@biomejs/biome/bin/biome', ['check', '--diagnostic-level=warn', '--error-on-warnings']],
  [
    'import rules',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    ['--config', '.dependency-cruiser.cjs', 'src', 'examples'],
  ],
  ['tests', 'vitest/vitest.mjs', ['run', ...process.argv.slice(2)]],
];

/** TypeScript files below a folder. */
function filesBelow(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return filesBelow(path);
    return /\.m?ts$/.test(name) && !name.endsWith('_pb.ts') ? [path] : [];
  });
}

/** The largest files, so that growth is seen. */
function tellLargest(count) {
  const sizes = ['src', 'test', 'bench', 'scripts', 'examples']
    .flatMap((folder) => filesBelow(join(root, folder)))
    .map((path) => ({ path: path.slice(root.length), lines: readFileSync(path, 'utf8').split('\n').length - 1 }))
    .sort((a, b) => b.lines - a.lines);
  tell(
    `\nThe largest files: ${sizes
      .slice(0, count)
      .map((f) => `${f.path} ${f.lines}`)
      .join(', ')}`,
  );
}

const failed = STEPS.filter(([name, tool, args]) => {
  tell(`\n== ${name}`);
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', tool), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  return status !== 0;
}).map(([name]) => name);

tellLargest(10);
tell(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
