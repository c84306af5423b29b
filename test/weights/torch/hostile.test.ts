import { describe, expect, it } from 'vitest';
import { readWeights } from '../../../src/weights/open.ts';
import { memoryFiles } from '../../support/memory-files.ts';
import { archive, dictOf, join, le, pickle, tensor, text, whole, type ZipFile, zip } from './build.ts';
import { fixtureBytes } from './fixtures.ts';

const four: ZipFile = { name: 'a/data/0', data: new Uint8Array(16) };
const good = dictOf(tensor({ elements: 4, shape: [2, 2], stride: [2, 1] }));

async function refusal(bytes: Uint8Array): Promise<string> {
  const reading = readWeights(memoryFiles({ 'w.pth': bytes }), 'w.pth');
  const fault: unknown = await reading.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(fault).toMatchObject({ name: 'Fault', code: 'data', message: expect.stringMatching(/^w\.pth: /) });
  return (fault as Error).message;
}

describe('what archives are built of here', () => {
  it('is read when it tells the truth, with 32-bit and with 64-bit sizes', async () => {
    for (const wide of [false, true]) {
      const { tensors } = await readWeights(memoryFiles({ w: archive(good, [four], { wide }) }), 'w');
      expect([...tensors]).toEqual([['w', { dtype: 'float32', shape: [2, 2], data: new Float32Array(4) }]]);
    }
  });
});

const call = (module: string, name: string, ...args: readonly Uint8Array[]): Uint8Array =>
  join(`c${module}\n${name}\n(`, ...args, 'tR');

const pickles: readonly [string, Uint8Array, RegExp][] = [
  [
    'os.system',
    pickle(call('os', 'system', text('touch x'))),
    /asks for the global "os\.system"\. Nothing of it was run/,
  ],
  ['posix.system', pickle(call('posix', 'system', text('touch x'))), /"posix\.system"/],
  ['builtins.eval', pickle(call('builtins', 'eval', text('1'))), /"builtins\.eval"/],
  ['__builtin__.eval', pickle(call('__builtin__', 'eval', text('1'))), /"__builtin__\.eval"/],
  ['builtins.getattr', pickle(call('builtins', 'getattr', text('os'), text('system'))), /"builtins\.getattr"/],
  ['subprocess.Popen', pickle(call('subprocess', 'Popen', text('ls'))), /"subprocess\.Popen"/],
  ['torch.load', pickle(call('torch', 'load', text('other'))), /"torch\.load"/],
  ['torch.hub.load', pickle(call('torch.hub', 'load', text('other'))), /"torch\.hub\.load"/],
  ['torch.storage._load_from_bytes', pickle(call('torch.storage', '_load_from_bytes', text('x'))), /_load_from_bytes"/],
  ['a network', pickle(call('ultralytics.nn.tasks', 'DetectionModel')), /"ultralytics\.nn\.tasks\.DetectionModel"/],
  ['a name of the prototype', pickle(call('constructor', 'constructor')), /"constructor\.constructor"/],
  ['__proto__', pickle('c__proto__\n__proto__\n'), /"__proto__\.__proto__"/],
  [
    'a name like one of the list, with more behind it',
    pickle('ctorch\nFloatStorage.__init__\n'),
    /FloatStorage\.__init__"/,
  ],
  ['os.system by STACK_GLOBAL', pickle(text('os'), text('system'), '\x93(', text('ls'), 'tR'), /"os\.system"/],
  ['a global made by NEWOBJ', pickle('cos\nsystem\n)\x81'), /"os\.system"/],
  ['state given to an unknown object', pickle('cfoo\nBar\n)\x81}', text('x'), whole(1), 'sb'), /"foo\.Bar"/],
  [
    'a chain of calls of calls',
    pickle(
      call('builtins', 'getattr', call('importlib', 'import_module', text('os')), text('system')),
      '(',
      text('ls'),
      'tR',
    ),
    /the globals "builtins\.getattr", "importlib\.import_module"/,
  ],
  ['a global after which it breaks off', join('\x80\x02cos\nsystem\n)R', 0xff, '.'), /"os\.system"/],
  ['an object as a set of items', pickle('cfoo\nDict\n)R', text('a'), text('b'), 's'), /"foo\.Dict"/],
  ['INST', join('\x80\x02(ios\nsystem\n.'), /the opcode INST/],
  ['OBJ', join('\x80\x02(cos\nsystem\no.'), /the global "os\.system" and the opcode OBJ/],
  ['EXT1', join('\x80\x02\x82\x01.'), /the opcode EXT1/],
  ['NEWOBJ_EX', join('\x80\x02)}\x92.'), /the opcode NEWOBJ_EX/],
  ['a buffer outside the file', join('\x80\x05\x97.'), /the opcode NEXT_BUFFER/],
  ['PERSID', join('\x80\x02P0\n.'), /the opcode PERSID/],
  ['a byte that is no opcode', join('\x80\x02\xff.'), /an opcode of pickle, not 0xff/],
  ['a call of something that is no name', pickle(text('os.system'), '(tR'), /a name and a tuple to call it with/],
  [
    'a call of a class of the list that is none',
    pickle('ctorch\nFloatStorage\n)R'),
    /can be called, not torch\.FloatStorage/,
  ],
  ['a memo that was not made', pickle('h\x07'), /remembered under 7/],
  ['a pop of nothing', pickle('0'), /a value on the stack/],
  ['a mark that is not there', pickle('t'), /expected a mark/],
  ['a value below the mark', pickle('}(0'), /a value on the stack/],
  ['items for a number', pickle('K\x01K\x02K\x03s'), /a dict and pairs/],
  ['a key that is a list', pickle('}]K\x01s'), /a key that cannot change/],
  ['state for a number', pickle('K\x01}b'), /something that has a state/],
  ['protocol 6', join('\x80\x06N.'), /protocol 5 at most/],
  ['text that is not UTF-8', pickle(join('X', le([1, 4]), 0xff)), /text in UTF-8/],
  ['an integer of a million bytes', pickle('\x8b', le([1_000_000, 4])), /an integer of at most 256 bytes/],
  ['a text of 4 GB', pickle('X', le([0xffffffff, 4])), /cut short or damaged/],
  ['a text of 2^60 bytes', pickle('\x8d', le([2n ** 60n, 8])), /a size below 2\^53/],
  ['a text of 2^50 bytes', pickle('\x8e', le([2n ** 50n, 8])), /expected at least \d+ bytes of pickle/],
  ['a module name without end', pickle(`c${'x'.repeat(300)}`), /a name of at most 256 bytes/],
  ['no end', join('\x80\x02}'), /expected at least 4 bytes of pickle, got 3/],
  ['nothing at all', new Uint8Array(0), /bytes of pickle, got 0/],
  ['no dict', pickle('N'), /expected a dict of tensors, got something else/],
  ['no tensors', pickle('}', text('epoch'), whole(3), 's'), /got a dict with the keys "epoch"/],
  ['a tensor alone', pickle(tensor({ elements: 4, shape: [4], stride: [1] })), /got a single tensor/],
  [
    'numpy objects',
    pickle('cnumpy\ndtype\n(', text('O8'), whole(0), whole(1), 'tR'),
    /a numpy dtype of numbers, not "O8"/,
  ],
  ['a codec other than latin1', pickle(call('_codecs', 'encode', text('x'), text('rot13'))), /encoded in latin1/],
  [
    'complex numbers',
    dictOf(tensor({ elements: 2, shape: [2], stride: [1], type: 'ComplexFloatStorage' })),
    /"torch\.ComplexFloatStorage"/,
  ],
];

describe('a pickle in a checkpoint is refused, and nothing run, when it holds', () => {
  it.each(pickles)('%s', async (_, bytes, message) => {
    expect(await refusal(archive(bytes, [four]))).toMatch(message);
  });

  it('more kinds of names than a message should list', async () => {
    const many = Array.from({ length: 14 }, (_, i) => `cm\nf${i}\n0`);
    expect(await refusal(archive(pickle(...many, 'N')))).toMatch(/"m\.f9", 4 more\./);
  });
});

const tensors: readonly [string, Uint8Array, RegExp][] = [
  ['beyond its storage', tensor({ elements: 4, shape: [5], stride: [1] }), /inside its storage of 4 elements/],
  ['from an offset beyond it', tensor({ elements: 4, offset: 5, shape: [0], stride: [1] }), /inside its storage/],
  ['with strides that leave it', tensor({ elements: 4, shape: [2, 2], stride: [3, 1] }), /strides \[3, 1\]/],
  ['expanded to a terabyte', tensor({ elements: 4, shape: [2 ** 20, 2 ** 20], stride: [0, 0] }), /expanded tensor/],
  [
    'whose sizes overflow',
    tensor({ elements: 4, shape: [2 ** 52, 2 ** 52], stride: [2 ** 52, 1] }),
    /inside its storage/,
  ],
  ['of huge strides', tensor({ elements: 4, shape: [2, 2], stride: [2 ** 52, 2 ** 52] }), /inside its storage/],
  ['with fewer strides than sizes', tensor({ elements: 4, shape: [2, 2], stride: [1] }), /inside its storage/],
  [
    'of 65 axes',
    tensor({ elements: 4, shape: new Array(65).fill(1), stride: new Array(65).fill(1) }),
    /shape and strides/,
  ],
  [
    'of a negative size',
    join('ctorch._utils\n_rebuild_tensor_v2\n(', 'NK\x00J\xff\xff\xff\xff\x85', 'K\x01\x85', 'tR'),
    /shape and strides/,
  ],
  [
    'of a storage of 2^40 elements',
    tensor({ elements: 2 ** 40, shape: [4], stride: [1] }),
    /of 4398046511104 bytes, got one of 16/,
  ],
  [
    'of a storage that is not there',
    tensor({ key: '1', elements: 4, shape: [4], stride: [1] }),
    /"1" of 16 bytes, got none/,
  ],
  [
    'of a storage with a path for a key',
    tensor({ key: '../../etc/passwd', elements: 4, shape: [4], stride: [1] }),
    /got none/,
  ],
  ['of something else than a storage', join('ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))tR'), /not None, 0/],
];

describe('a tensor is refused, and nothing allocated, when it is', () => {
  it.each(tensors)('%s', async (_, bytes, message) => {
    expect(await refusal(archive(dictOf(bytes), [four]))).toMatch(message);
  });

  it('of one storage, as numbers of two kinds', async () => {
    const a = tensor({ elements: 4, shape: [4], stride: [1] });
    const b = tensor({ elements: 4, shape: [4], stride: [1], type: 'IntStorage' });
    const both = pickle('}(', text('a'), a, text('b'), b, 'u');
    expect(await refusal(archive(both, [four]))).toMatch(/storage "0" to be 4 float32 wherever/);
  });

  it('a bool of 2', async () => {
    const bool = dictOf(tensor({ elements: 2, shape: [2], stride: [1], type: 'BoolStorage' }));
    expect(await refusal(archive(bool, [{ name: 'a/data/0', data: Uint8Array.of(1, 2) }]))).toMatch(/expected 0 or 1/);
  });
});

describe('a short pickle that asks for much is stopped', () => {
  it('when it copies a long list again and again', async () => {
    const list = join('](', ...new Array(5000).fill('N'), 'eq\x00');
    const copies = new Array(200).fill('c__builtin__\nset\n(h\x00tR0');
    expect(await refusal(archive(pickle(list, ...copies)))).toMatch(/at most 2\d{5} objects/);
  });

  it('when it makes empty lists without end', async () => {
    expect(await refusal(archive(pickle(']'.repeat(500_000))))).toMatch(/at most 2\d{5} objects/);
  });

  it('when its steps do not end', async () => {
    expect(await refusal(archive(pickle('N0'.repeat(1_100_000))))).toMatch(/at most 1\d{6} steps/);
  });

  it('when it remembers without end', async () => {
    const puts = new Uint8Array(5 * 410_000);
    const view = new DataView(puts.buffer);
    for (let i = 0; i < 410_000; i++) {
      view.setUint8(5 * i, 0x72);
      view.setUint32(5 * i + 1, i, true);
    }
    expect(await refusal(archive(pickle('N', puts)))).toMatch(/at most 2\d{5} objects/);
  });

  it('when tensors of one storage would need a thousand times the file', async () => {
    const shared = { name: 'a/data/0', data: new Uint8Array(400_000) };
    const views = Array.from({ length: 1000 }, (_, i) => [
      text(`w${i}`),
      tensor({ elements: 100_000, offset: i, shape: [90_000], stride: [1] }),
    ]);
    expect(await refusal(archive(pickle('}(', ...views.flat(), 'u'), [shared]))).toMatch(/Its tensors overlap/);
  });

  it('and a dict that holds itself ends', async () => {
    const loop = pickle(
      '}q\x00',
      text('self'),
      'h\x00s',
      text('w'),
      tensor({ elements: 4, shape: [4], stride: [1] }),
      's',
    );
    const { tensors } = await readWeights(memoryFiles({ w: archive(loop, [four]) }), 'w');
    expect([...tensors.keys()]).toEqual(['w']);
  });

  it('and names of the prototype are names like any other', async () => {
    const one = tensor({ elements: 4, shape: [4], stride: [1] });
    const odd = pickle('}(', text('__proto__'), one, text('constructor'), one, 'u');
    const { tensors } = await readWeights(memoryFiles({ w: archive(odd, [four]) }), 'w');
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });
});

const files = (four: ZipFile): readonly ZipFile[] => [{ name: 'a/data.pkl', data: good }, four];

const archives: readonly [string, Uint8Array, RegExp][] = [
  ['files that overlap', zip(files({ ...four, claims: { header: 3 } })), /Files overlap/],
  [
    'two files at one place',
    zip([...files(four), { name: 'a/data/1', data: four.data, claims: { header: 0 } }]),
    /Files overlap/,
  ],
  ['a file of 4 GB', zip(files({ ...four, claims: { size: 0xfffffff0 } })), /4294967280 bytes after a header/],
  [
    'a file that reaches into the directory',
    zip(files({ ...four, claims: { size: 40 } })),
    /Files overlap, or it is cut short/,
  ],
  ['a compressed file', zip(files({ ...four, claims: { method: 8 } })), /"a\/data\/0" compressed \(method 8\)/],
  ['an encrypted file', zip(files({ ...four, claims: { flags: 1 } })), /"a\/data\/0" encrypted/],
  ['a name twice', zip([...files(four), { ...four }]), /two files called "a\/data\/0"/],
  ['a billion files', archive(good, [four], { end: { count: 0xfffe } }), /a directory of 65534 files/],
  ['2^40 files', archive(good, [four], { wide: true, end: { count: 2 ** 40 } }), /a directory of 1099511627776 files/],
  [
    'a directory of a terabyte',
    archive(good, [four], { wide: true, end: { size: 2 ** 40 } }),
    /in 1099511627776 bytes/,
  ],
  ['a directory beyond the end', archive(good, [four], { end: { offset: 2 ** 31 } }), /from byte 2147483648/],
  ['no pickle', zip([four]), /one data\.pkl, got 0/],
  ['two pickles', archive(good, [{ name: 'b/data.pkl', data: good }]), /one data\.pkl, got 2/],
  ['a TorchScript program', fixtureBytes('program.pt'), /got a TorchScript program/],
  ['big-endian numbers', archive(good, [four, { name: 'a/byteorder', data: join('big') }]), /the byte order "big"/],
  ['a version of the future', zip([...files(four), { name: 'a/version', data: join('11') }]), /version 10 .* got "11"/],
  ['a version that is none', zip([...files(four), { name: 'a/version', data: join('x') }]), /got "x"/],
];

describe('an archive is refused when it holds', () => {
  it.each(archives)('%s', async (_, bytes, message) => {
    expect(await refusal(bytes)).toMatch(message);
  });

  it('a pickle that its checksum does not fit', async () => {
    const bytes = archive(good, [four]).slice();
    bytes[45] = 0x4e;
    expect(await refusal(bytes)).toMatch(/"a\/data\.pkl" with another checksum/);
  });

  it('a local header other than the directory says', async () => {
    const bytes = archive(good, [four]).slice();
    bytes[join('PK\x03\x04').length + 26] = 0x62;
    expect(await refusal(bytes)).toMatch(/another local header/);
  });
});

describe('a checkpoint that is cut short is refused at every length', () => {
  it.each(['plain.zip.pth', 'plain.legacy.pth', 'plain.tar.pth'])('%s', async (name) => {
    const bytes = fixtureBytes(name);
    const step = name === 'plain.legacy.pth' ? 1 : 7;
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1; // zeros fill the end of a tar archive
    for (let n = 0; n < end; n += step) await refusal(bytes.subarray(0, n));
  });
});

describe('a checkpoint of before 1.6 is refused when it holds', () => {
  const magic = pickle('\x8a\x0a', le([0x1950a86a20f9469cfc6cn, 10]));
  const version = pickle('M\xe9\x03');
  const system = (little: boolean): Uint8Array => pickle('}', text('little_endian'), little ? '\x88' : '\x89', 's');
  const keys = pickle('](', text('0'), 'e');
  const oldTensor = (elements: number): Uint8Array =>
    pickle(
      '}',
      text('w'),
      'ctorch._utils\n_rebuild_tensor\n((',
      text('storage'),
      'ctorch\nFloatStorage\n',
      text('0'),
      text('cpu'),
      whole(elements),
      'NtQK\x00K\x04\x85K\x01\x85tRs',
    );
  const data = (count: number): Uint8Array => join(le([count, 8]), new Uint8Array(16));

  it('is read when it tells the truth', async () => {
    const bytes = join(magic, version, system(true), oldTensor(4), keys, data(4));
    const { tensors, format } = await readWeights(memoryFiles({ w: bytes }), 'w');
    expect([format, tensors.get('w')?.shape]).toEqual(['torch-legacy', [4]]);
  });

  it.each([
    ['another pickle', pickle('K\x01'), /a pickle of 1\. Is it another kind/],
    ['a persistent id where none can be', pickle('NQ'), /a pickle that stands alone/],
    ['another version', join(magic, pickle('K\x05')), /version 5 of the format/],
    ['big-endian numbers', join(magic, version, system(false), oldTensor(4), keys, data(4)), /got big-endian/],
    [
      'a storage larger than the file',
      join(magic, version, system(true), oldTensor(2 ** 40), keys, data(4)),
      /a claim of 4398046511104/,
    ],
    [
      'another count in front of a storage',
      join(magic, version, system(true), oldTensor(4), keys, data(5)),
      /4 elements, got 5 in front/,
    ],
    ['no keys', join(magic, version, system(true), oldTensor(4), pickle(']'), data(4)), /0 keys for 1 storages/],
    ['os.system in its facts of the machine', join(magic, version, pickle('cos\nsystem\n)R')), /"os\.system"/],
    [
      'os.system in its keys',
      join(magic, version, system(true), oldTensor(4), pickle('cos\nsystem\n)R'), data(4)),
      /"os\.system"/,
    ],
  ])('%s', async (_, bytes, message) => {
    expect(await refusal(bytes)).toMatch(message);
  });
});
