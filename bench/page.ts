import type { NetworkRow } from './networks.ts';
import { networksSection } from './networks-page.ts';
import type { Refusal, Results, Row } from './results.ts';
import { affinityTargets, BUSY, reached, showTarget, targetOf } from './targets.ts';

/** The page docs/results.md, printed from the results and from what the named networks hold and cost. */
export function resultsPage(results: Results, networks: readonly NetworkRow[] = []): string {
  const { machine, versions } = results;
  const speed = machine.flopPerCycle === null ? '' : `, ${machine.flopPerCycle} flop a core and cycle`;
  return `# Results

Printed by \`npm run bench\` from \`bench/results.json\`; run it again to take the figures anew, \`npm run bench -- --only ID\` for one row.
The method is in \`bench/README.md\`.

- Machine: ${machine.cpu}, ${machine.cores} cores at ${Math.round(machine.mhz)} MHz as reported${speed}, ${machine.memoryGb} GB, ${machine.system}.
- Versions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.
- Seed: ${results.seed}.

Both sides run in turns in processes of their own, on the same threads, weights and inputs. Figures are medians over the
rounds; a ratio is ours / theirs, so that less than 1 is in our favour, and its spread is from the first to the third
quartile of the rounds. A peer's figure is here only because its output agreed with ours: the error is the largest
relative difference. "Others" is the share of the processors' time that other processes took meanwhile: above
${100 * BUSY} % the machine was not idle and the row is not to be relied on.

${table(results.rows)}
${summary(results.rows)}
${affinities(results.rows)}${networksSection(networks)}${refusals(results.refused)}`;
}

function table(rows: readonly Row[]): string {
  const head =
    '| row | against | ours | theirs | ratio | spread | target | reached | error | rounds | others | taken | note |';
  const rule = `| --- | --- | ---: | ---: | ---: | --- | --- | --- | --- | ---: | ---: | --- | --- |`;
  return [head, rule, ...rows.map(line)].join('\n');
}

function line(row: Row): string {
  const target = targetOf(row);
  const verdict = reached(row);
  const cells = [
    `\`${row.id}\``,
    row.peer,
    `${digits(row.ours)} ${row.unit}`,
    `${digits(row.theirs)} ${row.unit}`,
    row.ratio.toFixed(3),
    row.spread ? row.spread.map((v) => v.toFixed(3)).join(' to ') : '',
    target ? showTarget(target, row.unit) : '',
    verdict === undefined ? '' : verdict ? 'yes' : '**no**',
    row.error === null ? '' : row.error.toExponential(0),
    String(row.rounds),
    row.others === null ? '' : `${(100 * row.others).toFixed(0)} %`,
    `${row.date.slice(0, 10)}, ${row.commit}`,
    row.note,
  ];
  return `| ${cells.join(' | ')} |`;
}

function summary(rows: readonly Row[]): string {
  const judged = rows.map(reached).filter((verdict) => verdict !== undefined);
  const count = judged.filter(Boolean).length;
  return judged.length === 0 ? '' : `\n${count} of ${judged.length} targets reached.\n`;
}

/** The targets of networks made of affinities, and whether each is reached. */
function affinities(rows: readonly Row[]): string {
  const lines = affinityTargets().map(({ id, peer, target }) => {
    const row = rows.find((each) => each.id === id && each.peer === peer);
    const figures = row ? `${digits(row.ours)} and ${digits(row.theirs)} ${row.unit} | ${row.ratio.toFixed(3)}` : ' | ';
    const verdict = row ? (reached(row) ? 'reached' : '**not reached**') : 'not measured';
    return `| \`${id}\` | ${peer} | ${figures} | ${showTarget(target, 'ms')} | ${verdict} |`;
  });
  const measured = rows.filter((row) => targetOf(row)?.affinities);
  if (measured.length === 0) return '';
  const head = '| row | against | ours and theirs | ratio | target | |\n| --- | --- | --- | ---: | --- | --- |';
  return `## Targets of networks made of affinities\n\n${head}\n${lines.join('\n')}\n\n`;
}

function refusals(refused: readonly Refusal[]): string {
  if (refused.length === 0) return '';
  const lines = refused.map(({ id, peer, why }) => `- \`${id}\` against ${peer}: ${why}`);
  return `\n## Not measured\n${lines.join('\n')}\n`;
}

/** Three significant digits, none lost before the point. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
