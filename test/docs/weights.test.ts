import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { convertCommand } from '../../src/cli/convert.ts';
import { NAME_TABLES } from '../../src/model/networks/names/index.ts';

const page = readFileSync(new URL('../../docs/weights.md', import.meta.url), 'utf8');

it('the page on weights lists every table of names', () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)].map(([, kind, source]) => [kind, source]);
  const tables = Object.entries(NAME_TABLES).flatMap(([kind, t]) => t.map(({ source }) => [kind, source]));
  expect(rows).toEqual(tables);
});

it('the page on weights uses options that farsight convert has', () => {
  const used = [...page.matchAll(/^ {4}farsight convert .*$/gm)].flatMap(([line]) => line.match(/--[a-z-]+/g) ?? []);
  const known = convertCommand().options.map((o) => o.long);
  expect(used.length).toBeGreaterThan(3);
  expect(used.filter((flag) => !known.includes(flag))).toEqual([]);
});
