import sharp, { type Sharp } from 'sharp';
import { random } from '../../src/core/random.ts';
import { float32, int64, tensor } from '../../src/core/tensor.ts';
import { encode } from '../../src/engine/encode.ts';
import * as op from '../../src/graph/ops/index.ts';
import { constant, input } from '../../src/graph/trace.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { readZip, readZipEntry, type ZipEntry } from '../../src/weights/torch/zip.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { join, le, type ZipFile, zip } from '../weights/torch/build.ts';
import { fixtureBytes } from '../weights/torch/fixtures.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Honest safetensors. */
export function safetensorsSeeds(): readonly Uint8Array[] {
  return [
    writeSafetensors([['a', float32([2, 3], [1, 2, 3, 4, 5, 6])]], { format: 'pt' }),
    writeSafetensors([
      ['layer.weight', tensor('float16', [4], Uint16Array.of(1, 2, 3, 4))],
      ['mask', tensor('bool', [3], Uint8Array.of(1, 0, 1))],
      ['count', int64([], [7])],
      ['empty', float32([0, 3], [])],
    ]),
    writeSafetensors([]),
  ];
}

/** The pickle of an honest archive, and how it is put into that archive again, its checksum right, when it was changed. */
export async function pickleSeed(
  name: string,
): Promise<{ readonly pickle: Uint8Array; readonly wrap: (pickle: Uint8Array) => Uint8Array }> {
  const file = await memoryFiles({ w: fixtureBytes(name) }).open('w');
  const entries = await readZip(file, 'w');
  const data = async (entry: ZipEntry): Promise<Uint8Array> => readZipEntry(file, entry, { where: 'w', most: 1e6 });
  const all = await Promise.all([...entries.values()].map(async (e) => ({ name: e.name, data: await data(e) })));
  const isPickle = (each: ZipFile): boolean => each.name.endsWith('/data.pkl');
  return {
    pickle: all.find(isPickle)!.data,
    wrap: (pickle) => zip(all.map((each) => (isPickle(each) ? { ...each, data: pickle } : each))),
  };
}

/** Small models as we encode them. */
export function onnxSeeds(): readonly Uint8Array[] {
  const x = input('x', 'float32', [2, 3]);
  const weight = constant(float32([3, 2], [1, 2, 3, 4, 5, 6]));
  const metadata = { 'farsight.classifier': '{"classes":["a","b"]}' };
  return [encode(new Map([['y', op.relu(op.matMul(x, weight))]]), { metadata }), encode(new Map([['y', op.relu(x)]]))];
}

/** Pictures of a few pixels in every format that is read. */
export async function pictureSeeds(): Promise<Readonly<Record<'png' | 'jpeg' | 'other', readonly Uint8Array[]>>> {
  const r = random(1, 'pixels');
  const picture = (channels: 1 | 3 | 4): Sharp => {
    const pixels = Uint8Array.from({ length: 24 * 16 * channels }, () => r.integer(256));
    return sharp(pixels, { raw: { width: 24, height: 16, channels } });
  };
  const made = async (each: readonly Sharp[]): Promise<readonly Uint8Array[]> =>
    Promise.all(each.map(async (image) => new Uint8Array(await image.toBuffer())));
  const [png, jpeg, other] = await Promise.all([
    made([
      picture(3).png(),
      picture(4).png(),
      picture(1).png(),
      picture(3).png({ palette: true }),
      picture(3).toColourspace('rgb16').png(),
    ]),
    made([
      picture(3).jpeg(),
      picture(3).jpeg({ progressive: true }),
      picture(1).jpeg(),
      picture(3).withMetadata({ orientation: 6 }).jpeg(),
    ]),
    made([picture(3).webp(), picture(4).webp({ lossless: true }), picture(3).gif()]),
  ]);
  return { png, jpeg, other };
}

/** Tables of pictures. */
export function csvSeeds(): readonly Uint8Array[] {
  return [
    text('file,label\na.jpg,cat\nb.jpg,dog\n"c, d.jpg","cat"\n'),
    text('image;cat;dog;bird\r\na.jpg;1;0;1\r\nb.jpg;0;1;0\r\n'),
    text('\ufeffpath\tlabel\na.jpg\tcat\n"b.jpg"\tdog\n'),
  ];
}

/** Run configurations. */
export function configSeeds(): readonly Uint8Array[] {
  const full = {
    model: {
      name: 'resnet18',
      overrides: {
        context: [{ context: { kind: 'global-context', ratio: 0.25 }, position: 'after-block', stages: [2] }],
      },
    },
    optimizer: { kind: 'adamw', betas: [0.9, 0.99] },
    schedule: { kind: 'cosine', warmup: 3 },
    data: { folder: 'pictures', holdOut: 0.2 },
    epochs: 3,
    seed: 7,
  };
  return [text(JSON.stringify(full)), text('{}'), text('{"model":{"name":"resnet50"},"epochs":1}')];
}

/** Indices of shards, of the embedded pictures, and the facts of a classifier. */
export const indexSeeds: Readonly<Record<'shards' | 'pictures' | 'facts', readonly Uint8Array[]>> = {
  shards: [text('{"metadata":{"total_size":24},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}}')],
  pictures: [text('[{"file":"a/1.png","codepoints":"1f600","name":"grin","group":"a","seen":true}]')],
  facts: [
    text(
      '{"model":{"name":"resnet18","overrides":{}},"classes":["a","b"],"transform":{"kind":"evaluation","size":32},"licence":null,"version":"0"}',
    ),
  ],
};

/** A shard of WebDataset: a tar archive of a picture and its class. */
export function tarSeeds(): readonly Uint8Array[] {
  const member = (name: string, data: Uint8Array): Uint8Array => {
    const octal = (n: number, digits: number): string => `${n.toString(8).padStart(digits - 1, '0')}\0`;
    const fields = `${name.padEnd(100, '\0')}${octal(0o644, 8)}${octal(0, 8)}${octal(0, 8)}${octal(data.length, 12)}${octal(0, 12)}`;
    const head = `${fields}${' '.repeat(8)}0${'\0'.repeat(100)}ustar\x0000`.padEnd(512, '\0');
    const sum = [...head].reduce((total, c) => total + c.charCodeAt(0), 0);
    const checked = `${head.slice(0, 148)}${sum.toString(8).padStart(6, '0')}\0 ${head.slice(156)}`;
    return join(checked, data, new Uint8Array((512 - (data.length % 512)) % 512));
  };
  const two = join(
    member('1.jpg', le([1, 4])),
    member('1.cls', text('0')),
    member('2.jpg', le([1, 4])),
    member('2.cls', text('1')),
  );
  return [join(two, new Uint8Array(1024))];
}
