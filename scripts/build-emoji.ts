/**
 * Builds `data/emoji`: Noto emoji to train, Twemoji to test, 64 x 64 WebP on white, one folder a group.
 *
 *     mkdir /tmp/emoji && cd /tmp/emoji && npm init -y
 *     npm install --ignore-scripts emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0
 *     cd - && npx tsx scripts/build-emoji.ts /tmp/emoji/node_modules [OUT_FOLDER]
 *
 * The packages weigh 150 MB, so they are no dependency; their `emoji.json` names the pictures and groups.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { fnv1a } from '../src/core/random.ts';
import type { EmojiFact } from '../src/data/emoji.ts';

/** The fields of a package's `emoji.json` that are used here. */
interface Source {
  readonly name: string;
  readonly unified: string;
  readonly image: string;
  readonly category: string;
  readonly has_img_google: boolean;
  readonly has_img_twitter: boolean;
}

interface Emoji {
  readonly codepoints: string;
  readonly name: string;
  readonly group: string;
  readonly image: string;
}

const SIZE = 64;
/** One kind of emoji in five is never shown in training. */
const UNSEEN = 5;

/** `People & Body` → `people-body`. */
function slug(category: string): string {
  return category
    .toLowerCase()
    .replace(/[^a-z]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** Base emoji that both artists drew; skin tones are listed inside their base emoji and so never appear. */
function baseEmoji(sources: readonly Source[]): Emoji[] {
  return sources
    .filter((s) => s.category !== 'Component' && s.has_img_google && s.has_img_twitter)
    .map((s) => ({
      codepoints: s.unified.toLowerCase(),
      name: s.name.toLowerCase(),
      group: slug(s.category),
      image: s.image,
    }))
    .sort((a, b) => (a.codepoints < b.codepoints ? -1 : 1));
}

/**
 * What an emoji shows, whatever its gender and direction: `woman farmer`, `man farmer` and `farmer` are one kind, as
 * their pictures are nearly the same. FE0F asks for colour, 200D joins, 2640 and 2642 are the gender signs,
 * 27A1 after a joiner turns to the right, 1F468 and 1F469 are man and woman.
 */
function kindOf(codepoints: string): string {
  const parts = codepoints.split('-').filter((c) => c !== 'fe0f');
  if (!parts.includes('200d')) return parts.join('-');
  const dropped = ['200d', '2640', '2642', '27a1'];
  const people = ['1f468', '1f469', '1f9d1'];
  return parts
    .filter((c) => !dropped.includes(c))
    .map((c) => (people.includes(c) ? '1f9d1' : c))
    .join('-');
}

async function encode(folder: string, image: string): Promise<Buffer> {
  return sharp(join(folder, image))
    .flatten({ background: '#ffffff' })
    .resize(SIZE, SIZE)
    .webp({ quality: 85, effort: 6, smartSubsample: true })
    .toBuffer();
}

async function save(path: string, bytes: Buffer): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return bytes.length;
}

async function build(packages: string, out: string): Promise<void> {
  const json = await readFile(join(packages, 'emoji-datasource-google', 'emoji.json'), 'utf8');
  const emoji = baseEmoji(JSON.parse(json) as Source[]);
  const folders = {
    noto: join(packages, 'emoji-datasource-google', 'img', 'google', '64'),
    twemoji: join(packages, 'emoji-datasource-twitter', 'img', 'twitter', '64'),
  };
  for (const part of ['train', 'test']) await rm(join(out, part), { recursive: true, force: true });
  // Some flags are one picture under several names (France, Clipperton Island): all take the first one's kind.
  const kinds = new Map<string, string>();
  const facts: EmojiFact[] = [];
  const bytes = { train: 0, test: 0 };
  for (const { codepoints, name, group, image } of emoji) {
    const noto = await encode(folders.noto, image);
    const digest = createHash('sha256').update(noto).digest('hex');
    const kind = kinds.get(digest) ?? kindOf(codepoints);
    kinds.set(digest, kind);
    const seen = fnv1a(kind) % UNSEEN !== 0;
    const file = `${group}/${codepoints}.webp`;
    if (seen) bytes.train += await save(join(out, 'train', file), noto);
    bytes.test += await save(join(out, 'test', file), await encode(folders.twemoji, image));
    facts.push({ file, codepoints, name, group, seen });
  }
  const index = `[\n${facts.map((f) => JSON.stringify(f)).join(',\n')}\n]\n`;
  await save(join(out, 'index.json'), Buffer.from(index));
  const seen = facts.filter((f) => f.seen).length;
  console.log(`train ${seen} pictures, ${bytes.train} bytes; test ${facts.length} pictures, ${bytes.test} bytes`);
}

const [packages, out = 'data/emoji'] = process.argv.slice(2);
if (packages === undefined) {
  console.error('build-emoji: expected the folder that holds the two packages. See the head of this script.');
  process.exitCode = 1;
} else {
  await build(packages, out);
}
