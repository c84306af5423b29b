import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeCampaign, killCampaign } from '../support/killed-run.ts';
import { scratch } from '../train/made.ts';

const folder = scratch();

test('200 runs killed with signal 9 at random moments are resumed to the bits of one that was left alone', async () => {
  const result = await killCampaign({ count: 200, seed: 0, folder: join(folder, 'kills') });
  expect(result.identical, describeCampaign(result)).toBe(200);
  // Every phase in which a kill can do harm; after the end there is nothing to lose, and only a few kills come so late.
  const { 'after the end': _, ...harmful } = result.byPhase;
  for (const [phase, kills] of Object.entries(harmful)) expect(kills, phase).toBeGreaterThan(0);
}, 3_600_000);
