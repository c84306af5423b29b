/**
 * The inner loops of src/data/jpeg, in AssemblyScript; `node scripts/jpeg-kernel.mjs` makes src/data/jpeg/kernel.ts of
 * them. Baseline JPEG as in ITU-T T.81: Huffman decoding (annex F.2.2), dequantisation, inverse DCT (annex A.3.3);
 * then the antialiased resize of a part of each plane, and colours (JFIF 1.02). Memory is given out by the caller.
 */

// Where the numbers of one scan stand, in 32-bit words from the address given to `scan`.
// The first component; of each: across, down, DC table, AC table, quantisers, plane, stride, last DC, side of a block.
const COMPONENT = 16;
const EACH = 9;

// A Huffman table: entries for the next 10 bits, then what longer codes need.
const LOOK = 10;
const ENTRIES = 1 << LOOK;
const LIMIT: usize = ENTRIES * 4; // [17] u32: codes of this length are below it, left-aligned to 16 bits
const FIRST: usize = LIMIT + 68; // [17] i32: index of the symbol of code 0 of this length
const SYMBOLS: usize = FIRST + 68; // [256] u8
const LONG = 64; // entry: more bits than the table has follow
const END_OF_BLOCK = 127;

// What passes over coefficients: an entry for the next 11 bits, with all the codes that are whole in them.
const FAR: u32 = 11;
const OVER: usize = SYMBOLS + 256;
const END = 128; // entry: an end of block is the last of the codes

let buffer: u64 = 0; // bits to come, the first one highest
let bits: i32 = 0;
let at: usize = 0;
let end: usize = 0;
let short: i32 = 0; // bytes that were asked for beyond the end or a marker

// Coefficient k of the zigzag order stands at [column, row] of a block; 16 more for runs beyond the end.
const ZIGZAG: usize = memory.data<u8>([
  0, 8, 1, 2, 9, 16, 24, 17, 10, 3, 4, 11, 18, 25, 32, 40, 33, 26, 19, 12, 5, 6, 13, 20, 27, 34, 41, 48, 56, 49, 42, 35,
  28, 21, 14, 7, 15, 22, 29, 36, 43, 50, 57, 58, 51, 44, 37, 30, 23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62,
  55, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
]);
const BLOCK: usize = memory.data(128, 16); // [8, 8] i16, transposed

/** The first byte of memory that the caller may give out. */
export function base(): usize {
  return __heap_base;
}

/**
 * Builds a Huffman table at `out` from the 16 counts of T.81's BITS and the symbols of HUFFVAL. Gives 0, or 1 where the
 * counts are no code.
 */
export function table(counts: usize, symbols: usize, out: usize, direct: i32): i32 {
  for (let i = 0; i < ENTRIES; i++) store<u32>(out + (i << 2), LONG);
  let code: u32 = 0;
  let index: i32 = 0;
  for (let length: i32 = 1; length <= 16; length++) {
    const n: i32 = load<u8>(counts + length - 1);
    store<i32>(out + FIRST + length * 4, index - <i32>code);
    for (let i: i32 = 0; i < n; i++) {
      if (index > 255 || code >= <u32>(1 << length)) return 1;
      const symbol: u32 = load<u8>(symbols + index);
      store<u8>(out + SYMBOLS + index, symbol);
      if (length <= LOOK) entries(out, code, length, symbol, direct);
      code++;
      index++;
    }
    store<u32>(out + LIMIT + length * 4, code << (16 - length));
    code <<= 1;
  }
  if (!direct) over(out);
  return 0;
}

/** Entries that pass over several coefficients: bits used (6), LONG and END (2), coefficients (8). */
function over(tables: usize): void {
  for (let i: u32 = 0; i < <u32>(1 << FAR); i++) {
    let used: u32 = 0;
    let passed: u32 = 0;
    let flags: u32 = 0;
    while (true) {
      const entry = load<u32>(tables + ((((i << used) & ((1 << FAR) - 1)) >> (FAR - LOOK)) << 2));
      if (entry & LONG || used + (entry & 63) > FAR) {
        if (used == 0) flags = LONG;
        break;
      }
      used += entry & 63;
      const run = (entry >> 8) & 255;
      if (run == END_OF_BLOCK) {
        flags = END;
        break;
      }
      passed += run + 1;
    }
    store<u32>(tables + OVER + (i << 2), used | flags | (passed << 8));
  }
}

/** An entry: bits used (6), LONG (1), run of zeros or symbol (8), value (16). */
function entries(out: usize, code: u32, length: i32, symbol: u32, direct: i32): void {
  const size: i32 = direct ? <i32>symbol : <i32>(symbol & 15);
  const run: u32 = direct ? 0 : size == 0 && symbol >> 4 != 15 ? END_OF_BLOCK : symbol >> 4;
  const rest = LOOK - length;
  const from = code << rest;
  for (let i: u32 = 0; i < <u32>(1 << rest); i++) {
    let entry: u32 = LONG | length | (symbol << 8);
    if (size <= rest) {
      const raw: i32 = <i32>(i >> (rest - size));
      const value = size == 0 ? 0 : raw < 1 << (size - 1) ? raw - (1 << size) + 1 : raw;
      entry = (length + size) | (run << 8) | (<u32>value << 16);
    }
    store<u32>(out + ((from + i) << 2), entry);
  }
}

/** Fills the buffer up to at least 33 bits, byte by byte: FF 00 is the byte FF, another marker ends the data. */
function refillSlowly(): void {
  while (bits <= 56) {
    let byte: u64 = 0;
    if (at < end) {
      byte = load<u8>(at);
      if (byte == 0xff) {
        if (at + 1 < end && load<u8>(at + 1) == 0) at += 2;
        else {
          byte = 0;
          short++;
        }
      } else at++;
    } else short++;
    buffer |= byte << (56 - bits);
    bits += 8;
  }
}

/** A code longer than the table's entries, or with a value that is: [value << 16 | run << 8 | length], or 0 for none. */
function longCode(tables: usize, entry: u32, direct: i32): u32 {
  let length: i32 = entry & 63;
  let symbol: i32 = (entry >> 8) & 255;
  if (length == 0) {
    const next: u32 = <u32>(buffer >> 48);
    length = LOOK + 1;
    while (length <= 16 && next >= load<u32>(tables + LIMIT + length * 4)) length++;
    if (length > 16) return 0;
    symbol = load<u8>(tables + SYMBOLS + ((load<i32>(tables + FIRST + length * 4) + <i32>(next >> (16 - length))) & 255));
  }
  const size: i32 = direct ? symbol : symbol & 15;
  if (size > 15) return 0;
  const run: u32 = direct ? 0 : size == 0 && symbol >> 4 != 15 ? END_OF_BLOCK : symbol >> 4;
  if (size == 0) return length | (run << 8);
  const raw: i32 = <i32>((buffer << length) >> (64 - size));
  const value = raw < 1 << (size - 1) ? raw - (1 << size) + 1 : raw;
  return (length + size) | (run << 8) | (<u32>value << 16);
}

/**
 * Decodes a scan. Words at `p`: data, end, restart interval, components, units across and down, the units wanted (left,
 * right, top, bottom), whether the rest below is left unread. Planes get the wanted units in blocks of 8, 4, 2 or 1. Gives 0, or 1 where the data are damaged.
 */
export function scan(p: usize): i32 {
  at = load<i32>(p);
  end = load<i32>(p, 4);
  const interval = load<i32>(p, 8);
  const components = load<i32>(p, 12);
  const across = load<i32>(p, 16);
  const down = load<i32>(p, 40) ? load<i32>(p, 36) : load<i32>(p, 20);
  const left = load<i32>(p, 24);
  const right = load<i32>(p, 28);
  const top = load<i32>(p, 32);
  const bottom = load<i32>(p, 36);
  let left_to_restart = interval;
  begin(p, components);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      if (interval > 0 && left_to_restart-- == 0) {
        if (restart() != 0) return 1;
        begin(p, components);
        left_to_restart = interval - 1;
      }
      const wanted = y >= top && y < bottom && x >= left && x < right;
      for (let c = 0; c < components; c++) {
        const component = p + (COMPONENT + c * EACH) * 4;
        const failed = wanted ? unit(component, x - left, y - top) : skipUnit(component);
        if (failed != 0) return 1;
      }
    }
  }
  return short * 8 > bits ? 1 : 0; // bits that never were have been used
}

function begin(p: usize, components: i32): void {
  buffer = 0;
  bits = 0;
  short = 0;
  for (let c = 0; c < components; c++) store<i32>(p + (COMPONENT + c * EACH + 7) * 4, 0);
}

/** Passes over a restart marker; gives 1 where there is none. */
function restart(): i32 {
  if (short * 8 > bits) return 1;
  while (at + 1 < end && load<u8>(at) == 0xff && load<u8>(at + 1) == 0xff) at++;
  if (at + 1 >= end || load<u8>(at) != 0xff || (load<u8>(at + 1) & 0xf8) != 0xd0) return 1;
  at += 2;
  return 0;
}

/** Decodes the blocks of one component of one unit into its plane. */
function unit(component: usize, x: i32, y: i32): i32 {
  const h = load<i32>(component);
  const v = load<i32>(component, 4);
  const direct = load<i32>(component, 8);
  const tables = load<i32>(component, 12);
  const quantisers = load<i32>(component, 16);
  const plane = load<i32>(component, 20);
  const stride = load<i32>(component, 24);
  const side = load<i32>(component, 32);
  for (let by = 0; by < v; by++) {
    for (let bx = 0; bx < h; bx++) {
      const last = block(component, direct, tables, quantisers);
      if (last < 0) return 1;
      const out: usize = plane + (y * v + by) * side * stride + (x * h + bx) * side;
      if (side == 8) {
        if (last == 0) flat(out, stride);
        else inverse(out, stride);
      } else inverseSmall(out, stride, side);
    }
  }
  return 0;
}

/** Decodes one block into BLOCK, dequantised; gives the place of the last coefficient, or -1. */
function block(component: usize, direct: usize, tables: usize, quantisers: usize): i32 {
  const zero = i32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 16) v128.store(BLOCK + i, zero);
  if (bits <= 32) refill();
  let entry = load<u32>(direct + <usize>((buffer >> (64 - LOOK)) << 2));
  if (entry & LONG) {
    entry = longCode(direct, entry, 1);
    if (entry == 0) return -1;
  }
  buffer <<= entry & 63;
  bits -= entry & 63;
  const dc = load<i32>(component, 28) + (<i32>entry >> 16);
  store<i32>(component, dc, 28);
  store<i16>(BLOCK, <i16>(dc * load<i16>(quantisers)));
  let next = buffer;
  let count = bits;
  let k: i32 = 1;
  let last: i32 = 0;
  while (k < 64) {
    if (count <= 32) {
      const word = load<u32>(at);
      if (at + 4 <= end && ((~word - 0x01010101) & word & 0x80808080) == 0) {
        next |= <u64>bswap<u32>(word) << (32 - count);
        count += 32;
        at += 4;
      } else {
        buffer = next;
        bits = count;
        refillSlowly();
        next = buffer;
        count = bits;
      }
    }
    entry = load<u32>(tables + <usize>((next >> (64 - LOOK)) << 2));
    if (entry & LONG) {
      buffer = next;
      entry = longCode(tables, entry, 0);
      if (entry == 0) return -1;
    }
    next <<= entry & 63;
    count -= entry & 63;
    k += (entry >> 8) & 255;
    if (k > 63) {
      if (((entry >> 8) & 255) != END_OF_BLOCK) return -1;
      break;
    }
    store<i16>(
      BLOCK + (<usize>load<u8>(ZIGZAG + k) << 1),
      <i16>((<i32>entry >> 16) * load<i16>(quantisers + (<usize>k << 1))),
    );
    last = k;
    k++;
  }
  buffer = next;
  bits = count;
  return last;
}

function refill(): void {
  const word = load<u32>(at);
  if (at + 4 <= end && ((~word - 0x01010101) & word & 0x80808080) == 0) {
    buffer |= <u64>bswap<u32>(word) << (32 - bits);
    bits += 32;
    at += 4;
  } else refillSlowly();
}

/** Passes over the blocks of one component of one unit. */
function skipUnit(component: usize): i32 {
  const blocks = load<i32>(component) * load<i32>(component, 4);
  const direct: usize = load<i32>(component, 8);
  const tables: usize = load<i32>(component, 12);
  for (let b = 0; b < blocks; b++) {
    if (bits <= 32) refill();
    let entry = load<u32>(direct + <usize>((buffer >> (64 - LOOK)) << 2));
    if (entry & LONG) {
      entry = longCode(direct, entry, 1);
      if (entry == 0) return 1;
    }
    buffer <<= entry & 63;
    bits -= entry & 63;
    store<i32>(component, load<i32>(component, 28) + (<i32>entry >> 16), 28);
    let next = buffer;
    let count = bits;
    let k: i32 = 1;
    while (k < 64) {
      if (count <= 32) {
        const word = load<u32>(at);
        if (at + 4 <= end && ((~word - 0x01010101) & word & 0x80808080) == 0) {
          next |= <u64>bswap<u32>(word) << (32 - count);
          count += 32;
          at += 4;
        } else {
          buffer = next;
          bits = count;
          refillSlowly();
          next = buffer;
          count = bits;
        }
      }
      entry = load<u32>(tables + OVER + <usize>((next >> (64 - FAR)) << 2));
      if (!(entry & LONG)) {
        const to = k + ((entry >> 8) & 255);
        if (to < 64 || (to == 64 && !(entry & END))) {
          next <<= entry & 63;
          count -= entry & 63;
          k = entry & END ? 64 : to;
          continue;
        }
      }
      // one code alone: a long one, or the last of the block
      entry = load<u32>(tables + <usize>((next >> (64 - LOOK)) << 2));
      if (entry & LONG) {
        buffer = next;
        entry = longCode(tables, entry, 0);
        if (entry == 0) return 1;
      }
      next <<= entry & 63;
      count -= entry & 63;
      const run = (entry >> 8) & 255;
      if (run == END_OF_BLOCK) break;
      k += run + 1;
      if (k > 64) return 1;
    }
    buffer = next;
    bits = count;
  }
  return 0;
}

/** A block of one colour: its first coefficient over 8, and 128. */
function flat(out: usize, stride: usize): void {
  const level = ((load<i16>(BLOCK) + 4) >> 3) + 128;
  const all: u64 = <u64>(level < 0 ? 0 : level > 255 ? 255 : level) * 0x0101010101010101;
  for (let y: usize = 0; y < 8; y++) store<u64>(out + y * stride, all);
}

// √2 cos(k π / 16) · 2^13
const C1: i16 = 11363;
const C2: i16 = 10703;
const C3: i16 = 9633;
const C5: i16 = 6436;
const C6: i16 = 4433;
const C7: i16 = 2260;
const ONE: i16 = 8192;

let r0: v128 = i32x4.splat(0);
let r1: v128 = i32x4.splat(0);
let r2: v128 = i32x4.splat(0);
let r3: v128 = i32x4.splat(0);
let r4: v128 = i32x4.splat(0);
let r5: v128 = i32x4.splat(0);
let r6: v128 = i32x4.splat(0);
let r7: v128 = i32x4.splat(0);

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function pair(a: i16, b: i16): v128 {
  return i16x8(a, b, a, b, a, b, a, b);
}

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function low(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function high(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function dot(a: v128, b: v128): v128 {
  return i32x4.dot_i16x8_s(a, b);
}

/** One pass along the registers; sums are shifted right by `shift`, rounded. */
// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function pass(shift: i32): void {
  const round = i32x4.splat(1 << (shift - 1));
  const even04l = low(r0, r4);
  const even04h = high(r0, r4);
  const even26l = low(r2, r6);
  const even26h = high(r2, r6);
  const odd13l = low(r1, r3);
  const odd13h = high(r1, r3);
  const odd57l = low(r5, r7);
  const odd57h = high(r5, r7);
  const sumL = i32x4.add(dot(even04l, pair(ONE, ONE)), round);
  const sumH = i32x4.add(dot(even04h, pair(ONE, ONE)), round);
  const difL = i32x4.add(dot(even04l, pair(ONE, -ONE)), round);
  const difH = i32x4.add(dot(even04h, pair(ONE, -ONE)), round);
  const e3l = dot(even26l, pair(C2, C6));
  const e3h = dot(even26h, pair(C2, C6));
  const e2l = dot(even26l, pair(C6, -C2));
  const e2h = dot(even26h, pair(C6, -C2));
  const t0l = i32x4.add(sumL, e3l);
  const t0h = i32x4.add(sumH, e3h);
  const t3l = i32x4.sub(sumL, e3l);
  const t3h = i32x4.sub(sumH, e3h);
  const t1l = i32x4.add(difL, e2l);
  const t1h = i32x4.add(difH, e2h);
  const t2l = i32x4.sub(difL, e2l);
  const t2h = i32x4.sub(difH, e2h);
  let ol = i32x4.add(dot(odd13l, pair(C1, C3)), dot(odd57l, pair(C5, C7)));
  let oh = i32x4.add(dot(odd13h, pair(C1, C3)), dot(odd57h, pair(C5, C7)));
  r0 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(t0l, ol), shift), i32x4.shr_s(i32x4.add(t0h, oh), shift));
  r7 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(t0l, ol), shift), i32x4.shr_s(i32x4.sub(t0h, oh), shift));
  ol = i32x4.add(dot(odd13l, pair(C3, -C7)), dot(odd57l, pair(-C1, -C5)));
  oh = i32x4.add(dot(odd13h, pair(C3, -C7)), dot(odd57h, pair(-C1, -C5)));
  r1 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(t1l, ol), shift), i32x4.shr_s(i32x4.add(t1h, oh), shift));
  r6 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(t1l, ol), shift), i32x4.shr_s(i32x4.sub(t1h, oh), shift));
  ol = i32x4.add(dot(odd13l, pair(C5, -C1)), dot(odd57l, pair(C7, C3)));
  oh = i32x4.add(dot(odd13h, pair(C5, -C1)), dot(odd57h, pair(C7, C3)));
  r2 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(t2l, ol), shift), i32x4.shr_s(i32x4.add(t2h, oh), shift));
  r5 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(t2l, ol), shift), i32x4.shr_s(i32x4.sub(t2h, oh), shift));
  ol = i32x4.add(dot(odd13l, pair(C7, -C5)), dot(odd57l, pair(C3, -C1)));
  oh = i32x4.add(dot(odd13h, pair(C7, -C5)), dot(odd57h, pair(C3, -C1)));
  r3 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(t3l, ol), shift), i32x4.shr_s(i32x4.add(t3h, oh), shift));
  r4 = i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.sub(t3l, ol), shift), i32x4.shr_s(i32x4.sub(t3h, oh), shift));
}

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function transpose(): void {
  const a0 = low(r0, r1);
  const a1 = high(r0, r1);
  const a2 = low(r2, r3);
  const a3 = high(r2, r3);
  const a4 = low(r4, r5);
  const a5 = high(r4, r5);
  const a6 = low(r6, r7);
  const a7 = high(r6, r7);
  const b0 = v128.shuffle<i32>(a0, a2, 0, 4, 1, 5);
  const b1 = v128.shuffle<i32>(a0, a2, 2, 6, 3, 7);
  const b2 = v128.shuffle<i32>(a1, a3, 0, 4, 1, 5);
  const b3 = v128.shuffle<i32>(a1, a3, 2, 6, 3, 7);
  const b4 = v128.shuffle<i32>(a4, a6, 0, 4, 1, 5);
  const b5 = v128.shuffle<i32>(a4, a6, 2, 6, 3, 7);
  const b6 = v128.shuffle<i32>(a5, a7, 0, 4, 1, 5);
  const b7 = v128.shuffle<i32>(a5, a7, 2, 6, 3, 7);
  r0 = v128.shuffle<i64>(b0, b4, 0, 2);
  r1 = v128.shuffle<i64>(b0, b4, 1, 3);
  r2 = v128.shuffle<i64>(b1, b5, 0, 2);
  r3 = v128.shuffle<i64>(b1, b5, 1, 3);
  r4 = v128.shuffle<i64>(b2, b6, 0, 2);
  r5 = v128.shuffle<i64>(b2, b6, 1, 3);
  r6 = v128.shuffle<i64>(b3, b7, 0, 2);
  r7 = v128.shuffle<i64>(b3, b7, 1, 3);
}

/** Inverse DCT of BLOCK: 8 x 8 levels, 13 fraction bits in the factors and 2 between the passes. */
function inverse(out: usize, stride: usize): void {
  r0 = v128.load(BLOCK);
  r1 = v128.load(BLOCK, 16);
  r2 = v128.load(BLOCK, 32);
  r3 = v128.load(BLOCK, 48);
  r4 = v128.load(BLOCK, 64);
  r5 = v128.load(BLOCK, 80);
  r6 = v128.load(BLOCK, 96);
  r7 = v128.load(BLOCK, 112);
  pass(11);
  transpose();
  pass(18);
  const middle = i16x8.splat(128);
  const s01 = i8x16.narrow_i16x8_u(i16x8.add_sat_s(r0, middle), i16x8.add_sat_s(r1, middle));
  const s23 = i8x16.narrow_i16x8_u(i16x8.add_sat_s(r2, middle), i16x8.add_sat_s(r3, middle));
  const s45 = i8x16.narrow_i16x8_u(i16x8.add_sat_s(r4, middle), i16x8.add_sat_s(r5, middle));
  const s67 = i8x16.narrow_i16x8_u(i16x8.add_sat_s(r6, middle), i16x8.add_sat_s(r7, middle));
  store<i64>(out, i64x2.extract_lane(s01, 0));
  store<i64>(out + stride, i64x2.extract_lane(s01, 1));
  store<i64>(out + 2 * stride, i64x2.extract_lane(s23, 0));
  store<i64>(out + 3 * stride, i64x2.extract_lane(s23, 1));
  store<i64>(out + 4 * stride, i64x2.extract_lane(s45, 0));
  store<i64>(out + 5 * stride, i64x2.extract_lane(s45, 1));
  store<i64>(out + 6 * stride, i64x2.extract_lane(s67, 0));
  store<i64>(out + 7 * stride, i64x2.extract_lane(s67, 1));
}

const COSINES: usize = memory.data(64, 16); // [4, 4] f32: ½ c_u cos((2x + 1) u π / 2 side)
const HALFWAY: usize = memory.data(64, 16); // [4, 4] f32
let cosinesOf: i32 = 0;

/** Inverse DCT of the lowest `side` x `side` coefficients: the block at side / 8 of its size. */
function inverseSmall(out: usize, stride: usize, side: i32): void {
  if (cosinesOf != side) {
    for (let x = 0; x < side; x++) {
      for (let u = 0; u < side; u++) {
        const c = u == 0 ? Math.SQRT1_2 : 1;
        store<f32>(COSINES + (x * 4 + u) * 4, <f32>(0.5 * c * Math.cos((<f64>((2 * x + 1) * u) * Math.PI) / <f64>(2 * side))));
      }
    }
    cosinesOf = side;
  }
  for (let u = 0; u < side; u++) {
    for (let y = 0; y < side; y++) {
      let sum: f32 = 0;
      for (let v = 0; v < side; v++) sum += load<f32>(COSINES + (y * 4 + v) * 4) * <f32>load<i16>(BLOCK + (u * 8 + v) * 2);
      store<f32>(HALFWAY + (u * 4 + y) * 4, sum);
    }
  }
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let sum: f32 = 128.5;
      for (let u = 0; u < side; u++) sum += load<f32>(COSINES + (x * 4 + u) * 4) * load<f32>(HALFWAY + (u * 4 + y) * 4);
      store<u8>(out + <usize>y * stride + <usize>x, <u8>(<i32>min<f32>(max<f32>(sum, 0), 255)));
    }
  }
}

/** Triangle, or Catmull-Rom (a = -½), at a distance. */
function filter(cubic: i32, at: f64): f64 {
  const x = Math.abs(at);
  if (!cubic) return x < 1 ? 1 - x : 0;
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Antialiased weights of one axis, as in src/core/resize.ts, of a part `start` + `length` (may be fractions) that lies
 * in the samples `low` to `high`: at `first` [wide] i32, at `weights` [wide, taps] i16 with 14 fraction bits, which are
 * zero from `outputs` on.
 */
export function axis(
  start: f64,
  length: f64,
  low: i32,
  high: i32,
  outputs: i32,
  wide: i32,
  cubic: i32,
  taps: i32,
  first: usize,
  weights: usize,
): void {
  const scale = length / <f64>outputs;
  const widen = Math.max(scale, 1);
  const support = widen * (cubic ? 2 : 1);
  for (let i = 0; i < outputs; i++) {
    const centre = start + (<f64>i + 0.5) * scale;
    const from = max(<i32>Math.floor(centre - support + 0.5), low);
    const to = min(<i32>Math.floor(centre + support + 0.5), high);
    let sum: f64 = 0;
    for (let j = from; j < to; j++) sum += filter(cubic, (<f64>j - centre + 0.5) / widen);
    let whole: i32 = 0;
    let largest: i32 = 0;
    let best: usize = 0;
    for (let t = 0; t < taps; t++) {
      const j = from + t;
      const w = j < to ? <i32>Math.floor((filter(cubic, (<f64>j - centre + 0.5) / widen) / sum) * 16384 + 0.5) : 0;
      const to_ = weights + ((i * taps + t) << 1);
      store<i16>(to_, <i16>w);
      whole += w;
      if (w > largest) {
        largest = w;
        best = to_;
      }
    }
    store<i16>(best, <i16>(largest + 16384 - whole)); // they sum to one
    store<i32>(first + (i << 2), from);
  }
  for (let i = outputs; i < wide; i++) {
    store<i32>(first + (i << 2), low);
    for (let t = 0; t < taps; t++) store<i16>(weights + ((i * taps + t) << 1), 0);
  }
}

/**
 * Resizes rows: `outputs` rows of columns `left` to `left + width` (a multiple of 8) of a plane, [H, stride] u8, to
 * [outputs, width] i16 with 6 fraction bits. Taps: an even number.
 */
export function vertical(
  plane: usize,
  stride: i32,
  left: i32,
  width: i32,
  outputs: i32,
  taps: i32,
  first: usize,
  weights: usize,
  out: usize,
): void {
  const round = i32x4.splat(128);
  for (let y = 0; y < outputs; y++) {
    const rows = plane + load<i32>(first + (y << 2)) * stride + left;
    const w = weights + y * taps * 2;
    const line = out + y * width * 2;
    for (let x = 0; x < width; x += 8) {
      let a = round;
      let b = round;
      for (let t = 0; t < taps; t += 2) {
        const pair = v128.load32_splat(w + (t << 1));
        const row = rows + t * stride + x;
        const upper = v128.load8x8_u(row);
        const lower = v128.load8x8_u(row + stride);
        a = i32x4.add(a, dot(low(upper, lower), pair));
        b = i32x4.add(b, dot(high(upper, lower), pair));
      }
      v128.store(line + (x << 1), i16x8.narrow_i32x4_s(i32x4.shr_s(a, 8), i32x4.shr_s(b, 8)));
    }
  }
}

/**
 * Resizes columns: [rows, width] i16 with 6 fraction bits, whose first column is `left`, to [rows, outputs] u8. Taps and
 * outputs: multiples of 8 and 4.
 */
export function horizontal(
  from: usize,
  width: i32,
  left: i32,
  rows: i32,
  outputs: i32,
  taps: i32,
  first: usize,
  weights: usize,
  out: usize,
): void {
  const round = i32x4.splat(1 << 19);
  for (let x = 0; x < outputs; x += 4) {
    const w0 = weights + x * taps * 2;
    const at = first + (x << 2);
    const c0 = from + ((load<i32>(at) - left) << 1);
    const c1 = from + ((load<i32>(at, 4) - left) << 1);
    const c2 = from + ((load<i32>(at, 8) - left) << 1);
    const c3 = from + ((load<i32>(at, 12) - left) << 1);
    if (taps == 8) {
      const k0 = v128.load(w0);
      const k1 = v128.load(w0, 16);
      const k2 = v128.load(w0, 32);
      const k3 = v128.load(w0, 48);
      for (let y = 0; y < rows; y++) {
        const row = y * width * 2;
        const a = dot(v128.load(c0 + row), k0);
        const b = dot(v128.load(c1 + row), k1);
        const c = dot(v128.load(c2 + row), k2);
        const d = dot(v128.load(c3 + row), k3);
        store4(out + y * outputs + x, a, b, c, d, round);
      }
      continue;
    }
    for (let y = 0; y < rows; y++) {
      const row = y * width * 2;
      let a = i32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      for (let t = 0; t < taps * 2; t += 16) {
        a = i32x4.add(a, dot(v128.load(c0 + row + t), v128.load(w0 + t)));
        b = i32x4.add(b, dot(v128.load(c1 + row + t), v128.load(w0 + taps * 2 + t)));
        c = i32x4.add(c, dot(v128.load(c2 + row + t), v128.load(w0 + taps * 4 + t)));
        d = i32x4.add(d, dot(v128.load(c3 + row + t), v128.load(w0 + taps * 6 + t)));
      }
      store4(out + y * outputs + x, a, b, c, d, round);
    }
  }
}

/** Sums each of four registers, rounds away 20 fraction bits, stores four levels. */
// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function store4(out: usize, a: v128, b: v128, c: v128, d: v128, round: v128): void {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7)); // a b a b
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  const sums = i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
  const levels = i32x4.shr_s(i32x4.add(sums, round), 20);
  const words = i16x8.narrow_i32x4_s(levels, levels);
  store<i32>(out, i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0));
}

/** YCbCr planes to red, green, blue side by side: [n] three times to [n, 3]; n a multiple of 16. JFIF's factors. */
export function colours(luma: usize, blue: usize, red: usize, n: i32, out: usize): void {
  const middle = i16x8.splat(128);
  for (let i = 0; i < n; i += 16) {
    const yl = v128.load8x8_u(luma + i);
    const yh = v128.load8x8_u(luma + i + 8);
    const bl = i16x8.sub(v128.load8x8_u(blue + i), middle);
    const bh = i16x8.sub(v128.load8x8_u(blue + i + 8), middle);
    const rl = i16x8.sub(v128.load8x8_u(red + i), middle);
    const rh = i16x8.sub(v128.load8x8_u(red + i + 8), middle);
    const r = i8x16.narrow_i16x8_u(redOf(yl, rl), redOf(yh, rh));
    const g = i8x16.narrow_i16x8_u(greenOf(yl, bl, rl), greenOf(yh, bh, rh));
    const b = i8x16.narrow_i16x8_u(blueOf(yl, bl), blueOf(yh, bh));
    interleave(out + i * 3, r, g, b);
  }
}

// Fractions of 2^15: 1.402 is 1 + 0.402, 1.772 is 2 - 0.228, 0.71414 is 1 - 0.28586.
// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function redOf(y: v128, red: v128): v128 {
  return i16x8.add(y, i16x8.add(red, i16x8.q15mulr_sat_s(red, i16x8.splat(13173))));
}

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function greenOf(y: v128, blue: v128, red: v128): v128 {
  const some = i16x8.q15mulr_sat_s(blue, i16x8.splat(-11277));
  return i16x8.add(i16x8.sub(i16x8.add(y, some), red), i16x8.q15mulr_sat_s(red, i16x8.splat(9367)));
}

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function blueOf(y: v128, blue: v128): v128 {
  return i16x8.add(y, i16x8.add(i16x8.shl(blue, 1), i16x8.q15mulr_sat_s(blue, i16x8.splat(-7471))));
}

// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function interleave(out: usize, r: v128, g: v128, b: v128): void {
  const rg0 = v128.shuffle<i8>(r, g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
  const rg1 = v128.shuffle<i8>(r, g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
  const rg2 = v128.shuffle<i8>(r, g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
  v128.store(out, v128.shuffle<i8>(rg0, b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
  v128.store(out + 16, v128.shuffle<i8>(rg1, b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15));
  v128.store(out + 32, v128.shuffle<i8>(rg2, b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31));
}

/**
 * Bytes to normalised floats: [size, size, 3] to [3, size, size], v · scale + shift by channel; six f32 at `factors`.
 * Rows and columns are mirrored where asked. Size: at least 16.
 */
export function normalise(pixels: usize, size: i32, factors: usize, mirrored: i32, turned: i32, out: usize): void {
  const plane: usize = size * size * 4;
  for (let y = 0; y < size; y++) {
    const row = pixels + y * size * 3;
    const line = out + (turned ? size - 1 - y : y) * size * 4;
    for (let step = 0; step < size; step += 16) {
      const x = min(step, size - 16);
      const a = v128.load(row + x * 3);
      const b = v128.load(row + x * 3, 16);
      const c = v128.load(row + x * 3, 32);
      const ab0 = v128.shuffle<i8>(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
      const ab1 = v128.shuffle<i8>(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
      const ab2 = v128.shuffle<i8>(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
      const red = v128.shuffle<i8>(ab0, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
      const green = v128.shuffle<i8>(ab1, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
      const blue = v128.shuffle<i8>(ab2, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
      const to: usize = line + (mirrored ? size - 16 - x : x) * 4;
      floats(red, factors, mirrored, to);
      floats(green, factors + 8, mirrored, to + plane);
      floats(blue, factors + 16, mirrored, to + 2 * plane);
    }
  }
}

/** Sixteen levels of one channel. */
// @ts-ignore: decorators of functions are AssemblyScript's
@inline
function floats(given: v128, factors: usize, mirrored: i32, out: usize): void {
  const scale = v128.load32_splat(factors);
  const shift = v128.load32_splat(factors, 4);
  const levels = mirrored
    ? v128.shuffle<i8>(given, given, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
    : given;
  const lower = i16x8.extend_low_i8x16_u(levels);
  const upper = i16x8.extend_high_i8x16_u(levels);
  const f0 = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(lower));
  const f1 = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(lower));
  const f2 = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(upper));
  const f3 = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(upper));
  v128.store(out, f32x4.add(f32x4.mul(f0, scale), shift));
  v128.store(out, f32x4.add(f32x4.mul(f1, scale), shift), 16);
  v128.store(out, f32x4.add(f32x4.mul(f2, scale), shift), 32);
  v128.store(out, f32x4.add(f32x4.mul(f3, scale), shift), 48);
}
