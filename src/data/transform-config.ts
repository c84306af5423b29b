import { Fault } from '../core/fault.ts';
import type { ResizeKind } from '../core/resize.ts';
import { type AugmentConfig, readAugment, rising } from './augment/config.ts';
import { type Fields, readFields } from './fields.ts';

/** What both transforms share. */
export interface TransformBase {
  /** Side of the square that the network sees, in pixels; 224. */
  readonly size: number;
  /** Filter of the antialiased resize; bilinear. */
  readonly interpolation: ResizeKind;
  /** Subtracted from red, green, blue in 0..1; ImageNet's [0.485, 0.456, 0.406]. */
  readonly mean: readonly number[];
  /** Divides what is left; ImageNet's [0.229, 0.224, 0.225]. */
  readonly std: readonly number[];
}

/** How a picture is prepared to be judged: shorter side to `resize`, centre crop to `size`. */
export interface EvaluationTransform extends TransformBase {
  readonly kind: 'evaluation';
  /** Length of the shorter side after the resize, in pixels; 256 for 224, in general `size` · 8 / 7 rounded. */
  readonly resize: number;
  /** What the resize works on: 8-bit colours as Pillow does, or floats as torch does; uint8. */
  readonly intermediate: 'uint8' | 'float32';
}

/** How a picture is prepared to be learnt from: a random part of it resized to `size`, mirrored or not. */
export interface TrainingTransform extends TransformBase {
  readonly kind: 'training';
  /** Least and greatest share of the area that is cut out; [0.08, 1] (Szegedy et al., arXiv:1409.4842, section 6). */
  readonly scale: readonly number[];
  /** Least and greatest width over height of the part; [3/4, 4/3]. */
  readonly ratio: readonly number[];
  /** Probability of mirroring left to right; 0.5. */
  readonly flip: number;
  /** What else is done to it; nothing. */
  readonly augment: AugmentConfig;
}

/** How pictures become tensors; plain JSON. */
export type TransformConfig = EvaluationTransform | TrainingTransform;

const COMMON = ['kind', 'size', 'interpolation', 'mean', 'std'];

/** The largest side of a prepared picture, so that a typo does not ask for terabytes. */
const MAX_SIDE = 8192;

/** Completes and checks a transform; unknown keys and wrong values are `config` faults. */
export function readTransform(json: unknown, where = 'transform'): TransformConfig {
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
  switch (kind) {
    case 'evaluation': {
      const f = readFields(where, json, [...COMMON, 'resize', 'intermediate']);
      const common = readBase(f);
      const fallback = Math.round((common.size * 8) / 7);
      return {
        kind,
        ...common,
        resize: f.number('resize', { fallback, min: 1, max: MAX_SIDE, integer: true }),
        intermediate: f.word('intermediate', ['uint8', 'float32']),
      };
    }
    case 'training': {
      const f = readFields(where, json, [...COMMON, 'scale', 'ratio', 'flip', 'augment']);
      const { augment } = json as Readonly<Record<string, unknown>>;
      return {
        kind,
        ...readBase(f),
        scale: rising(where, 'scale', f.numbers('scale', [0.08, 1], { min: 1e-6, max: 1 })),
        ratio: rising(where, 'ratio', f.numbers('ratio', [3 / 4, 4 / 3], { min: 1e-3, max: 1e3 })),
        flip: f.number('flip', { fallback: 0.5, min: 0, max: 1 }),
        augment: readAugment(augment, `${where}.augment`),
      };
    }
    default:
      throw new Fault(
        'config',
        `${where}.kind: expected "evaluation" or "training", got ${JSON.stringify(kind) ?? 'nothing'}.`,
      );
  }
}

function readBase(f: Fields): TransformBase {
  return {
    size: f.number('size', { fallback: 224, min: 1, max: MAX_SIDE, integer: true }),
    interpolation: f.word('interpolation', ['bilinear', 'bicubic']),
    mean: f.numbers('mean', [0.485, 0.456, 0.406], {}),
    std: f.numbers('std', [0.229, 0.224, 0.225], { min: 1e-6 }),
  };
}
