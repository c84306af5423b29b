/** What a member of a made tar file may differ in. */
export interface TarOptions {
  readonly type?: string;
  readonly prefix?: string;
  /** Size that the header claims, if not the true one; in base 256 where it is a bigint. */
  readonly claims?: number | bigint;
  readonly checksum?: number;
}

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

/** A header and its member's bytes, in blocks of 512. */
export function tarMember(name: string, content: Uint8Array | string, options: TarOptions = {}): Uint8Array {
  const bytes = typeof content === 'string' ? text(content) : content;
  const block = new Uint8Array(512);
  const size = options.claims ?? bytes.length;
  block.set(text(name).subarray(0, 100), 0);
  block.set(text('0000644\0'), 100);
  if (typeof size === 'number') block.set(text(`${size.toString(8).padStart(11, '0')}\0`), 124);
  else {
    block[124] = 0x80;
    for (let i = 0; i < 8; i++) block[135 - i] = Number((size >> BigInt(8 * i)) & 255n);
  }
  block.set(text(options.type ?? '0'), 156);
  block.set(text('ustar\x0000'), 257);
  block.set(text(options.prefix ?? ''), 345);
  block.fill(32, 148, 156);
  const sum = options.checksum ?? block.reduce((a, b) => a + b, 0);
  block.set(text(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  const padded = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  padded.set(block);
  padded.set(bytes, 512);
  return padded;
}

/** Members one after the other, ended by two blocks of zeros. */
export function tarOf(...members: readonly Uint8Array[]): Uint8Array {
  return joined(...members, new Uint8Array(1024));
}

/** Bytes one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, p) => total + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A pax header that says `records` of the member after it. */
export function paxHeader(records: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = text(rest).length;
    while (String(length).length + text(rest).length !== length) length = String(length).length + text(rest).length;
    return `${length}${rest}`;
  });
  return tarMember('PaxHeaders/x', lines.join(''), { type: 'x' });
}
