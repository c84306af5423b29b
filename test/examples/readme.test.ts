import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { convertCommand } from '../../src/cli/convert.ts';
import { evalCommand } from '../../src/cli/eval.ts';
import { exportCommand } from '../../src/cli/export.ts';
import { modelsCommand } from '../../src/cli/models.ts';
import { predictCommand } from '../../src/cli/predict.ts';
import { trainCommand } from '../../src/cli/train.ts';
import { verifyCommand } from '../../src/cli/verify.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const readme = readFileSync(`${root}/README.md`, 'utf8');

/** Runs an example as its reader would, but from the sources. */
async function outputOf(name: string): Promise<string> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', `examples/${name}`], { cwd: root });
  return stdout;
}

test('the example says how many parameters there are, and that attention rows sum to one', async () => {
  // torchvision's ResNet-18 with 10 classes, and a block of 256 channels: 2 C² + 2.5 C values without a norm
  const parameters = 11_689_512 - 512 * 990 - 990 + (2 * 256 ** 2 + 2.5 * 256);
  expect(await outputOf('look.ts')).toBe(
    `${parameters} parameters; layer3.1.non_local_block.attention: n head (h w) (h w)\n` +
      'position 0 reads 16 positions; its weights sum to 1.0000\n',
  );
});

test('the README shows the example as it is', () => {
  const shown = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  expect(shown).toBe(readFileSync(`${root}/examples/look.ts`, 'utf8'));
});

const commands = [convertCommand(), evalCommand(), exportCommand(), modelsCommand(), predictCommand()];
const known = new Map([...commands, trainCommand(), verifyCommand()].map((c) => [c.name(), c] as const));

test.each([...readme.matchAll(/^npx (farsight .*)$/gm)].map(([, line]) => line!))(
  '%s: has options that there are',
  (line) => {
    const [, name] = line.split(' ');
    const options = known.get(name!)!.options.map((o) => o.long);
    for (const [option] of line.matchAll(/--[a-z0-9-]+/g)) expect(options).toContain(option);
  },
);

test('the README leads to pages that there are', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)]
    .map(([, path]) => path!)
    .filter((path) => !path.includes('://'));
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((path) => !existsSync(`${root}/${path}`))).toEqual([]);
});
