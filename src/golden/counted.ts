import * as z from 'zod';
import { costOf, totalMacs } from '../graph/cost.ts';
import type { Traced } from '../model/scope.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';

z.config({ jitless: true }); // asks for no `eval`

const schema = z.object({ gmacs: z.number().optional(), macs: z.record(z.string(), z.number()).optional() });

/**
 * How our count of multiply-adds of one forward pass differs from `config.macs` and `config.gmacs`, four decimals of
 * 10^9. Only totals are compared: a convolution with a kernel of 1 on a single position is a matrix product here.
 */
export function countDifferences(c: ArrayCase, traced: Traced): string[] {
  const { gmacs, macs } = readConfig(c, schema);
  if (gmacs === undefined && macs === undefined) return [];
  const count = totalMacs(costOf(traced.outputs).macs);
  const out: string[] = [];
  const wanted = macs && Object.values(macs).reduce((a, b) => a + b, 0);
  if (wanted !== undefined && wanted !== count) out.push(`macs: expected ${wanted} multiply-adds, counted ${count}`);
  if (gmacs !== undefined && Math.abs(count / 1e9 - gmacs) > 0.5001e-4) {
    out.push(`gmacs: expected ${gmacs}, counted ${(count / 1e9).toFixed(4)}`);
  }
  return out;
}
