import { rateInterval } from '../classify.ts';
import { formatCount, formatNumber } from '../format.ts';
import type { ReportData, Scored, Split } from './data.ts';
import { html, type Markup, NOTHING, percent, shorten } from './html.ts';

/** A query position, and lines to all the others: the mark of the library. */
const MARK: Markup = (() => {
  const dots = [0, 1, 2, 3].flatMap((row) => [0, 1, 2, 3].map((column) => [5 + column * 10, 5 + row * 10] as const));
  const [qx, qy] = [15, 25];
  const lines = dots.map(([x, y]) => {
    const far = Math.hypot(x - qx, y - qy) / 32;
    return html`<path d="M${qx},${qy}L${x},${y}" opacity="${(0.25 + 0.6 * far).toFixed(2)}"/>`;
  });
  const circles = dots.map(([x, y]) => html`<circle cx="${x}" cy="${y}" r="${x === qx && y === qy ? 4 : 1.9}"/>`);
  return html`<svg class="mark" viewBox="0 0 40 40" aria-hidden="true">${lines}${circles}</svg>`;
})();

/** Name, title and summary of the run. */
export function pageHeader(data: ReportData): Markup {
  const under = data.live?.refresh === null ? 'training that was ended' : 'training under way';
  const kind = data.live ? under : 'training report';
  return html`<header><p class="brand">${MARK}Farsight <span>${kind}</span></p>
<h1>${shorten(data.title, 120)}</h1><p class="summary">${shorten(data.summary, 600)}</p></header>`;
}

interface Rung {
  readonly name: string;
  readonly value: number;
  readonly kind: 'chance' | 'other' | 'ours';
}

/** Balanced accuracies from chance to this network as bars on one scale. */
function ladder(data: Scored): Markup {
  const rungs: readonly Rung[] = [
    { name: 'chance', value: 1 / data.heldOut.classes, kind: 'chance' },
    ...data.references.map((r): Rung => ({ name: shorten(r.name), value: r.balancedAccuracy, kind: 'other' })),
    { name: 'this network', value: data.heldOut.balancedAccuracy, kind: 'ours' },
  ];
  const full = Math.max(...rungs.map((r) => r.value));
  const rows = rungs.map(
    ({ name, value, kind }) => html`<tr class="${kind}"><th scope="row">${name}</th>
<td><span class="bar" style="width:${((value / full) * 100).toFixed(1)}%"></span></td><td class="value">${percent(value)}</td></tr>\n`,
  );
  return html`<table class="ladder"><caption>Balanced accuracy on the same held-out images</caption>
<thead class="unseen"><tr><th scope="col">classifier</th><th scope="col">bar</th><th scope="col">balanced accuracy</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** The share of the commonest class: the accuracy of always answering with it. */
function commonest(result: Split['result']): number {
  return Math.max(...result.perClass.map((c) => c.support)) / result.samples;
}

function figures(data: Scored): Markup {
  const { heldOut } = data;
  const [low, high] = rateInterval(heldOut.correct, heldOut.samples);
  const { k, accuracy: top } = heldOut.topK;
  const entries = [
    ['Accuracy', percent(heldOut.accuracy), `95\u00A0% interval ${(low * 100).toFixed(1)} to ${percent(high)}`],
    ['Chance', percent(1 / heldOut.classes), `the commonest class alone: ${percent(commonest(heldOut))}`],
    [`Top-${k} accuracy`, percent(top), `chance ${percent(k / heldOut.classes)}`],
    ['Loss', formatNumber(heldOut.loss, 4), `knowing nothing: ${formatNumber(Math.log(heldOut.classes), 4)}`],
  ] as const;
  return html`<dl class="figures">${entries.map(
    ([name, value, note]) => html`<div><dt>${name}</dt><dd><b>${value}</b> <small>${note}</small></dd></div>\n`,
  )}</dl>`;
}

function splitTable(data: Scored): Markup {
  if (data.splits.length === 0) return NOTHING;
  const row = ({ name, result }: Split, isAll: boolean): Markup => html`<tr${isAll ? html` class="all"` : NOTHING}>
<th scope="row">${shorten(name, 80)}</th><td>${formatCount(result.samples)}</td><td>${percent(result.balancedAccuracy)}</td>
<td>${percent(result.accuracy)}</td><td>${percent(result.topK.accuracy)}</td><td>${formatNumber(result.loss, 4)}</td></tr>\n`;
  return html`<div class="wide" tabindex="0"><table class="numbers splits"><caption>Held-out images, part by part</caption>
<thead><tr><th scope="col">images</th><th scope="col">count</th><th scope="col">balanced</th><th scope="col">accuracy</th>
<th scope="col">top-${data.heldOut.topK.k}</th><th scope="col">loss</th></tr></thead>
<tbody>${data.splits.map((s) => row(s, false))}${row({ name: 'all held-out images', result: data.heldOut }, true)}</tbody></table></div>`;
}

/** The numbers one came for. */
export function headlineSection(data: Scored): Markup {
  const { heldOut, live } = data;
  const far = live ? ', so far' : '';
  return html`<section id="result" class="headline"><h2 class="unseen">Result</h2><div class="hero">
<p class="big"><b>${(heldOut.balancedAccuracy * 100).toFixed(1)}<span> %</span></b>
balanced accuracy on ${formatCount(heldOut.samples)} held-out images of ${heldOut.classes} classes${far}</p>
${ladder(data)}</div>${figures(data)}${splitTable(data)}</section>`;
}
