/** Builds zip archives and pickles by hand, to say in them what no honest writer would. */

/** A file of an archive. */
export interface ZipFile {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the directory claims; the truth unless given. */
  readonly claims?: {
    readonly size?: number;
    readonly header?: number;
    readonly method?: number;
    readonly flags?: number;
  };
}

/** Options of {@link zip}. */
export interface ZipOptions {
  /** What the end record claims; the truth unless given. */
  readonly end?: { readonly count?: number; readonly size?: number; readonly offset?: number };
  /** Whether the end record is the 64-bit one. */
  readonly wide?: boolean;
}

/** Bytes of little-endian numbers, each with its width. */
export function le(...numbers: readonly (readonly [value: number | bigint, bytes: number])[]): Uint8Array {
  return Uint8Array.from(
    numbers.flatMap(([value, bytes]) =>
      Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n)),
    ),
  );
}

/** Parts one after the other; a text stands for its Latin-1 bytes. */
export function join(...parts: readonly (string | Uint8Array | number)[]): Uint8Array {
  const bytes = parts.map((p) => {
    if (typeof p === 'number') return Uint8Array.of(p);
    return typeof p === 'string' ? Uint8Array.from(p, (c) => c.charCodeAt(0)) : p;
  });
  const out = new Uint8Array(bytes.reduce((sum, b) => sum + b.length, 0));
  let at = 0;
  for (const b of bytes) {
    out.set(b, at);
    at += b.length;
  }
  return out;
}

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  }
  return (c ^ 0xffffffff) >>> 0;
}

/** A zip archive of stored files. */
export function zip(files: readonly ZipFile[], { end = {}, wide = false }: ZipOptions = {}): Uint8Array {
  const locals: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, data, claims = {} } of files) {
    const { size = data.length, header = at, method = 0, flags = 0 } = claims;
    const crc = crc32(data);
    const both = [
      [crc, 4],
      [size, 4],
      [size, 4],
      [name.length, 2],
    ] as const;
    const local = join('PK\x03\x04', le([0, 2], [flags, 2], [method, 2], [0, 4], ...both, [0, 2]), name, data);
    locals.push(local);
    const rest = le([0, 2], [0, 2], [0, 2], [0, 2], [0, 4], [header, 4]);
    directory.push(join('PK\x01\x02', le([0, 2], [0, 2], [flags, 2], [method, 2], [0, 4], ...both), rest, name));
    at += local.length;
  }
  const entries = join(...directory);
  const { count = files.length, size = entries.length, offset = at } = end;
  const short = le(
    [0, 2],
    [0, 2],
    [wide ? 0xffff : count, 2],
    [wide ? 0xffff : count, 2],
    [wide ? 2 ** 32 - 1 : size, 4],
    [wide ? 2 ** 32 - 1 : offset, 4],
    [0, 2],
  );
  const record = join(
    'PK\x06\x06',
    le([44, 8], [0, 2], [0, 2], [0, 4], [0, 4], [count, 8], [count, 8], [size, 8], [offset, 8]),
  );
  const locator = join('PK\x06\x07', le([0, 4], [at + entries.length, 8], [1, 4]));
  return join(...locals, entries, ...(wide ? [record, locator] : []), 'PK\x05\x06', short);
}

/** An archive as torch.save lays it out. */
export function archive(pickle: Uint8Array, more: readonly ZipFile[] = [], options: ZipOptions = {}): Uint8Array {
  return zip([{ name: 'a/data.pkl', data: pickle }, { name: 'a/version', data: join('3\n') }, ...more], options);
}

/** A pickle of protocol 2 of these parts. */
export function pickle(...parts: readonly (string | Uint8Array | number)[]): Uint8Array {
  return join('\x80\x02', ...parts, '.');
}

/** A text of a pickle. */
export function text(value: string): Uint8Array {
  return join('X', le([value.length, 4]), value);
}

/** A whole number of a pickle. */
export function whole(value: number): Uint8Array {
  return value < 2 ** 31 ? join('J', le([value, 4])) : join('\x8a\x08', le([value, 8]));
}

/** A tensor of a pickle: what its storage, offset, shape and strides claim. */
export function tensor(claim: {
  readonly key?: string;
  readonly elements: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly type?: string;
}): Uint8Array {
  const { key = '0', elements, offset = 0, shape, stride, type = 'FloatStorage' } = claim;
  const sizes = (list: readonly number[]): Uint8Array => join('(', ...list.map(whole), 't');
  const id = join('(', text('storage'), `ctorch\n${type}\n`, text(key), text('cpu'), whole(elements), 'tQ');
  return join('ctorch._utils\n_rebuild_tensor_v2\n(', id, whole(offset), sizes(shape), sizes(stride), '\x89}tR');
}

/** A pickle of a dict with one tensor `w`. */
export function dictOf(value: Uint8Array): Uint8Array {
  return pickle('}', text('w'), value, 's');
}
