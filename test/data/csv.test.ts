import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CsvSeparator, csvRecords } from '../../src/data/csv.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { joined } from '../support/tar.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function records(content: string | Uint8Array, separator: CsvSeparator | null = null) {
  const files = memoryFiles({ 't.csv': typeof content === 'string' ? bytes(content) : content });
  const found: { line: number; cells: readonly string[] }[] = [];
  for await (const record of csvRecords(files, 't.csv', separator)) found.push(record);
  return found;
}
const cells = async (content: string | Uint8Array, separator: CsvSeparator | null = null) =>
  (await records(content, separator)).map((r) => r.cells);

describe('a table', () => {
  it.each([
    ['LF', 'a,b\n1,2\n'],
    ['CR LF', 'a,b\r\n1,2\r\n'],
    ['CR', 'a,b\r1,2\r'],
    ['no break at the end', 'a,b\n1,2'],
    ['a byte order mark', '\ufeffa,b\n1,2\n'],
    ['empty lines', '\na,b\n\n\r\n1,2\n\n'],
    ['quotes where none are needed', '"a","b"\n"1",2\n'],
  ])('is read with %s', async (_, text) => {
    expect(await cells(text)).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ]);
  });
  it('has separators, quotes and line breaks inside quotes, and quotes inside cells that do not begin with one', async () => {
    expect(await cells('x,"a, ""b""\r\nc",6" nail\n,"",\n')).toEqual([
      ['x', 'a, "b"\r\nc', '6" nail'],
      ['', '', ''],
    ]);
  });
  it('numbers lines as an editor does, through line breaks in quotes', async () => {
    const found = await records('a\n"b\nc"\n\n"d\r\ne"\nf');
    expect(found.map((r) => r.line)).toEqual([1, 2, 5, 7]);
  });
  it.each([
    ['a;b,c;d\n', ['a', 'b,c', 'd']],
    ['a\tb\tc,d\n', ['a', 'b', 'c,d']],
    ['"a;b;c",d\n', ['a;b;c', 'd']],
    ['alone\n', ['alone']],
  ])('finds its separator on the first line: %j', async (text, expected) => {
    expect(await cells(text)).toEqual([expected]);
  });
  it('takes the separator that is given', async () => {
    expect(await cells('a,b;c\n', ';')).toEqual([['a,b', 'c']]);
  });
  it('is the same however long it is: records cross the borders of pieces', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `a/${i}.jpg,"k ""${i}"" é\n"\r\n`);
    const found = await records(rows.join(''));
    expect(bytes(rows.join('')).length).toBeGreaterThan(1.5 * 1024 ** 2);
    expect(found.every((r, i) => r.cells[0] === `a/${i}.jpg` && r.cells[1] === `k "${i}" é\n`)).toBe(true);
    expect([found.length, found.at(-1)!.line]).toEqual([60_000, 119_999]);
  });
  it('gives back any cells that were quoted', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', ';', '\n', '\r', ' ', 'é', '\t'), maxLength: 8 });
    const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });
    const quoted = (rows: readonly string[][], separator: string, end: string): string =>
      rows.map((r) => r.map((c) => `"${c.replaceAll('"', '""')}"`).join(separator) + end).join('');
    await fc.assert(
      fc.asyncProperty(table, fc.constantFrom(',', ';', '\t'), fc.constantFrom('\n', '\r\n'), async (rows, s, end) => {
        expect(await cells(quoted(rows, s, end), s as CsvSeparator)).toEqual(rows);
      }),
      { seed: 5, numRuns: 150 },
    );
  });
});

describe('a table is refused, by its name and line, for', () => {
  it.each([
    ['an open quote', 'a,b\n1,"2\n3\n', /t\.csv, line 2: expected a closing quote/],
    ['text after a closing quote', 'a,b\n"1"x,2\n', /t\.csv, line 2: expected the cell to end.*got "x"/],
    ['a NUL', 'a,b\n1,\0\n', /t\.csv: .*NUL near byte 6/],
    ['bytes that are not UTF-8', Uint8Array.of(97, 44, 0xff, 10), /UTF-8/],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 97, 0), /UTF-16/],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip/],
    ['a spreadsheet', bytes('PK\x03\x04'), /spreadsheet/],
    ['an endless row', 'a'.repeat(1024 ** 2 + 1), /line 1: expected a row of at most/],
    [
      'an endless quoted row',
      joined(bytes('"'), bytes('a'.repeat(3 * 1024 ** 2))),
      /line 1: expected a row of at most/,
    ],
    ['too many cells', ','.repeat(200_000), /100000 cells/],
  ])('%s', async (_, content, message) => {
    await expect(records(content)).rejects.toThrow(expect.objectContaining({ name: 'Fault', code: 'data' }));
    await expect(records(content)).rejects.toThrow(message);
  });
});
