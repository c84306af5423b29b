// Installs what package-lock.json says, unless it is there already. Used by `npm start` and `npm test`, since
// `ignore-scripts=true` in .npmrc silences scripts of the kind `prestart`. Plain Node: nothing is installed yet.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url));

const LEAST = [20, 19];

/** Says a line where it does not mix with results. */
export function tell(line) {
  process.stderr.write(`${line}\n`);
}

/** Ends with a sentence and an exit code. */
export function stop(sentence, code = 1) {
  tell(`farsight: ${sentence}`);
  process.exit(code);
}

/** The packages of a lock file by path; none where it cannot be read. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(`${root}/${file}`, 'utf8')).packages;
  } catch {
    return {};
  }
}

/** Whether everything that the lock file names is installed; what is optional may lack (other systems' binaries). */
export function isInstalled(wanted, installed) {
  return Object.entries(wanted).every(([path, { version, optional, devOptional, integrity }]) => {
    if (path === '') return true;
    const there = installed[path];
    if (there === undefined) return optional === true || devOptional === true;
    return there.version === version && there.integrity === integrity;
  });
}

/** Installs the locked packages if need be; does nothing, in a few milliseconds, if not. */
export function setup() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
    stop(`expected Node ${LEAST.join('.')} or newer, got ${process.versions.node}. Install it from nodejs.org.`);
  }
  const wanted = packagesOf('package-lock.json');
  if (isInstalled(wanted, packagesOf('node_modules/.package-lock.json'))) return;
  tell(`Installing ${Object.keys(wanted).length - 1} packages at most, as package-lock.json says (npm ci).`);
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']];
  // What npm writes is no result: it goes where messages go.
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && command === 'npm',
  });
  if (status !== 0) stop('npm ci did not succeed; what it said stands above. Check the network and try again.');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup();
