import { Fault } from '../../core/fault.ts';
import { readFields } from '../fields.ts';

/** Options of RandAugment (arXiv:1909.13719) with timm's additions. */
export interface RandAugmentConfig {
  /** How strong operations are, 0 to 10; 9. */
  readonly magnitude: number;
  /** Operations that are drawn for a picture, each time out of all; 2. */
  readonly operations: number;
  /** Deviation of the magnitude from operation to operation, or `uniform` for any from 0 to `magnitude`; 0. */
  readonly magnitudeStd: number | 'uniform';
  /** Whether every operation grows stronger with the magnitude (timm's `inc1`) or as in the first code; false. */
  readonly increasing: boolean;
  /** Probability of each drawn operation; 0.5, as in timm (1 in the paper). */
  readonly probability: number;
  /** The greatest magnitude after it was varied; 10. */
  readonly magnitudeMax: number;
  /** Filter of rotations, shears and shifts; random: one of the two each time. */
  readonly interpolation: 'random' | 'bilinear' | 'bicubic';
}

const KEYS = ['magnitude', 'operations', 'magnitudeStd', 'increasing', 'probability', 'magnitudeMax', 'interpolation'];

/**
 * Reads RandAugment's options from an object, or from timm's words: `rand-m9-mstd0.5-inc1` (also `n` operations, `p`
 * probability, `mmax`; `mstd` above 100 is uniform).
 */
export function readRandAugment(json: unknown, where = 'randAugment'): RandAugmentConfig {
  const object = typeof json === 'string' ? fromWords(json, where) : json;
  const f = readFields(where, object, KEYS);
  const { magnitudeStd = 0, increasing = false } = object as Readonly<Record<string, unknown>>;
  if (typeof increasing !== 'boolean') {
    throw new Fault('config', `${where}.increasing: expected true or false, got ${JSON.stringify(increasing)}.`);
  }
  return {
    magnitude: f.number('magnitude', { fallback: 9, min: 0, max: 100 }),
    operations: f.number('operations', { fallback: 2, min: 1, max: 100, integer: true }),
    magnitudeStd: magnitudeStd === 'uniform' ? 'uniform' : f.number('magnitudeStd', { fallback: 0, min: 0, max: 100 }),
    increasing,
    probability: f.number('probability', { fallback: 0.5, min: 0, max: 1 }),
    magnitudeMax: f.number('magnitudeMax', { fallback: 10, min: 0, max: 100 }),
    interpolation: f.word('interpolation', ['random', 'bilinear', 'bicubic']),
  };
}

const WORDS: Readonly<Record<string, string>> = {
  m: 'magnitude',
  n: 'operations',
  mstd: 'magnitudeStd',
  inc: 'increasing',
  p: 'probability',
  mmax: 'magnitudeMax',
};

function fromWords(text: string, where: string): Readonly<Record<string, unknown>> {
  const [kind, ...words] = text.split('-');
  const refuse = (got: string): never => {
    const wanted = 'words as in rand-m9-n2-mstd0.5-inc1 (m, n, p, mstd, mmax, inc)';
    throw new Fault('config', `${where}: expected ${wanted}, got ${JSON.stringify(got)}.`);
  };
  if (kind !== 'rand') return refuse(text);
  return Object.fromEntries(
    words.map((word) => {
      const [, letters = '', digits = ''] = /^([a-z]+)(\d+(?:\.\d+)?)$/.exec(word) ?? [];
      const key = WORDS[letters];
      if (key === undefined) return refuse(word);
      const number = Number(digits);
      if (key === 'increasing') return [key, number !== 0];
      return [key, key === 'magnitudeStd' && number > 100 ? 'uniform' : number];
    }),
  );
}
