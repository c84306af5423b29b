import * as op from '../graph/ops/index.ts';
import type { Value } from '../graph/value.ts';
import { type Attempt, computed, type GoldenEnvironment, notSupported, tensorInput } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { runFocalLoss, runSmoothL1 } from './elementwise-losses.ts';
import { runPreprocess } from './preprocess.ts';
import { keyOf, runVariants, sizesOf, variantsOf, wordsOf } from './variants.ts';

type Family = (c: ArrayCase, env: GoldenEnvironment) => Promise<Attempt>;
type Unary = (x: Value) => Value;

/** Operator cases, by the beginning of their name; the first that fits counts. */
const FAMILIES: readonly (readonly [prefix: string, family: Family])[] = [
  ['interpolate', runInterpolate],
  ['pool_', runPool],
  ['grid_sample', runGridSample],
  ['preprocess_', runPreprocess],
  ['smooth_l1', runSmoothL1],
  ['sigmoid_focal_loss', runFocalLoss],
];

/** Runs a case of the folder `ops`. */
export async function runOperator(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const family = FAMILIES.find(([prefix]) => c.name.startsWith(prefix));
  return family ? family[1](c, env) : notSupported(`operator cases named ${c.name}`);
}

/** Runs variants of an operator of one input `x`; `parse` gives undefined for a name that it does not understand. */
async function runUnary(
  c: ArrayCase,
  env: GoldenEnvironment,
  parse: (variant: string) => Unary | undefined,
): Promise<Attempt> {
  const builds = new Map<string, (values: readonly Value[]) => Value>();
  for (const variant of variantsOf(c)) {
    const build = parse(variant);
    if (!build) return notSupported(`the variant "${variant}"`);
    builds.set(variant, ([x]) => build(x!));
  }
  return computed(await runVariants(c, env, ['x'], builds));
}

/** `bicubic_21x11_corners`, `up_27x35`, `sf1.7_recompute`: filter, size or factors, and flags, in any order. */
async function runInterpolate(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const antialias = c.name.startsWith('interpolate_antialias');
  const axes = tensorInput(c, keyOf(c, 'x')).shape.length - 2;
  return runUnary(c, env, (variant) => {
    const words = wordsOf(variant);
    if (words.some((w) => w === 'area' || w === 'exact' || w.includes('-'))) return undefined;
    const values = (word: string): number[] => {
      const given = sizesOf(word);
      return given.length === 1 ? new Array<number>(axes).fill(given[0]!) : given;
    };
    const size = words.find((w) => /^\d+(x\d+)*$/.test(w));
    const factor = words.find((w) => /^sf\d/.test(w));
    if ((size === undefined) === (factor === undefined)) return undefined;
    const mode = words.includes('nearest') ? 'nearest' : words.includes('bicubic') ? 'cubic' : 'linear';
    const options = {
      mode,
      antialias: antialias || words.includes('antialias'),
      alignCorners: words.includes('corners'),
      recompute: words.includes('recompute'),
      ...(size !== undefined ? { size: values(size) } : { scale: values(factor!.slice(2)) }),
    } as const;
    return (x) => op.interpolate(x, options);
  });
}

/** `avg_k3s2p1_ceil_excl`, `k3s3p1_ceil_d2`: kernel, stride (the kernel where absent), padding, dilation; maximum or mean. */
async function runPool(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const axes = tensorInput(c, keyOf(c, 'x')).shape.length - 2;
  return runUnary(c, env, (variant) => {
    const words = wordsOf(variant);
    const read = new Map<string, number[]>();
    for (const word of words.filter((w) => /^([kspd]\d+(x\d+)*)+$/.test(w))) {
      for (const [, letter, text] of word.matchAll(/([kspd])([\dx]+)/g)) {
        const sizes = sizesOf(text!);
        read.set(letter!, sizes.length === 1 ? new Array<number>(axes).fill(sizes[0]!) : sizes);
      }
    }
    const kernel = read.get('k');
    if (!kernel) return undefined;
    const padding = read.get('p') ?? kernel.map(() => 0);
    const window = {
      kernel_shape: kernel,
      strides: read.get('s') ?? kernel,
      pads: [...padding, ...padding],
      ceil_mode: words.includes('ceil') ? 1 : 0,
    };
    if (words.includes('avg')) {
      return (x) => op.averagePool(x, { ...window, count_include_pad: words.includes('excl') ? 0 : 1 });
    }
    return (x) => op.maxPool(x, { ...window, dilations: read.get('d') ?? kernel.map(() => 1) });
  });
}

const SAMPLINGS = { bilinear: 'linear', nearest: 'nearest', bicubic: 'cubic' } as const;
const PADDINGS = ['zeros', 'border', 'reflection'] as const;

/** `bilinear_zeros_corners`: filter, padding, and whether the corners are aligned. */
async function runGridSample(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const builds = new Map<string, (values: readonly Value[]) => Value>();
  for (const variant of variantsOf(c)) {
    const words = wordsOf(variant);
    const mode = Object.entries(SAMPLINGS).find(([name]) => words.includes(name))?.[1];
    const padding = PADDINGS.find((p) => words.includes(p));
    if (!mode || !padding) return notSupported(`the variant "${variant}"`);
    const options = { mode, padding, alignCorners: words.includes('corners') };
    builds.set(variant, ([x, grid]) => op.gridSample(x!, grid!, options));
  }
  return computed(await runVariants(c, env, ['x', 'grid'], builds));
}
