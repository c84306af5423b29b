// `npm run test:slow`: the sweeps that take minutes, apart from `npm test`. Arguments are vitest's.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

setup();
const args = ['run', '--config', join(root, 'vitest.slow.config.ts'), ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
