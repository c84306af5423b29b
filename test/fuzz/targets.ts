import { readEmojiIndex } from '../../src/data/emoji.ts';
import { MAX_PIXELS } from '../../src/data/image.ts';
import { openLabelled } from '../../src/data/open.ts';
import { readModelFacts } from '../../src/engine/read-model.ts';
import { sharpDecoder } from '../../src/runtime/node/decode.ts';
import { readClassifierFacts } from '../../src/train/classifier-facts.ts';
import { readJson } from '../../src/train/folder.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { readWeights } from '../../src/weights/open.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import { readShardIndex } from '../../src/weights/sharded.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { fixtureBytes } from '../weights/torch/fixtures.ts';
import * as seeds from './seeds.ts';
import type { Target } from './target.ts';

const weights = (bytes: Uint8Array): Promise<unknown> =>
  readWeights(memoryFiles({ w: bytes }), 'w', { toFloat32: true });
const decode = (bytes: Uint8Array): Promise<unknown> => sharpDecoder.decode(bytes, 'picture');
const said = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const pictures = { 'd/a.jpg': new Uint8Array(1), 'd/b.jpg': new Uint8Array(1), 'd/c, d.jpg': new Uint8Array(1) };
const table = (bytes: Uint8Array): Promise<unknown> =>
  openLabelled(memoryFiles({ ...pictures, 'd/labels.csv': bytes }), 'd/labels.csv', {
    classes: ['cat', 'dog', 'bird'],
  });
const shard = (bytes: Uint8Array): Promise<unknown> =>
  openLabelled(memoryFiles({ 'd/0.tar': bytes }), 'd', { classes: ['0', '1'] });
const config = async (bytes: Uint8Array): Promise<unknown> =>
  readRunConfig(await readJson(memoryFiles({ 'config.json': bytes }), 'config.json'));

/**
 * Bytes that a pixel takes while it is decoded. WebP and GIF pack plain areas to almost nothing, so that their length
 * says little of their pixels: what bounds them is the limit of pixels.
 */
const PIXEL_BYTES = 6;

/** Every target. PNG and JPEG are fewer, as each takes milliseconds. */
export async function targets(): Promise<readonly Target[]> {
  const { png, jpeg, other } = await seeds.pictureSeeds();
  const [plain, wrapped] = await Promise.all(['plain.zip.pth', 'wrapped.zip.pth'].map(seeds.pickleSeed));
  const torch = (name: string): readonly Uint8Array[] => [`plain.${name}.pth`, `wrapped.${name}.pth`].map(fixtureBytes);
  return [
    { name: 'safetensors', share: 16, seeds: seeds.safetensorsSeeds(), read: weights },
    { name: 'safetensors-whole', share: 4, seeds: seeds.safetensorsSeeds(), read: (b) => readSafetensors(b) },
    { name: 'pth-zip', share: 10, seeds: [...torch('zip'), fixtureBytes('plain.protocol4.pth')], read: weights },
    { name: 'pth-pickle', share: 9, seeds: [plain!.pickle], wrap: plain!.wrap, read: weights },
    { name: 'pth-nested-pickle', share: 7, seeds: [wrapped!.pickle], wrap: wrapped!.wrap, read: weights },
    { name: 'pth-legacy', share: 10, seeds: torch('legacy'), read: weights },
    { name: 'pth-tar', share: 6, seeds: [fixtureBytes('plain.tar.pth')], read: weights },
    { name: 'onnx', share: 8, seeds: seeds.onnxSeeds(), read: (b) => readModelFacts(b, 'm.onnx') },
    { name: 'csv', share: 9, seeds: seeds.csvSeeds(), read: table },
    { name: 'webdataset', share: 3, seeds: seeds.tarSeeds(), read: shard },
    { name: 'run-config', share: 4, seeds: seeds.configSeeds(), read: config },
    { name: 'shard-index', share: 3, seeds: seeds.indexSeeds.shards, read: (b) => readShardIndex(said(b), 'i.json') },
    {
      name: 'picture-index',
      share: 2,
      seeds: seeds.indexSeeds.pictures,
      read: (b) => readEmojiIndex(memoryFiles({ 'd/index.json': b }), 'd'),
    },
    { name: 'classifier', share: 2, seeds: seeds.indexSeeds.facts, read: (b) => readClassifierFacts(said(b), 'w') },
    { name: 'png', share: 3, seeds: png, read: decode },
    { name: 'jpeg', share: 3, seeds: jpeg, read: decode },
    { name: 'webp-gif', share: 1, seeds: other, mostBytes: PIXEL_BYTES * MAX_PIXELS, read: decode },
  ];
}
