import { describe, expect, it } from 'vitest';
import { random } from '../../src/core/random.ts';
import { classCounts, type Dataset, splitDataset } from '../../src/data/dataset.ts';
import { type OpenOptions, openDataset, openLabelled } from '../../src/data/open.ts';
import { describeProblems } from '../../src/data/problems.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { paxHeader, tarMember, tarOf } from '../support/tar.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const dataFault = expect.objectContaining({ name: 'Fault', code: 'data' });

/** A disk of texts; a name without a text is a picture whose bytes are its name. */
function disk(texts: Readonly<Record<string, string | Uint8Array>>, ...pictures: readonly string[]) {
  const contents = Object.entries(texts).map(([k, v]) => [k, typeof v === 'string' ? bytes(v) : v] as const);
  return memoryFiles(Object.fromEntries([...contents, ...pictures.map((p) => [p, bytes(p)] as const)]));
}
const shown = ({ classes, samples }: Dataset): string =>
  samples.map((s) => `${s.name ?? s.path}=${(s.labels ?? [s.label]).map((k) => classes[k]).join('+')}`).join(' ');

const SIX = ['1', '2', '3', '4', '5', '6'].map((n) => `d/i/${n}.jpg`);

/** Opens `d/t.csv` beside six pictures; both parts as one text. */
async function openTable(table: string, options: OpenOptions = {}, path = 'd/t.csv') {
  const data = await openDataset(disk({ 'd/t.csv': table }, ...SIX), path, { holdOut: 0.5, ...options });
  const all = { ...data.train, samples: [...data.train.samples, ...data.test.samples].toSorted(byPath) };
  return { ...data, all };
}
const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);
const FOUR = 'd/i/1.jpg=cat d/i/2.jpg=dog d/i/3.jpg=cat d/i/4.jpg=dog';

describe('a table of pictures', () => {
  it.each<[string, string, OpenOptions]>([
    ['a first row of names', 'path,label\ni/1.jpg,cat\ni/2.jpg,dog\ni/3.jpg,cat\ni/4.jpg,dog\n', {}],
    ['no names', 'i/1.jpg,cat\ni/2.jpg,dog\ni/3.jpg,cat\ni/4.jpg,dog\n', {}],
    ['the label first', 'cat;i/1.jpg\ndog;i/2.jpg\ncat;i/3.jpg\ndog;i/4.jpg\n', {}],
    [
      'names in other words',
      'Class\tsize\tFileName\ncat\t3\ti/1.jpg\ndog\t4\ti/2.jpg\ncat\t5\ti/3.jpg\ndog\t6\ti/4.jpg\n',
      {},
    ],
    [
      'columns that were said',
      'a,b,c\n9,i/1.jpg,cat\n8,i/2.jpg,dog\n7,i/3.jpg,cat\n6,i/4.jpg,dog\n',
      { columns: { path: 'b', labels: 'C' } },
    ],
    [
      'places that were said',
      '9,i/1.jpg,cat\n8,i/2.jpg,dog\n7,i/3.jpg,cat\n6,i/4.jpg,dog\n',
      { columns: { path: 1, labels: 2 } },
    ],
    ['no endings', 'image_id,label\ni/1,cat\ni/2,dog\ni/3,cat\ni/4,dog\n', {}],
    ['backslashes and dots', 'path,label\n.\\i\\1.jpg,cat\n./i//2.jpg,dog\ni/../i/3.jpg,cat\ni/4.jpg,dog\n', {}],
    ['another root', 'path,label\n1.jpg,cat\n2.jpg,dog\n3.jpg,cat\n4.jpg,dog\n', { root: 'd/i' }],
    [
      'numbers for given names',
      'path,label\ni/1.jpg,0\ni/2.jpg,1.0\ni/3.jpg,0\ni/4.jpg,dog\n',
      { classes: ['cat', 'dog'] },
    ],
  ])('may have %s', async (_, table, options) => {
    const { format, all, problems } = await openTable(table, options);
    expect([format, shown(all), problems.counts]).toEqual(['csv', FOUR, {}]);
  });

  it('makes classes of the names in order, and of numbers by size', async () => {
    const rows = (labels: readonly string[]): string => labels.map((l, i) => `i/${i + 1}.jpg,${l}\n`).join('');
    expect((await openTable(rows(['b', 'B', 'a', 'b', 'B', 'a']))).train.classes).toEqual(['B', 'a', 'b']);
    expect((await openTable(rows(['10', '9', '2.0', '10', '9', '2']))).train.classes).toEqual(['2', '9', '10']);
  });
  it('says its parts in a column, the first of val, validation and test being judged on', async () => {
    const table = 'path,label,split\ni/1.jpg,a,train\ni/2.jpg,b,Train\ni/3.jpg,a,val\ni/4.jpg,b,test\ni/5.jpg,b,dev\n';
    const { train, test, heldOutFrom, problems } = await openTable(table);
    expect([shown(train), shown(test)]).toEqual(['d/i/1.jpg=a d/i/2.jpg=b', 'd/i/3.jpg=a']);
    expect([heldOutFrom, problems.counts]).toEqual(['the rows of val', { 'bad row': 1 }]);
  });
  it('stands beside a table to judge on, in its folder or by name', async () => {
    const texts = { 'd/train.csv': 'i/1.jpg,a\ni/2.jpg,b\n', 'd/val.csv': 'i/3.jpg,b\ni/4.jpg,c\n' };
    for (const [path, options] of [
      ['d', {}],
      ['d/train.csv', { validation: 'd/val.csv' }],
    ] as const) {
      const { train, test, heldOutFrom, problems } = await openDataset(disk(texts, ...SIX), path, options);
      expect([shown(train), shown(test), heldOutFrom]).toEqual(['d/i/1.jpg=a d/i/2.jpg=b', 'd/i/3.jpg=b', 'd/val.csv']);
      expect(describeProblems(problems)).toMatch(/1 label that is not known. d\/val\.csv, line 2: .*got "c"/);
    }
  });
  it.each<[string, string, OpenOptions]>([
    ['parted by |', 'path,label\ni/1.jpg,cat|dog\ni/2.jpg,\ni/3.jpg, dog | cat |dog\ni/4.jpg,dog\n', {}],
    ['parted by ; in a column of labels', 'path,labels\ni/1.jpg,cat;dog\ni/2.jpg,\ni/3.jpg,dog;cat\ni/4.jpg,dog\n', {}],
    [
      'parted by what was said',
      'path,label\ni/1.jpg,cat dog\ni/2.jpg,\ni/3.jpg,dog cat\ni/4.jpg,dog\n',
      { labels: 'multi', labelSeparator: ' ' },
    ],
    ['in several columns', 'path,label1,label2\ni/1.jpg,cat,dog\ni/2.jpg,,\ni/3.jpg,dog,cat\ni/4.jpg,,dog\n', {}],
    ['in rows of any length', 'i/1.jpg,cat,dog\ni/2.jpg\ni/3.jpg,dog,cat\ni/4.jpg,dog\n', { labels: 'multi' }],
    ['in columns of zeros and ones', 'path,cat,dog\ni/1.jpg,1,1\ni/2.jpg,0,0\ni/3.jpg,1.0,true\ni/4.jpg,,1\n', {}],
  ])('may have any number of labels, %s', async (_, table, options) => {
    const { all, problems } = await openTable(table, options);
    const expected = 'd/i/1.jpg=cat+dog d/i/2.jpg= d/i/3.jpg=cat+dog d/i/4.jpg=dog';
    expect([all.multiLabel, shown(all), problems.counts]).toEqual([true, expected, {}]);
    expect(all.samples.map((s) => s.label)).toEqual([0, -1, 0, 1]);
    expect(classCounts(all)).toEqual([2, 3]);
  });
  it('leaves out, counts and names what is wrong', async () => {
    const table = [
      ...['path,label', 'i/1.jpg,a', 'i/2.jpg,b', 'i/3.jpg,a', 'i/4.jpg,b', 'i/1.jpg,b', './i/1.jpg,a', 'i/9.jpg,a'],
      ...['../x.jpg,a', '/etc/passwd,a', 'http://h/x.jpg,a', 'i/5.jpg', 'i/5.jpg,', 'C:\\x.jpg,b', 'i/\u0007.jpg,a'],
    ].join('\n');
    const { all, problems } = await openTable(table);
    expect(shown(all)).toBe('d/i/1.jpg=a d/i/2.jpg=b d/i/3.jpg=a d/i/4.jpg=b');
    const expected = { duplicate: 2, 'missing file': 1, 'bad path': 5, 'bad row': 1, 'bad label': 1 };
    expect(problems.counts).toEqual(expected);
    const text = problems.examples.map((e) => e.reason).join('\n');
    expect(text).toMatch(/line 6: .*d\/i\/1\.jpg again \(line 2\)/);
    expect(text).toMatch(/line 8: expected a picture at d\/i\/9\.jpg, got none/);
    expect(text).toMatch(/line 9: .*a path outside d \("\.\.\/x\.jpg"\)/);
    expect(text).toMatch(/line 11: .*an address instead of a file/);
    expect(text).toMatch(/line 12: expected 2 cells, got 1/);
    expect(text).toMatch(/line 13: expected one label, got none/);
    expect(describeProblems(problems)).toMatch(/^Left out: 2 pictures that came twice, 1 missing file, 5 paths/);
  });
  it('is told of without what would steer a terminal', async () => {
    const { problems } = await openTable(
      'path,label\ni/1.jpg,a\ni/2.jpg,b\ni/3.jpg,a\ni/4.jpg,b\ni/5.jpg,\u001b[2Jx\n',
      {
        classes: ['a', 'b'],
      },
    );
    expect(problems.examples[0]!.reason).toMatch(/line 6: .*got "\ufffd\[2Jx"/);
  });
  it('ends at the first wrong thing where it is read strictly', async () => {
    await expect(openTable('path,label\ni/1.jpg,a\ni/9.jpg,b\n', { strict: true })).rejects.toThrow(dataFault);
  });
  it('keeps only the first ten sentences of a kind, and counts the others', async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => `x/${i}.jpg,a\n`).join('');
    const { problems } = await openTable(`i/1.jpg,a\ni/2.jpg,b\ni/3.jpg,a\ni/4.jpg,b\n${rows}`);
    expect([problems.counts, problems.examples.length]).toEqual([{ 'missing file': 1000 }, 10]);
  });
  it.each<[string, string, OpenOptions, RegExp]>([
    ['nothing', '', {}, /expected rows/],
    ['names only', 'path,label\n', {}, /expected rows below/],
    ['no pictures', 'path,label\nx.jpg,a\ny.jpg,b\n', {}, /expected pictures, got none. Left out: 2 missing files/],
    ['one class', 'i/1.jpg,a\ni/2.jpg,a\n', {}, /at least 2 classes, got 1/],
    ['no column of labels', 'path,width,height\ni/1.jpg,30,40\n', {}, /column of labels, got path, width, height/],
    ['no column of files', 'a,b\nx,y\n', {}, /d\/t\.csv: expected/],
    ['a column that is not there', 'path,label\ni/1.jpg,a\n', { columns: { labels: 'lable' } }, /Did you mean "label"/],
    ['a place that is not there', 'i/1.jpg,a\n', { columns: { labels: 2 } }, /place from 0 to 1, got 2/],
    ['one class name twice', 'path,a,a\ni/1.jpg,1,0\n', {}, /another name for each class, got "a" twice/],
    ['one given name twice', 'i/1.jpg,a\n', { classes: ['a', 'a'] }, /got "a" twice/],
  ])('is refused for %s', async (_, table, options, message) => {
    await expect(openTable(table, options)).rejects.toThrow(message);
  });
});

const shard = (...names: readonly string[]): Uint8Array =>
  tarOf(
    ...names.flatMap((n) => [
      tarMember(`${n.split('=')[0]}.jpg`, `picture ${n}`),
      tarMember(`${n.split('=')[0]}.cls`, n.split('=')[1]!),
    ]),
  );

describe('shards', () => {
  const texts = { 's/a-000.tar': shard('x=0', 'y=1'), 's/a-001.tar': shard('x=1', 'z=0') };
  it.each(['s/a-{000..001}.tar', 's'])('are samples with the place of their bytes: %s', async (path) => {
    const files = disk(texts);
    const { format, train, test, problems } = await openDataset(files, path, { holdOut: 0.5 });
    const samples = [...train.samples, ...test.samples].toSorted((a, b) =>
      `${a.path}${a.name}` < `${b.path}${b.name}` ? -1 : 1,
    );
    expect([format, train.classes, problems.counts]).toEqual(['webdataset', ['0', '1'], {}]);
    expect(samples.map((s) => [s.path, s.name, s.label])).toEqual([
      ['s/a-000.tar', 'x.jpg', 0],
      ['s/a-000.tar', 'y.jpg', 1],
      ['s/a-001.tar', 'x.jpg', 1],
      ['s/a-001.tar', 'z.jpg', 0],
    ]);
    const { offset, length } = samples[1]!.bytes!;
    const file = await files.open('s/a-000.tar');
    expect(new TextDecoder().decode(await file.read(offset, length))).toBe('picture y=1');
  });
  it('are told apart by the words train and val, in names or folders', async () => {
    for (const [train, val] of [
      ['s/train-0.tar', 's/val-0.tar'],
      ['s/train/0.tar', 's/validation/0.tar'],
    ] as const) {
      const data = await openDataset(disk({ [train]: shard('a=0', 'b=1'), [val]: shard('c=1') }), 's');
      expect([shown(data.train), shown(data.test), data.heldOutFrom]).toEqual(['a.jpg=0 b.jpg=1', 'c.jpg=1', val]);
    }
  });
  it('take class names from a list, labels being places in it', async () => {
    const files = disk({ ...texts, 'names.txt': 'cat\r\ndog\n\nowl\n' });
    const { train } = await openDataset(files, 's', { classes: 'names.txt', holdOut: 0.5 });
    expect(train.classes).toEqual(['cat', 'dog', 'owl']);
    const less = openDataset(disk({ 's/a.tar': shard('x=0', 'y=0', 'z=7') }), 's', { classes: ['cat', 'dog'] });
    expect((await less).problems.examples[0]!.reason).toMatch(
      /s\/a\.tar, z\.jpg: expected one of the 2 classes, got "7"/,
    );
  });
  it('may say their labels in JSON: a number, a name, a list, a key', async () => {
    const sample = (key: string, json: string): Uint8Array[] => [
      tarMember(`${key}.json`, json),
      tarMember(`${key}.png`, 'p'),
    ];
    const open = (...jsons: string[]) =>
      openLabelled(disk({ 's.tar': tarOf(...jsons.flatMap((j, i) => sample(`d/${i}`, j))) }), 's.tar', {
        classes: ['a;b', 'c'],
      });
    expect(shown((await open('{"label":1}', '{"caption":"c","class_name":"a;b"}', '"c"')).dataset)).toBe(
      'd/0.png=c d/1.png=a;b d/2.png=c',
    );
    expect(shown((await open('{"labels":["c","a;b"]}', '[]', '{"cls":0}')).dataset)).toBe(
      'd/0.png=a;b+c d/1.png= d/2.png=a;b',
    );
    const { problems } = await open('{"label":0}', '{"caption":1}', '{"label":{}}', '{', '{"label":null}');
    expect(problems.counts).toEqual({ 'bad sample': 4 });
  });
  it('leave out, count and name what is wrong', async () => {
    const good = shard('a=0', 'b=1', 'c=0', 'd=1');
    const odd = tarOf(
      ...[tarMember('1.jpg', 'p'), tarMember('1.cls', '0'), tarMember('2.cls', '0'), tarMember('3.jpg', 'p')],
      ...[tarMember('4.jpg', ''), tarMember('4.cls', '1'), tarMember('1.jpg', 'p'), tarMember('1.cls', '0')],
      ...[
        tarMember('.hidden.jpg', 'p'),
        tarMember('noending', 'p'),
        tarMember('5.seg.png', 'p'),
        tarMember('5.cls', '0'),
      ],
    );
    const cut = shard('e=0', 'f=1').subarray(0, 2500);
    const files = disk({ 's/0.tar': good, 's/1.tar': odd, 's/2.tar': cut, 's/3.tar': 'text'.repeat(300) });
    const { train, test, problems } = await openDataset(files, 's/{0..4}.tar');
    expect(
      [...train.samples, ...test.samples]
        .map((s) => s.name)
        .toSorted()
        .join(),
    ).toBe('1.jpg,a.jpg,b.jpg,c.jpg,d.jpg,e.jpg');
    expect(problems.counts).toEqual({ 'bad sample': 4, duplicate: 1, 'unreadable shard': 3 });
    const text = problems.examples.map((e) => e.reason).join('\n');
    expect(text).toMatch(/s\/1\.tar, 2: expected a picture among cls, got none/);
    expect(text).toMatch(/s\/1\.tar, 3: expected a label in \.cls, \.json, \.txt, got none/);
    expect(text).toMatch(/s\/2\.tar, byte \d+: expected .*cut short or damaged/);
    expect(text).toMatch(/s\/4\.tar: expected a readable file/);
  });
  it('are refused where none can be read', async () => {
    await expect(openDataset(disk({ 's/0.tar': 'x' }), 's/{0..1}.tar')).rejects.toThrow(
      /expected pictures, got none. Left out: 2 shards/,
    );
    await expect(openDataset(disk({}, 'd/x.jpg'), 'd', { format: 'webdataset' })).rejects.toThrow(/expected tar files/);
  });
});

describe('changed bytes', () => {
  const files = (name: string, content: Uint8Array) => disk({ [name]: content }, ...SIX);
  const SOURCES = [
    ['d/t.csv', bytes('path,label,split\ni/1.jpg,"a;b",train\ni/2.jpg,b,train\ni/3.jpg,a,val\n')],
    ['d/t.tar', tarOf(paxHeader({ path: 'k.jpg' }), tarMember('x', 'p'), tarMember('k.json', '{"label":[1,2]}'))],
  ] as const;
  it.each(SOURCES)('of %s are read or refused by a fault, and quickly', async (name, whole) => {
    const draws = random(9, name);
    const began = performance.now();
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const changed = whole.slice(0, whole.length - (round % 3 === 0 ? draws.integer(whole.length) : 0));
      for (let i = 0; i < 4 && changed.length > 0; i++) changed[draws.integer(changed.length)] = draws.integer(256);
      await openLabelled(files(name, changed), name, { classes: ['a', 'b', 'c'] }).catch((error: unknown) => {
        expect(error).toEqual(dataFault);
        refused++;
      });
    }
    expect([refused > 20, performance.now() - began < 10_000]).toEqual([true, true]);
  });
});

describe('pictures that come twice', () => {
  it('are taken out of training where they are judged on', async () => {
    const texts = { 'd/train.csv': 'i/1.jpg,a\ni/2.jpg,b\ni/3.jpg,b\n', 'd/val.csv': 'i/3.jpg,b\n' };
    const { train, problems } = await openDataset(disk(texts, ...SIX), 'd');
    expect([shown(train), problems.counts]).toEqual(['d/i/1.jpg=a d/i/2.jpg=b', { 'in both parts': 1 }]);
  });
  it('are found by their content where asked for, in files and in shards', async () => {
    const same = {
      'd/train/a/1.jpg': 'A',
      'd/train/b/2.jpg': 'B',
      'd/train/b/3.jpg': 'A',
      'd/train/b/4.jpg': 'C',
      'd/val/b/5.jpg': 'C',
    };
    const { train, test, problems } = await openDataset(disk(same), 'd', { sameContent: true });
    expect([shown(train), shown(test)]).toEqual(['d/train/a/1.jpg=a d/train/b/2.jpg=b', 'd/val/b/5.jpg=b']);
    expect(problems.counts).toEqual({ duplicate: 1, 'in both parts': 1 });
    expect((await openDataset(disk(same), 'd')).problems.counts).toEqual({});
    const twice = tarOf(
      ...['0', '1', '2'].flatMap((k) => [tarMember(`${k}.jpg`, k === '2' ? 'A' : `A${k}`), tarMember(`${k}.cls`, k)]),
    );
    const shards = disk({
      's/train-0.tar': twice,
      's/val-0.tar': tarOf(tarMember('9.jpg', 'A1'), tarMember('9.cls', '0')),
    });
    expect((await openDataset(shards, 's', { sameContent: true })).problems.counts).toEqual({ 'in both parts': 1 });
  });
});

describe('a split of pictures with several labels', () => {
  const samples = Array.from({ length: 200 }, (_, i) => {
    const labels = [0, 1, 2, 3].filter((k) => i % [2, 3, 10, 67][k]! === 0);
    return { path: `${i}`, label: labels[0] ?? -1, labels };
  });
  const set: Dataset = { classes: ['a', 'b', 'c', 'd'], samples, multiLabel: true };
  it('holds out about a share of each class, and of those without a label', () => {
    const { train, test } = splitDataset(set, { holdOut: 0.2 });
    expect(test.multiLabel && train.samples.length + test.samples.length).toBe(200);
    classCounts(set).forEach((count, k) => {
      expect(Math.abs(classCounts(test)[k]! / count - 0.2)).toBeLessThan(k === 3 ? 0.21 : 0.06);
    });
    expect(classCounts(test)[3]).toBeGreaterThan(0);
    const bare = (d: Dataset): number => d.samples.filter((s) => s.labels!.length === 0).length;
    expect(bare(test)).toBe(Math.round(bare(set) * 0.2));
  });
  it('is the same for the same seed and another for another', () => {
    const held = (seed: number): string =>
      splitDataset(set, { seed })
        .test.samples.map((s) => s.path)
        .join();
    expect(held(1)).toBe(held(1));
    expect(held(1)).not.toBe(held(2));
  });
});
