import type { ClassifyResult } from '../classify.ts';
import { formatCount } from '../format.ts';
import type { Scored } from './data.ts';
import { html, type Markup, NOTHING, percent, shorten } from './html.ts';

/** Above so many classes the matrix is left out: its cells could not be read. */
const MOST_IN_MATRIX = 40;

/** Two classes taken for each other. */
interface Confusion {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  readonly share: number;
}

/** Wrong cells of the matrix, the fullest first; equals by label, then prediction. */
export function confusionsByCount(result: ClassifyResult): readonly Confusion[] {
  const wrong: Confusion[] = [];
  result.confusion.forEach((row, label) => {
    const support = Math.max(1, result.perClass[label]!.support);
    row.forEach((count, predicted) => {
      if (count > 0 && label !== predicted) wrong.push({ label, predicted, count, share: count / support });
    });
  });
  return wrong.sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted);
}

function matrixRow(data: Scored, label: number): Markup {
  const { confusion, perClass } = data.heldOut;
  const support = perClass[label]!.support;
  const cells = confusion[label]!.map((count, predicted) => {
    const share = support > 0 ? count / support : 0;
    const kind = count === 0 ? 'none' : predicted === label ? 'right' : 'wrong';
    const words = `${shorten(data.classes[label]!)} taken for ${shorten(data.classes[predicted]!)}: ${count} of ${support} (${percent(share)})`;
    return html`<td class="${kind}" style="--share:${share.toFixed(3)}" title="${words}">${count}</td>`;
  });
  return html`<tr><th scope="row">${shorten(data.classes[label]!, 28)}</th>${cells}</tr>\n`;
}

function matrix(data: Scored): Markup {
  if (data.classes.length > MOST_IN_MATRIX) {
    return html`<p>With ${data.classes.length} classes the matrix would be too large to read; the commonest confusions are below.</p>`;
  }
  const heads = data.classes.map((name) => html`<th scope="col"><span>${shorten(name, 28)}</span></th>`);
  return html`<div class="wide" tabindex="0"><table class="matrix" style="--classes:${data.classes.length}"><caption>Rows: what an image is. Columns: what it was taken for. Colour: share of the row.</caption>
<thead><tr><td class="corner"></td>${heads}</tr></thead><tbody>${data.classes.map((_, label) => matrixRow(data, label))}</tbody></table></div>`;
}

function commonest(data: Scored): Markup {
  const worst = confusionsByCount(data.heldOut).slice(0, data.classes.length > MOST_IN_MATRIX ? 20 : 6);
  if (worst.length === 0) return NOTHING;
  const items = worst.map(
    (c) =>
      html`<li><b>${shorten(data.classes[c.label]!)}</b> taken for <b>${shorten(data.classes[c.predicted]!)}</b> <span>${formatCount(c.count)} ${c.count === 1 ? 'time' : 'times'}, ${percent(c.share)} of them</span></li>\n`,
  );
  return html`<h3>Commonest confusions</h3><ol class="pairs">${items}</ol>`;
}

/** The confusion matrix and its fullest wrong cells in words. */
export function confusionSection(data: Scored): Markup {
  return html`<section id="confusion"><h2>What is taken for what</h2>${matrix(data)}${commonest(data)}</section>`;
}

function rate(value: number | null): Markup {
  if (value === null) return html`<td class="rate">–</td>`;
  return html`<td class="rate"><span class="track"><span class="bar" style="width:${(value * 100).toFixed(1)}%"></span></span>${percent(value)}</td>`;
}

/** Above so many classes the table opens with the worst recognised ones, and the rest is folded away. */
const MOST_IN_TABLE = 60;
const WORST_IN_TABLE = 30;

/** Recall and precision of every class, and the threshold that suits it. */
export function classesSection(data: Scored): Markup {
  const worstOf = new Map<number, Confusion>();
  for (const c of confusionsByCount(data.heldOut)) if (!worstOf.has(c.label)) worstOf.set(c.label, c);
  const row = (label: number): Markup => classRow(data, label, worstOf.get(label));
  const labels = data.classes.map((_, label) => label);
  const intro = html`<section id="classes"><h2>Class by class</h2>`;
  if (labels.length <= MOST_IN_TABLE) return html`${intro}${classTable(data, labels.map(row))}</section>`;
  const recall = (label: number): number => data.heldOut.perClass[label]!.recall ?? 2; // without images: last
  const byRecall = [...labels].sort((a, b) => recall(a) - recall(b) || a - b);
  return html`${intro}<p class="lead">The ${WORST_IN_TABLE} classes that are recognised least, of ${formatCount(labels.length)}.</p>
${classTable(data, byRecall.slice(0, WORST_IN_TABLE).map(row))}
<details><summary>All ${formatCount(labels.length)} classes</summary>${classTable(data, labels.map(row))}</details></section>`;
}

function classRow(data: Scored, label: number, worst: Confusion | undefined): Markup {
  const score = data.heldOut.perClass[label]!;
  const other = worst ? `${shorten(data.classes[worst.predicted]!, 40)} (${worst.count})` : '–';
  const curve = data.insight?.curves.classes[label];
  const best = curve?.best ?? null;
  const threshold = data.insight
    ? html`<td>${best ? percent(best.f1) : '–'}</td><td>${best ? percent(best.threshold) : '–'}</td>`
    : NOTHING;
  return html`<tr><th scope="row">${shorten(data.classes[label]!, 40)}</th><td>${formatCount(score.support)}</td>
${rate(score.recall)}${rate(score.precision)}${threshold}<td class="words">${other}</td></tr>\n`;
}

function classTable(data: Scored, rows: readonly Markup[]): Markup {
  const threshold = data.insight ? html`<th scope="col">best F1</th><th scope="col">from</th>` : NOTHING;
  const words = data.insight
    ? ' Best F1: the largest mean of both, where the class counts as said from the probability beside it on.'
    : '';
  return html`<div class="wide" tabindex="0"><table class="numbers">
<caption>Recall: share of a class's images that were recognised. Precision: share of the answers with this class that were right.${words}</caption>
<thead><tr><th scope="col">class</th><th scope="col">images</th><th scope="col">recall</th><th scope="col">precision</th>${threshold}<th scope="col" class="words">most often taken for</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
