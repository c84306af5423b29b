// `npm test`: sets up, then checks types, style, import rules and tests. Every step is run; one that fails fails all.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

/** The largest files of code that git knows, so that growth is seen. */
function tellLargest(count) {
  const listed = spawnSync('git', ['ls-files', '*.ts', '*.mjs'], { cwd: root, encoding: 'utf8' });
  const sizes = (listed.stdout ?? '')
    .split('\n')
    .filter((path) => path !== '' && !path.endsWith('_pb.ts') && existsSync(join(root, path)))
    .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n').length - 1 }))
    .sort((a, b) => b.lines - a.lines);
  const largest = sizes.slice(0, count).map((f) => `${f.path} ${f.lines}`);
  if (largest.length > 0) tell(`\nThe largest files: ${largest.join(', ')}`);
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
