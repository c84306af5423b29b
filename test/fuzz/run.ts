// `npm run fuzz -- [--count 100000] [--seed 1] [--only pth] [--keep FOLDER]`: feeds changed inputs to every reader.
import { parseArgs } from 'node:util';
import { describeReport, fuzz } from './supervise.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    keep: { type: 'string', default: 'runs/fuzz' },
  },
});
const report = await fuzz({
  count: Number(values.count),
  seed: Number(values.seed),
  keep: values.keep,
  ...(values.only !== undefined && { only: values.only }),
  onBatch: (done, findings) => process.stderr.write(`${done} inputs, ${findings} findings\n`),
});
process.stdout.write(describeReport(report));
process.exitCode = report.findings.length === 0 ? 0 : 1;
