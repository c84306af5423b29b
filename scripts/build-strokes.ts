/**
 * Makes `data/strokes/characters.json` of the npm package `hanzi-writer-data`, unpacked into a folder:
 * `npx tsx scripts/build-strokes.ts FOLDER`. The same folder gives the same file.
 *
 * Chosen are characters of 6 to 14 strokes of which some, not all, belong to the radical: the first 1,500 by the FNV-1a
 * hash of their codepoint. Each is 64 points along its strokes: two for each stroke, the others by length.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fnv1a } from '../src/core/random.ts';

type Point = readonly [number, number];

const POINTS = 64;
const CHARACTERS = 1500;

interface Drawn {
  readonly medians: readonly (readonly Point[])[];
  readonly radStrokes?: readonly number[];
}

function length(stroke: readonly Point[]): number {
  return stroke.slice(1).reduce((sum, [x, y], i) => sum + Math.hypot(x - stroke[i]![0], y - stroke[i]![1]), 0);
}

/** How many points each stroke gets: two, and a share of the rest by length, the largest remainders first. */
function shares(strokes: readonly (readonly Point[])[]): number[] {
  const lengths = strokes.map(length);
  const total = lengths.reduce((a, b) => a + b, 0);
  const wanted = lengths.map((l) => ((POINTS - 2 * strokes.length) * l) / total);
  const given = wanted.map(Math.floor);
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[b]! - given[b]! - (wanted[a]! - given[a]!) || a - b);
  const left = POINTS - 2 * strokes.length - given.reduce((a, b) => a + b, 0);
  for (const i of order.slice(0, left)) given[i]! += 1;
  return given.map((n) => n + 2);
}

/** `count` points at equal distances along a stroke, its two ends among them. */
function along(stroke: readonly Point[], count: number): Point[] {
  const step = length(stroke) / (count - 1);
  const out: Point[] = [stroke[0]!];
  let [segment, before] = [1, 0];
  for (let i = 1; i < count; i++) {
    const at = i * step;
    for (;;) {
      const [a, b] = [stroke[segment - 1]!, stroke[segment]!];
      const long = Math.hypot(b[0] - a[0], b[1] - a[1]);
      if (before + long >= at || segment === stroke.length - 1) {
        const share = Math.min(1, (at - before) / long);
        out.push([a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])]);
        break;
      }
      before += long;
      segment += 1;
    }
  }
  return out;
}

/** Glyphs lie in 0..1024 by -124..900, the second axis upward; bytes count from the top left, 4 units each. */
function byte(v: number): number {
  return Math.max(0, Math.min(255, Math.round(v / 4)));
}

function packed(character: string, { medians, radStrokes = [] }: Drawn): Readonly<Record<string, unknown>> {
  const strokes = shares(medians);
  const points = medians.flatMap((stroke, i) => along(stroke, strokes[i]!));
  const bytes = Buffer.from(points.flatMap(([x, y]) => [byte(x), byte(900 - y)]));
  return { character, strokes, radical: radStrokes, points: bytes.toString('base64') };
}

const folder = process.argv[2];
if (!folder) throw new Error('Give the folder of the unpacked package.');
const names = (await readdir(folder)).filter((name) => /^.\.json$/u.test(name)).map((name) => name.slice(0, -5));
const chosen: { readonly character: string; readonly drawn: Drawn }[] = [];
for (const character of names) {
  const drawn = JSON.parse(await readFile(join(folder, `${character}.json`), 'utf8')) as Drawn;
  const [all, radical] = [drawn.medians.length, drawn.radStrokes?.length ?? 0];
  if (all >= 6 && all <= 14 && radical > 0 && radical < all) chosen.push({ character, drawn });
}
const key = ({ character }: { readonly character: string }): number => fnv1a(character.codePointAt(0)!.toString(16));
chosen.sort((a, b) => key(a) - key(b));
const rows = chosen.slice(0, CHARACTERS).map(({ character, drawn }) => JSON.stringify(packed(character, drawn)));
const notice =
  'Changed from hanzi-writer-data 2.0.1 (Make Me a Hanzi; fonts by Arphic Technology): a choice of its characters, each resampled to 64 points. Under the Arphic Public License, ARPHICPL.TXT.';
const text = `{"notice":${JSON.stringify(notice)},"characters":[\n${rows.join(',\n')}\n]}\n`;
await writeFile(new URL('../data/strokes/characters.json', import.meta.url), text);
console.log(`${rows.length} of ${chosen.length} characters`);
