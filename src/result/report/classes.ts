import type { ClassifyResult } from '../classify.ts';
import { formatCount } from '../format.ts';
import type { ReportData } from './data.ts';
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
  return result.confusion
    .flatMap((row, label) =>
      row.map((count, predicted) => ({
        label,
        predicted,
        count,
        share: count / Math.max(1, result.perClass[label]!.support),
      })),
    )
    .filter((c) => c.count > 0 && c.label !== c.predicted)
    .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted);
}

function matrixRow(data: ReportData, label: number): Markup {
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

function matrix(data: ReportData): Markup {
  if (data.classes.length > MOST_IN_MATRIX) {
    return html`<p>With ${data.classes.length} classes the matrix would be too large to read; the commonest confusions are below.</p>`;
  }
  const heads = data.classes.map((name) => html`<th scope="col"><span>${shorten(name, 28)}</span></th>`);
  return html`<div class="wide" tabindex="0"><table class="matrix" style="--classes:${data.classes.length}"><caption>Rows: what an image is. Columns: what it was taken for. Colour: share of the row.</caption>
<thead><tr><td class="corner"></td>${heads}</tr></thead><tbody>${data.classes.map((_, label) => matrixRow(data, label))}</tbody></table></div>`;
}

function commonest(data: ReportData): Markup {
  const worst = confusionsByCount(data.heldOut).slice(0, data.classes.length > MOST_IN_MATRIX ? 20 : 6);
  if (worst.length === 0) return NOTHING;
  const items = worst.map(
    (c) =>
      html`<li><b>${shorten(data.classes[c.label]!)}</b> taken for <b>${shorten(data.classes[c.predicted]!)}</b> <span>${formatCount(c.count)} ${c.count === 1 ? 'time' : 'times'}, ${percent(c.share)} of them</span></li>\n`,
  );
  return html`<h3>Commonest confusions</h3><ol class="pairs">${items}</ol>`;
}

/** The confusion matrix and its fullest wrong cells in words. */
export function confusionSection(data: ReportData): Markup {
  return html`<section id="confusion"><h2>What is taken for what</h2>${matrix(data)}${commonest(data)}</section>`;
}

function rate(value: number | null): Markup {
  if (value === null) return html`<td class="rate">–</td>`;
  return html`<td class="rate"><span class="track"><span class="bar" style="width:${(value * 100).toFixed(1)}%"></span></span>${percent(value)}</td>`;
}

/** Recall and precision of every class. */
export function classesSection(data: ReportData): Markup {
  const confusions = confusionsByCount(data.heldOut);
  const rows = data.heldOut.perClass.map((score, label) => {
    const worst = confusions.find((c) => c.label === label);
    const other = worst ? `${shorten(data.classes[worst.predicted]!, 40)} (${worst.count})` : '–';
    return html`<tr><th scope="row">${shorten(data.classes[label]!, 40)}</th><td>${formatCount(score.support)}</td>
${rate(score.recall)}${rate(score.precision)}<td class="words">${other}</td></tr>\n`;
  });
  return html`<section id="classes"><h2>Class by class</h2><div class="wide" tabindex="0"><table class="numbers">
<caption>Recall: share of a class's images that were recognised. Precision: share of the answers with this class that were right.</caption>
<thead><tr><th scope="col">class</th><th scope="col">images</th><th scope="col">recall</th><th scope="col">precision</th><th scope="col" class="words">most often taken for</th></tr></thead>
<tbody>${rows}</tbody></table></div></section>`;
}
