import { joinPath } from '../data/files.ts';
import { textBytes } from '../data/output.ts';
import type { ClassifierFacts } from './classifier-facts.ts';
import type { Precision } from './export-run.ts';

/** The name that transformers.js gives a picture network's input. */
export const PIXEL_VALUES = 'pixel_values';

/** The files that transformers.js looks for by its `dtype`: fp32, fp16 and q8. */
const NAMES: Readonly<Record<Precision, string>> = {
  float32: 'model.onnx',
  float16: 'model_fp16.onnx',
  int8: 'model_quantized.onnx',
};

/** Where the folder layout has a model. */
export function transformersPath(folder: string, precision: Precision): string {
  return joinPath(folder, `onnx/${NAMES[precision]}`);
}

/**
 * Pillow's number of the Lanczos filter: the only one that the library's processor applies with antialiasing (in Node; in
 * a page it draws on a canvas, whatever is said here), and so the nearest to our bilinear and bicubic ones.
 */
const LANCZOS = 1;

/**
 * The configuration files of the folder layout. `resnet` names the class of network by which that library runs any
 * graph from pixels to logits; the preparation is ours as far as its image processor goes.
 */
export function transformersFiles(facts: ClassifierFacts): ReadonlyMap<string, Uint8Array> {
  const { classes, transform, licence, multiLabel, model } = facts;
  const { size, resize, mean, std } = transform;
  const config = {
    architectures: ['ResNetForImageClassification'],
    model_type: 'resnet',
    problem_type: multiLabel ? 'multi_label_classification' : 'single_label_classification',
    num_labels: classes.length,
    id2label: Object.fromEntries(classes.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(classes.map((name, i) => [name, i])),
    image_size: size,
    farsight: { model, licence, version: facts.version },
  };
  const processor = {
    image_processor_type: 'BitImageProcessor',
    do_convert_rgb: true,
    do_resize: true,
    size: { shortest_edge: resize },
    resample: LANCZOS,
    do_center_crop: true,
    crop_size: { width: size, height: size },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
  const json = (value: unknown): Uint8Array => textBytes(`${JSON.stringify(value, null, 2)}\n`);
  return new Map([
    ['config.json', json(config)],
    ['preprocessor_config.json', json(processor)],
  ]);
}
