import type { Calibration } from '../calibration.ts';
import type { ClassCurves, ThresholdPoint } from '../curves.ts';
import { formatCount, formatNumber } from '../format.ts';
import { type ChartSpec, lineChart, type Point, type Series } from './chart.ts';
import type { ReportData } from './data.ts';
import { html, type Markup, NOTHING, percent, shorten } from './html.ts';

/** Thin lines of single classes beside their mean: the hardest ones of many. */
const MOST_CLASSES = 10;

type Place = (point: ThresholdPoint) => Point;

/** Points by rising x, those at the same place once. */
function placed(points: readonly ThresholdPoint[], place: Place): readonly Point[] {
  const all = points.map(place).sort((a, b) => a[0] - b[0]);
  return all.filter((p, i) => i === 0 || p[0] !== all[i - 1]![0] || p[1] !== all[i - 1]![1]);
}

/** The classes that are drawn by themselves: of many, those of the lowest F1. */
function drawnClasses(data: ReportData, curves: ClassCurves) {
  const able = curves.classes.filter((c) => c.points.length > 0);
  const hardest = [...able].sort((a, b) => a.best!.f1 - b.best!.f1 || a.label - b.label).slice(0, MOST_CLASSES);
  const name = (label: number): string => shorten(data.classes[label]!, 40);
  return { isAll: hardest.length === able.length, lines: hardest.map((c) => ({ ...c, name: name(c.label) })) };
}

function curveChart(
  data: ReportData,
  curves: ClassCurves,
  spec: Pick<ChartSpec, 'title' | 'x'> & {
    readonly place: Place;
    readonly note: string;
    readonly mean: readonly Point[];
  },
): Markup {
  const { place, note, mean: points, ...rest } = spec;
  const lines = drawnClasses(data, curves).lines.map(
    ({ name, points }): Series => ({ name, look: 'class', points: placed(points, place) }),
  );
  const mean: Series = { name: 'mean of the classes', look: 'held-out', note, points };
  return lineChart({
    ...rest,
    xUnit: 'percent',
    unit: 'percent',
    fromZero: true,
    square: true,
    series: [...lines, mean],
  });
}

function reliability({ bins, error }: Calibration): Markup {
  const points = bins.map((b): Point => [b.confidence, b.accuracy]);
  return lineChart({
    title: 'Calibration',
    x: 'probability that was said',
    xUnit: 'percent',
    unit: 'percent',
    fromZero: true,
    square: true,
    diagonal: 'as often right as said',
    series: [{ name: 'right', look: 'held-out', note: `off by ${percent(error)} in the mean`, points }],
  });
}

/** Probabilities at which the table tells the mean curves. */
const ROWS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

function curveTable({ macro }: ClassCurves): Markup {
  const rows = ROWS.flatMap((threshold) => {
    const point = macro.findLast((p) => p.threshold <= threshold);
    return point
      ? [
          html`<tr><th scope="row">${percent(threshold)}</th><td>${percent(point.precision)}</td><td>${percent(point.recall)}</td><td>${percent(point.f1)}</td></tr>\n`,
        ]
      : [];
  });
  return html`<div class="wide" tabindex="0"><table class="numbers"><caption>Means over the classes, where a class counts as said from a probability on</caption>
<thead><tr><th scope="col">from</th><th scope="col">precision</th><th scope="col">recall</th><th scope="col">F1</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function calibrationTable({ bins }: Calibration): Markup {
  const rows = bins.map(
    (b) =>
      html`<tr><th scope="row">${percent(b.low)} to ${percent(b.high)}</th><td>${formatCount(b.count)}</td><td>${percent(b.confidence)}</td><td>${percent(b.accuracy)}</td></tr>\n`,
  );
  return html`<div class="wide" tabindex="0"><table class="numbers"><caption>Answers by the probability that was said</caption>
<thead><tr><th scope="col">said</th><th scope="col">answers</th><th scope="col">mean said</th><th scope="col">right</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Precision over recall, F1 by threshold, and whether probabilities mean what they say. */
export function thresholdsSection(data: ReportData): Markup {
  const { insight } = data;
  if (!insight || insight.curves.best === null) return NOTHING;
  const { curves, calibration } = insight;
  const best = curves.best!;
  const { isAll, lines } = drawnClasses(data, curves);
  const which = isAll ? 'Thin lines are single classes' : `Thin lines are the ${lines.length} classes of the lowest F1`;
  const charts = [
    curveChart(data, curves, {
      title: 'Precision over recall',
      x: 'recall',
      note: `area ${formatNumber(curves.meanArea!, 3)}`,
      mean: curves.macroByRecall.map((p) => [p.recall, p.precision]),
      place: (p) => [p.recall, p.precision],
    }),
    curveChart(data, curves, {
      title: 'F1 by threshold',
      x: 'threshold',
      note: `${percent(best.f1)} at ${percent(best.threshold)}`,
      mean: curves.macro.map((p) => [p.threshold, p.f1]),
      place: (p) => [p.threshold, p.f1],
    }),
    reliability(calibration),
  ];
  return html`<section id="thresholds"><h2>How sure it is</h2>
<p class="lead">Each class against all others, where it counts as said from a probability on: the threshold. ${which}; point at one to read its name.</p>
<div class="charts">${charts}</div>
<details><summary>These curves in numbers</summary>${curveTable(curves)}${calibrationTable(calibration)}</details></section>`;
}
