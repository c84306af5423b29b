// `npm start`: sets up, builds, and runs a farsight command; training on the embedded emoji where none is named.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root, setup } from './setup.mjs';

setup();
build();

const given = process.argv.slice(2);
const args = given.length === 0 || given[0].startsWith('-') ? ['train', ...given] : given;
const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), ...args], { stdio: 'inherit' });
// Ctrl-C reaches the command by itself, which ends in its own time; who asks this process alone to end means both.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', (error) => {
  process.stderr.write(`farsight: ${error.message}\n`);
  process.exitCode = 1;
});
child.on('close', (code) => {
  process.exitCode = code ?? 1;
});
