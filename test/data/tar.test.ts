import { describe, expect, it } from 'vitest';
import { expandBraces } from '../../src/data/brace.ts';
import { tarMembers, windowed } from '../../src/data/tar.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { joined, paxHeader, tarMember, tarOf } from '../support/tar.ts';

async function members(tar: Uint8Array): Promise<{ name: string; text: string }[]> {
  const file = windowed(await memoryFiles({ 't.tar': tar }).open('t.tar'));
  const found: { name: string; text: string }[] = [];
  for await (const { name, offset, size } of tarMembers(file, 't.tar')) {
    found.push({ name, text: new TextDecoder().decode(tar.subarray(offset, offset + size)) });
  }
  return found;
}
const LONG = `${'d/'.repeat(80)}x.jpg`;

describe('a tar file', () => {
  it('says where its files are', async () => {
    const tar = tarOf(tarMember('a.jpg', 'A'.repeat(5000)), tarMember('a.cls', '3'), tarMember('b.jpg', ''));
    expect(await members(tar)).toEqual([
      { name: 'a.jpg', text: 'A'.repeat(5000) },
      { name: 'a.cls', text: '3' },
      { name: 'b.jpg', text: '' },
    ]);
  });
  it('may have long names by ustar, pax and GNU, each for one member only', async () => {
    const tar = tarOf(
      tarMember('x.jpg', '1', { prefix: 'very/far' }),
      paxHeader({ mtime: '1.5', path: LONG }),
      tarMember('short', '2'),
      tarMember('././@LongLink', `${LONG}\0`, { type: 'L' }),
      tarMember('short', '3'),
      tarMember('plain', '4'),
    );
    expect((await members(tar)).map((m) => m.name)).toEqual(['very/far/x.jpg', LONG, LONG, 'plain']);
  });
  it('may have sizes by pax and in base 256', async () => {
    const byPax = joined(paxHeader({ size: '3' }), tarMember('a', 'abc', { claims: 0 }));
    expect(await members(tarOf(byPax, tarMember('b', 'defg', { claims: 4n })))).toEqual([
      { name: 'a', text: 'abc' },
      { name: 'b', text: 'defg' },
    ]);
  });
  it('may hold folders, links and headers for all, which are passed over', async () => {
    const tar = tarOf(
      tarMember('pax_global_header', '16 path=evil.jpg\n', { type: 'g' }),
      tarMember('dir/', '', { type: '5', claims: 4096 }),
      tarMember('to', '', { type: '2', claims: 999 }),
      tarMember('a', 'A'),
    );
    expect(await members(tar)).toEqual([{ name: 'a', text: 'A' }]);
  });
  it('need not end in blocks of zeros', async () => {
    expect((await members(tarMember('a', 'A'))).length).toBe(1);
  });
  it.each([
    [
      'a claimed size beyond its end',
      tarMember('a', 'A', { claims: 8n ** 11n }),
      /expected 8589934592 bytes of "a", got 512/,
    ],
    ['a claimed size beyond counting', tarMember('a', 'A', { claims: 2n ** 63n }), /expected a size/],
    ['a wrong checksum', tarMember('a', 'A', { checksum: 17 }), /expected a header of tar/],
    ['other bytes', new Uint8Array(1024).fill(65), /byte 0: expected a header of tar/],
    ['a header cut short', tarMember('a', 'A').subarray(0, 300), /expected a header, got the end/],
    ['gzip', joined(Uint8Array.of(0x1f, 0x8b), new Uint8Array(600)), /packed by gzip/],
    ['a pax record that is longer than its header', tarMember('p', '99 path=a\n', { type: 'x' }), /pax record/],
    ['a pax record without a length', tarMember('p', 'path=a\n', { type: 'x' }), /pax record/],
    ['a pax path with a NUL', joined(paxHeader({ path: 'a\0b' }), tarMember('a', 'A')), /NUL/],
    ['a pax size that is none', joined(paxHeader({ size: '-1' }), tarMember('a', 'A')), /expected a size, got "-1"/],
    ['a name of a megabyte and more', tarMember('L', 'x'.repeat(2 ** 20 + 1), { type: 'L' }), /bytes of names/],
    [
      'a name of many thousand characters',
      joined(paxHeader({ path: 'x'.repeat(5000) }), tarMember('a', 'A')),
      /expected a name/,
    ],
  ])('is refused for %s', async (_, tar, message) => {
    await expect(members(tar)).rejects.toThrow(expect.objectContaining({ name: 'Fault', code: 'data' }));
    await expect(members(tar)).rejects.toThrow(message);
  });
  it('is never read beyond its members: the index of a large one takes a few small reads', async () => {
    const tar = tarOf(...Array.from({ length: 20 }, (_, i) => tarMember(`${i}.jpg`, 'x'.repeat(100_000))));
    const file = await memoryFiles({ 't.tar': tar }).open('t.tar');
    let bytes = 0;
    const read = (at: number, n: number): Promise<Uint8Array> => {
      bytes += n;
      return file.read(at, n);
    };
    let count = 0;
    for await (const _ of tarMembers(windowed({ ...file, read }), 't.tar')) count++;
    expect([count, bytes < 22 * 4096]).toEqual([20, true]);
  });
});

describe('braces', () => {
  it.each([
    ['a.tar', ['a.tar']],
    ['{008..011}.tar', ['008.tar', '009.tar', '010.tar', '011.tar']],
    ['{9..11}', ['9', '10', '11']],
    ['{3..1}', ['3', '2', '1']],
    ['{a,b}-{0..1}.tar', ['a-0.tar', 'a-1.tar', 'b-0.tar', 'b-1.tar']],
  ])('of %s count and list', (pattern, names) => {
    expect(expandBraces(pattern)).toEqual(names);
  });
  it('are refused where they mean too many names, none, or stand alone', () => {
    const fault = expect.objectContaining({ code: 'config' });
    for (const wrong of ['{0..999999999}', '{0..999}{0..999}', '{x}', '{}', 'a{0..1', 'a}']) {
      expect(() => expandBraces(wrong)).toThrow(fault);
    }
  });
});
