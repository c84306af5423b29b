import { formatCount, formatNumber } from '../format.ts';
import type { LabelResult, LabelScore } from '../labels.ts';
import type { ReportData } from './data.ts';
import { html, type Markup, NOTHING, percent, shorten } from './html.ts';

/** A report of data whose images may have several labels. */
type Labelled = ReportData & { readonly labels: LabelResult };

const orDash = (value: number | null): string => (value === null ? '–' : percent(value));

/** What a network that knows nothing would reach: the mean share of the images that a class has. */
function chance({ perClass, samples }: LabelResult): number {
  const meant = perClass.filter((c) => c.support > 0);
  return meant.reduce((sum, c) => sum + c.support / samples, 0) / Math.max(1, meant.length);
}

/** The numbers one came for, of images with several labels. */
export function labelHeadline({ labels, live }: Labelled): Markup {
  const { meanAveragePrecision, micro, macro, exact, loss, threshold } = labels;
  const value = meanAveragePrecision ?? 0;
  const entries = [
    ['F1 of all labels', orDash(micro.f1), `said from ${percent(threshold)} on`],
    [
      'Mean F1 of the classes',
      orDash(macro.f1),
      `precision ${orDash(macro.precision)}, recall ${orDash(macro.recall)}`,
    ],
    ['All labels right', percent(exact), 'none missed and none wrong'],
    ['Loss', formatNumber(loss, 4), `knowing nothing: ${formatNumber(Math.log(2), 4)}`],
  ] as const;
  return html`<section id="result" class="headline"><h2 class="unseen">Result</h2><div class="hero">
<p class="big"><b>${(value * 100).toFixed(1)}<span> %</span></b>
mean average precision on ${formatCount(labels.samples)} held-out images with labels of ${labels.classes} classes${live ? ', so far' : ''}</p>
${ladder([
  ['chance', chance(labels), 'chance'],
  ['this network', value, 'ours'],
])}</div>
<dl class="figures">${entries.map(([name, figure, note]) => html`<div><dt>${name}</dt><dd><b>${figure}</b> <small>${note}</small></dd></div>\n`)}</dl></section>`;
}

function ladder(rungs: readonly (readonly [name: string, value: number, kind: string])[]): Markup {
  const full = Math.max(1e-9, ...rungs.map(([, value]) => value));
  const rows = rungs.map(
    ([name, value, kind]) => html`<tr class="${kind}"><th scope="row">${name}</th>
<td><span class="bar" style="width:${((value / full) * 100).toFixed(1)}%"></span></td><td class="value">${percent(value)}</td></tr>\n`,
  );
  return html`<table class="ladder"><caption>Mean average precision on the same held-out images</caption>
<thead class="unseen"><tr><th scope="col">classifier</th><th scope="col">bar</th><th scope="col">mean average precision</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** Above so many classes the table opens with the worst ones, and the rest is folded away. */
const MOST_IN_TABLE = 60;
const WORST_IN_TABLE = 30;

/** Average precision, recall and precision of every class. */
export function labelClasses(data: Labelled): Markup {
  const { perClass } = data.labels;
  const rows = perClass.map((score, label) => row(data, score, label));
  const intro = html`<section id="classes"><h2>Class by class</h2>`;
  if (rows.length <= MOST_IN_TABLE) return html`${intro}${table(data, rows)}</section>`;
  const precision = (label: number): number => perClass[label]!.averagePrecision ?? 2; // never meant: last
  const worst = [...rows.keys()].sort((a, b) => precision(a) - precision(b) || a - b).slice(0, WORST_IN_TABLE);
  return html`${intro}<p class="lead">The ${WORST_IN_TABLE} classes of the lowest average precision, of ${formatCount(rows.length)}.</p>
${table(
  data,
  worst.map((label) => rows[label]!),
)}<details><summary>All ${formatCount(rows.length)} classes</summary>${table(data, rows)}</details></section>`;
}

function row(data: Labelled, score: LabelScore, label: number): Markup {
  const best = data.insight?.curves.classes[label]?.best;
  const value = score.averagePrecision;
  const bar =
    value === null
      ? NOTHING
      : html`<span class="track"><span class="bar" style="width:${(value * 100).toFixed(1)}%"></span></span>`;
  const threshold = best ? `${percent(best.f1)} from ${percent(best.threshold)}` : '–';
  return html`<tr><th scope="row">${shorten(data.classes[label]!, 40)}</th><td>${formatCount(score.support)}</td>
<td class="rate">${bar}${orDash(value)}</td><td>${orDash(score.recall)}</td><td>${orDash(score.precision)}</td><td>${orDash(score.f1)}</td><td>${threshold}</td></tr>\n`;
}

function table({ labels }: Labelled, rows: readonly Markup[]): Markup {
  return html`<div class="wide" tabindex="0"><table class="numbers">
<caption>Average precision: mean precision over all thresholds. Recall, precision and F1 where a class is said from ${percent(labels.threshold)} on; best F1: at the threshold that suits the class.</caption>
<thead><tr><th scope="col">class</th><th scope="col">images</th><th scope="col">average precision</th><th scope="col">recall</th><th scope="col">precision</th><th scope="col">F1</th><th scope="col">best F1</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
