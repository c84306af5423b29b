import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeCampaign, killCampaign } from '../support/killed-run.ts';
import { scratch } from '../train/made.ts';

const folder = scratch();

test('200 runs killed with signal 9 at random moments are resumed to the bits of one that was left alone', async () => {
  const result = await killCampaign({ count: 200, seed: 0, folder: join(folder, 'kills') });
  expect(result.identical, describeCampaign(result)).toBe(200);
  // When a moment falls after the end the kill finds nothing; how many do depends on the machine.
  expect(result.kills).toBeGreaterThanOrEqual(100);
}, 3_600_000);
