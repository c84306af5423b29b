// `npm run kill-test -- --count 200 [--seed 0]`: kills short runs with signal 9 at random moments, resumes them, and
// compares what they leave, bit by bit, with what a run leaves that was left alone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCampaign, killCampaign } from '../test/support/killed-run.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '200' }, seed: { type: 'string', default: '0' } },
});
const folder = mkdtempSync(join(tmpdir(), 'farsight-kill-'));
const result = await killCampaign({
  count: Number(values.count),
  seed: Number(values.seed),
  folder,
  onTurn: (done, differences) => {
    process.stderr.write(differences.length === 0 ? '.' : 'X');
    if (done % 50 === 0) process.stderr.write(` ${done}\n`);
  },
});
process.stdout.write(`\n${describeCampaign(result)}\n`);
if (result.identical === result.turns) rmSync(folder, { recursive: true });
else process.stdout.write(`What differs lies in ${folder}.\n`);
process.exitCode = result.identical === result.turns ? 0 : 1;
