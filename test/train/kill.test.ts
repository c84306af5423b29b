import { join } from 'node:path';
import { expect, test } from 'vitest';
import { killCampaign } from '../support/killed-run.ts';
import { scratch } from './made.ts';

const folder = scratch();

test('five runs killed with signal 9 at random moments are resumed to the bits of one that was left alone', async () => {
  const result = await killCampaign({ count: 5, seed: 1, folder: join(folder, 'kills') });
  expect(result.differences).toEqual([]);
  expect([result.turns, result.identical]).toEqual([5, 5]);
  expect(result.kills).toBeGreaterThanOrEqual(3);
}, 240_000);
