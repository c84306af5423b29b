import { formatNumber } from '../format.ts';
import { type ChartSpec, lineChart, type Point, type Series } from './chart.ts';
import type { MetricsRow, ReportData } from './data.ts';
import { html, type Markup, NOTHING, percent } from './html.ts';

type Measure = Exclude<keyof MetricsRow, 'epoch' | 'step'>;

/** The finite values of one measure over epochs, in so large units. */
function pointsOf(rows: readonly MetricsRow[], measure: Measure, unit: number): readonly Point[] {
  return rows.flatMap((row) => {
    const value = row[measure];
    return typeof value === 'number' && Number.isFinite(value) && Number.isFinite(row.epoch)
      ? [[row.epoch, value / unit] as const]
      : [];
  });
}

const number = (value: number): string => formatNumber(value, 4);

function charts(data: ReportData): readonly ChartSpec[] {
  const series = (name: string, look: Series['look'], measure: Measure, unit = 1): Series => ({
    name,
    look,
    points: pointsOf(data.metrics, measure, unit),
  });
  const x = 'epoch';
  return [
    {
      title: 'Loss',
      x,
      fromZero: false,
      unit: 'number',
      series: [series('training', 'train', 'loss'), series('held-out', 'held-out', 'heldOutLoss')],
    },
    {
      title: 'Accuracy',
      x,
      fromZero: true,
      unit: 'percent',
      reference: { name: 'chance', y: 1 / data.classes.length },
      series: [
        series('training', 'train', 'accuracy'),
        series('held-out', 'held-out', 'heldOutAccuracy'),
        series('balanced', 'balanced', 'heldOutBalancedAccuracy'),
      ],
    },
    {
      title: 'Mean average precision',
      x,
      fromZero: true,
      unit: 'percent',
      series: [series('held-out', 'held-out', 'heldOutMeanAveragePrecision')],
    },
    {
      title: 'Learning rate',
      x,
      fromZero: true,
      unit: 'number',
      series: [series('learning rate', 'train', 'learningRate')],
    },
    {
      title: 'Images per second',
      x,
      fromZero: true,
      unit: 'number',
      series: [series('images/s', 'train', 'imagesPerSecond')],
    },
    {
      title: 'Norm of the gradients',
      x,
      fromZero: true,
      unit: 'number',
      series: [series('mean of the steps', 'train', 'gradientNorm')],
    },
    {
      title: 'Memory of the process',
      x,
      fromZero: true,
      unit: 'number',
      series: [series('GB', 'train', 'memory', 1e9)],
    },
  ];
}

const EVALUATIONS = [
  ['heldOutLoss', 'loss', number],
  ['heldOutAccuracy', 'accuracy', percent],
  ['heldOutBalancedAccuracy', 'balanced accuracy', percent],
  ['heldOutMeanAveragePrecision', 'mean average precision', percent],
] as const satisfies readonly (readonly [Measure, string, (v: number) => string])[];

/** The evaluations as numbers, for those who cannot see the curves or want to copy them. */
function evaluationTable(rows: readonly MetricsRow[]): Markup {
  const shown = rows.filter((row) => EVALUATIONS.some(([key]) => typeof row[key] === 'number'));
  if (shown.length === 0) return NOTHING;
  const taken = EVALUATIONS.filter(([key]) => shown.some((row) => typeof row[key] === 'number'));
  const body = shown.map((row) => {
    const cells = taken.map(([key, , format]) => {
      const value = row[key];
      return html`<td>${typeof value === 'number' ? format(value) : '–'}</td>`;
    });
    return html`<tr><th scope="row">${formatNumber(row.epoch, 3)}</th><td>${row.step}</td>${cells}</tr>\n`;
  });
  const heads = taken.map(([, name]) => html`<th scope="col">${name}</th>`);
  return html`<details><summary>Every evaluation in numbers</summary><div class="wide" tabindex="0"><table class="numbers">
<caption>Scores on the held-out images during training</caption>
<thead><tr><th scope="col">epoch</th><th scope="col">step</th>${heads}</tr></thead>
<tbody>${body}</tbody></table></div></details>`;
}

/** The section of curves; a sentence when nothing was recorded. */
export function curvesSection(data: ReportData): Markup {
  const drawn = charts(data).map(lineChart);
  const isEmpty = drawn.every((chart) => chart === NOTHING);
  const body = isEmpty
    ? html`<p>No measurements were recorded.</p>`
    : html`<p class="lead">Point at a curve to read its values. A shaded band spans the least and the largest of the steps averaged.</p>
<div class="charts">${drawn}</div>${evaluationTable(data.metrics)}`;
  return html`<section id="curves"><h2>Training</h2>${body}</section>`;
}
