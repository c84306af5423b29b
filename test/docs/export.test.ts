import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportCommand } from '../../src/cli/export.ts';
import { predictCommand } from '../../src/cli/predict.ts';
import { verifyCommand } from '../../src/cli/verify.ts';
import { PARITY_BOUNDS } from '../../src/train/parity.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/export.md'), 'utf8');
const commands = { export: exportCommand(), predict: predictCommand(), verify: verifyCommand() };

describe('the page on exports', () => {
  const lines = page.split('\n').filter((line) => line.startsWith('farsight '));
  test('shows all three commands', () => {
    expect(new Set(lines.map((line) => line.split(' ')[1]))).toEqual(new Set(Object.keys(commands)));
  });
  test.each(lines)('%s: has options that there are', (line) => {
    const command = commands[line.split(' ')[1] as keyof typeof commands];
    const known = command.options.map((o) => o.long);
    for (const option of line.match(/--[a-z0-9-]+/g) ?? []) expect(known).toContain(option);
  });
  test('names only options that there are', () => {
    const known = Object.values(commands).flatMap((c) => c.options.map((o) => o.long));
    for (const option of page.match(/--[a-z0-9-]+/g)!.filter((o) => /^--[a-z]/.test(o)))
      expect(known).toContain(option);
  });
  test('tells the bounds that are held', () => {
    for (const [precision, { error, mean }] of Object.entries(PARITY_BOUNDS)) {
      const row = page.split('\n').find((line) => line.startsWith(`| ${precision} |`) && line.split('|').length === 5)!;
      expect(row.split('|').slice(2, 4).map(Number)).toEqual([error, mean]);
    }
  });
});
