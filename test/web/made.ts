import sharp, { type Sharp } from 'sharp';
import { random } from '../../src/core/random.ts';
import { initialise } from '../../src/model/init.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { type Classifier, classifierPieces } from '../../src/train/classifier.ts';
import { encodeClassifier } from '../../src/train/export.ts';
import { classifier, traceInference } from '../../src/train/network.ts';

/** A small classifier with a non-local and global-context blocks; its weights are those of a seed. */
export function madeClassifier(): Classifier {
  const model = {
    name: 'resnet14-gc',
    overrides: {
      context: [
        { context: { kind: 'global-context', ratio: 0.25 }, position: 'after-add', stages: [1] },
        { context: { kind: 'non-local' }, position: 'after-block', stages: [3], blocks: [1] },
      ],
    },
  };
  const classes = ['red', 'green', 'blue', 'grey'];
  const transform = {
    kind: 'evaluation',
    size: 32,
    resize: 36,
    interpolation: 'bilinear',
    intermediate: 'uint8',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  } as const;
  const { network } = classifier(model, classes.length);
  const { state } = traceInference(network, { batch: 1, size: 32, provider: 'cpu' });
  const weights = new Map(state.map((spec) => [spec.name, initialise(spec, 1)]));
  return { facts: { model, classes, transform, licence: null, version: '0' }, network, weights };
}

/** The classifier's files by address: `weights.safetensors` and `model.onnx`. */
export async function modelFiles(made: Classifier): Promise<Map<string, Uint8Array>> {
  return new Map([
    ['/weights.safetensors', Buffer.concat(classifierPieces(made))],
    ['/model.onnx', await encodeClassifier(nodeRuntime(), made)],
  ]);
}

/** Pictures of every format, by address: smooth colours with some noise, 61 x 47. */
export async function pictureFiles(): Promise<Map<string, Uint8Array>> {
  const [width, height] = [61, 47];
  const rgb = pixels(width, height, 3);
  const rgba = pixels(width, height, 4);
  const opaque = (): Sharp => sharp(rgb, { raw: { width, height, channels: 3 } });
  const clear = (): Sharp => sharp(rgba, { raw: { width, height, channels: 4 } });
  const made: readonly (readonly [string, Sharp])[] = [
    ['plain-colour.png', opaque().png()],
    ['alpha.png', clear().png()],
    ['alpha.webp', clear().webp({ lossless: true, exact: true })],
    ['deep.png', opaque().toColourspace('rgb16').png()],
    ['grey.png', opaque().greyscale().png()],
    ['profile.png', opaque().withIccProfile('p3').png()],
    ['still.gif', opaque().gif()],
    ['photo.jpg', opaque().jpeg({ quality: 90 })],
    ['upright.jpg', opaque().jpeg({ quality: 90 }).withMetadata({ orientation: 6 })],
    ['photo.webp', opaque().webp({ quality: 90 })],
    ['photo.avif', opaque().avif({ quality: 90 })],
  ];
  const files = await Promise.all(made.map(async ([name, s]) => [`/${name}`, await s.toBuffer()] as const));
  return new Map(files);
}

function pixels(width: number, height: number, channels: number): Uint8Array {
  const draws = random(0, 'web', channels);
  const wave = (x: number, y: number, c: number): number => 128 + 90 * Math.sin((x + 2 * y) / (7 + 4 * c) + c);
  return Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const at = Math.floor(i / channels);
    return wave(at % width, Math.floor(at / width), i % channels) + 30 * draws.uniform();
  });
}
