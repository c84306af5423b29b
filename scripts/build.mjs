// Builds dist/ from src/ where it is missing or older than what it is made of.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, setup, stop, tell } from './setup.mjs';

const SOURCES = ['src', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsdown.config.ts'];

/** When something, or the newest thing in a folder, was changed last; 0 for nothing. */
function changed(path) {
  const facts = statSync(path, { throwIfNoEntry: false });
  if (!facts) return 0;
  if (!facts.isDirectory()) return facts.mtimeMs;
  // A folder's own time changes when a file in it goes away.
  return Math.max(facts.mtimeMs, ...readdirSync(path).map((name) => changed(join(path, name))));
}

/** Lets `npx farsight` find the command: npm links the commands of packages it installs, but not a checkout's own. */
function link() {
  const folder = join(root, 'node_modules', '.bin');
  const windows = process.platform === 'win32';
  const file = join(folder, windows ? 'farsight.cmd' : 'farsight');
  if (existsSync(file)) return;
  mkdirSync(folder, { recursive: true });
  if (windows) writeFileSync(file, '@node "%~dp0\\..\\..\\dist\\cli.js" %*\r\n');
  else symlinkSync('../../dist/cli.js', file);
}

/** Builds where need be. */
export function build() {
  compile();
  link();
}

function compile() {
  const built = statSync(join(root, 'dist', 'cli.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > Math.max(...SOURCES.map((path) => changed(join(root, path))))) return;
  tell('Building dist/ from src/.');
  const tool = join(root, 'node_modules', 'tsdown', 'dist', 'run.mjs');
  const { status } = spawnSync(process.execPath, [tool, '--logLevel', 'error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) stop('the build did not succeed; what it said stands above.');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setup();
  build();
}
