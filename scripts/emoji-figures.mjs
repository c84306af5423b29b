// Measures the README's table anew: trains the context network and its plain twin on the embedded emoji with the recipe
// of `npm start`, and writes the table between the README's markers. Takes two trainings: some minutes each.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root, setup, tell } from './setup.mjs';

const SEED = 0;
const NETWORKS = [
  ['resnet20-gc', 'ResNet-20 with global-context blocks'],
  ['resnet20', 'the same ResNet-20 without them'],
];

setup();
build();

/** Runs a farsight command and gives the last JSON line that it prints. */
function farsight(...args) {
  const out = execFileSync(process.execPath, [join(root, 'dist/cli.js'), ...args, '--json'], {
    cwd: root,
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(out.toString().trim().split('\n').at(-1));
}

const percent = (x) => `${(100 * x).toFixed(1)} %`;

const measured = NETWORKS.map(([model, title]) => {
  const name = `emoji-${model}`;
  tell(`Training ${model}.`);
  const end = farsight('train', '--model', model, '--seed', String(SEED), '--name', name);
  const scores = farsight('eval', `runs/${name}`);
  return { title, end, scores };
});

const { samples, parts } = measured[0].scores;
const heads = ['balanced accuracy', ...parts.map((p) => `${p.name} (${p.result.samples})`)];
const rows = [
  ['chance', percent(1 / measured[0].scores.classes.length), ...parts.map(() => '')],
  ['logistic regression on pixels', percent(measured[0].end.baseline), ...parts.map(() => '')],
  ...measured.map(({ title, scores }) => [
    title,
    percent(scores.balancedAccuracy),
    ...scores.parts.map((p) => percent(p.result.balancedAccuracy)),
  ]),
];
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const table = [
  `| on ${samples} held-out pictures | ${heads.join(' | ')} |`,
  `| --- |${heads.map(() => ' ---: |').join('')}`,
  ...rows.map((r) => `| ${r.join(' | ')} |`),
  '',
  `Written by \`node scripts/emoji-figures.mjs\`: seed ${SEED}, farsight ${version}, Node ${process.versions.node}, ` +
    `${cpus().length} cores of ${cpus()[0].model.trim()}.`,
].join('\n');

const readme = join(root, 'README.md');
const text = readFileSync(readme, 'utf8');
const markers = /(<!-- emoji figures -->\n)[\s\S]*?(\n<!-- end -->)/;
if (!markers.test(text)) throw new Error('README.md: expected the markers of the emoji figures, got none.');
writeFileSync(readme, text.replace(markers, `$1${table}$2`));
tell('README.md has the new figures.');
