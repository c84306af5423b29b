import { random } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import { float32, int64, type Tensor } from '../core/tensor.ts';
import type { StateSpec } from './scope.ts';

/** First values of a parameter or buffer. Standard deviations and bounds are those of the values. */
export type Init =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly std: number }
  /** Normal cut at ±2 (in units of the value, as timm's `trunc_normal_`). */
  | { readonly kind: 'truncated-normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  /** He et al. 2015: normal with std gain / √fan. */
  | { readonly kind: 'kaiming-normal'; readonly fan: 'in' | 'out'; readonly gain?: number }
  /** PyTorch's own default of convolutions and linear layers: uniform within ±1/√fan_in of `fanIn`. */
  | { readonly kind: 'fan-in-uniform'; readonly fanIn?: number };

export const ZEROS: Init = { kind: 'constant', value: 0 };
export const ONES: Init = { kind: 'constant', value: 1 };
/** Torchvision's for convolutions of ResNets: He normal over fan-out, gain √2. */
export const KAIMING_FAN_OUT: Init = { kind: 'kaiming-normal', fan: 'out' };

function fans(shape: readonly number[]): { readonly fanIn: number; readonly fanOut: number } {
  const field = sizeOf(shape.slice(2));
  return { fanIn: (shape[1] ?? 1) * field, fanOut: (shape[0] ?? 1) * field };
}

/** The first value of a state tensor: a function of seed and name alone. */
export function initialise(spec: StateSpec, seed: number): Tensor {
  if (spec.dtype === 'int64') return int64(spec.shape, new Array<number>(sizeOf(spec.shape)).fill(0));
  const data = new Float32Array(sizeOf(spec.shape));
  const draw = drawer(spec, seed);
  for (let i = 0; i < data.length; i++) data[i] = draw();
  return float32(spec.shape, data);
}

function drawer(spec: StateSpec, seed: number): () => number {
  const { init, shape } = spec;
  const r = random(seed, 'init', spec.name);
  const { fanIn, fanOut } = fans(shape);
  switch (init.kind) {
    case 'constant':
      return () => init.value;
    case 'normal':
      return () => init.std * r.normal();
    case 'truncated-normal':
      return () => {
        let x = init.std * r.normal();
        while (Math.abs(x) > 2) x = init.std * r.normal();
        return x;
      };
    case 'uniform':
      return () => init.bound * (2 * r.uniform() - 1);
    case 'kaiming-normal': {
      const std = (init.gain ?? Math.SQRT2) / Math.sqrt(init.fan === 'in' ? fanIn : fanOut);
      return () => std * r.normal();
    }
    case 'fan-in-uniform': {
      const bound = 1 / Math.sqrt(init.fanIn ?? fanIn);
      return () => bound * (2 * r.uniform() - 1);
    }
    default:
      return init satisfies never;
  }
}
