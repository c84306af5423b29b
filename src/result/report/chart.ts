import { formatNumber } from '../format.ts';
import { html, type Markup, NOTHING, percent } from './html.ts';

/** A point of a curve. */
export type Point = readonly [x: number, y: number];

/** One curve. */
export interface Series {
  readonly name: string;
  /** Its look: grey, or the network's colour, solid or dashed; thin and without legend for one of many classes. */
  readonly look: 'train' | 'held-out' | 'balanced' | 'class';
  /** What its legend says beside the name; the last value where absent. */
  readonly note?: string;
  /** By rising x, all finite. */
  readonly points: readonly Point[];
}

/** A chart of curves over one x axis. */
export interface ChartSpec {
  readonly title: string;
  /** What x counts, in one word. */
  readonly x: string;
  readonly series: readonly Series[];
  /** Whether the y axis starts at zero. */
  readonly fromZero: boolean;
  /** How y values are written. */
  readonly unit: 'percent' | 'number';
  /** How x values are written; as numbers. */
  readonly xUnit?: 'percent' | 'number';
  /** Both axes go from 0 to 1, whatever the curves do. */
  readonly square?: boolean;
  /** A line from the lower left to the upper right corner to compare with. */
  readonly diagonal?: string;
  /** A horizontal line to compare with. */
  readonly reference?: { readonly name: string; readonly y: number };
}

const WIDTH = 480;
const HEIGHT = 250;
const PLOT = { left: 56, right: WIDTH - 10, top: 24, bottom: HEIGHT - 40 };
/** More points than this are drawn as means of buckets with a band from the least to the largest. */
const MOST_POINTS = 100;
const MOST_PICKS = 60;
/** Curves of so few points show each of them. */
const MOST_DOTS = 40;

/** Round numbers, `count` or so, that enclose a range; 1, 2, 2.5 or 5 times a power of ten apart. */
export function niceTicks(low: number, high: number, count = 4): readonly number[] {
  const span = high > low ? high - low : Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = power * [1, 2, 2.5, 5, 10].find((m) => m * power * count >= span * (1 - 1e-9))!;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A value of a curve in a few letters. */
function valueText(unit: ChartSpec['unit'], value: number): string {
  return unit === 'percent' ? percent(value) : formatNumber(value, 3);
}

/** A tick with as many decimals as the distance to the next one needs. */
function tickText(unit: ChartSpec['unit'], tick: number, ticks: readonly number[]): string {
  const scale = unit === 'percent' ? 100 : 1;
  const step = ticks.length > 1 ? (ticks[1]! - ticks[0]!) * scale : 1;
  const decimals = [0, 1, 2, 3, 4, 5].find((d) => Math.abs(step - Number(step.toFixed(d))) < step * 1e-6);
  const text = decimals === undefined ? formatNumber(tick * scale, 3) : (tick * scale).toFixed(decimals);
  return unit === 'percent' ? `${text}\u00A0%` : text;
}

/** A few points in a row: mean x and y, least and largest y. */
interface Bucket {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** Points as they are, or at most `most` means of neighbours with their range. */
export function thin(points: readonly Point[], most: number): readonly Bucket[] {
  const count = Math.min(most, points.length);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * points.length) / count);
    const part = points.slice(from, Math.floor(((i + 1) * points.length) / count));
    const ys = part.map((p) => p[1]);
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    return { x: mean(part.map((p) => p[0])), y: mean(ys), low: Math.min(...ys), high: Math.max(...ys) };
  });
}

interface Curve {
  readonly series: Series;
  readonly buckets: readonly Bucket[];
}

interface Scale {
  readonly x: (value: number) => string;
  readonly y: (value: number) => string;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function scaleOf(spec: ChartSpec, curves: readonly Curve[]): Scale {
  if (spec.square) return scaleBetween([0, 1], [0, 0.25, 0.5, 0.75, 1], [0, 0.2, 0.4, 0.6, 0.8, 1]);
  const all = curves.flatMap((c) => c.buckets);
  const xs = all.map((b) => b.x);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const reference = spec.reference ? [spec.reference.y] : [];
  const low = spec.fromZero ? 0 : Math.min(...all.map((b) => b.low), ...reference);
  const yTicks = niceTicks(low, Math.max(...all.map((b) => b.high), ...reference));
  return scaleBetween([x0, x1], yTicks, x1 > x0 ? niceTicks(x0, x1, 6).filter((t) => t >= x0 && t <= x1) : [x0]);
}

/** x between two values, y between the first and the last of its ticks. */
function scaleBetween(
  [x0, x1]: readonly [number, number],
  yTicks: readonly number[],
  xTicks: readonly number[],
): Scale {
  const [y0, y1] = [yTicks[0]!, yTicks.at(-1)!];
  const place = (value: number, a: number, b: number, from: number, to: number): string =>
    (b > a ? from + ((value - a) / (b - a)) * (to - from) : (from + to) / 2).toFixed(1);
  return {
    x: (value) => place(value, x0, x1, PLOT.left, PLOT.right),
    y: (value) => place(value, y0, y1, PLOT.bottom, PLOT.top),
    xTicks,
    yTicks,
  };
}

function axes(spec: ChartSpec, scale: Scale): Markup {
  const rows = scale.yTicks.map(
    (t) => html`<path class="grid" d="M${PLOT.left},${scale.y(t)}H${PLOT.right}"/>
<text class="tick" x="${PLOT.left - 8}" y="${scale.y(t)}" dy="0.35em" text-anchor="end">${tickText(spec.unit, t, scale.yTicks)}</text>`,
  );
  const columns = scale.xTicks.map(
    (t) =>
      html`<text class="tick" x="${scale.x(t)}" y="${PLOT.bottom + 18}" text-anchor="middle">${tickText(spec.xUnit ?? 'number', t, scale.xTicks)}</text>`,
  );
  const middle = (PLOT.left + PLOT.right) / 2;
  return html`${rows}${columns}<text class="tick" x="${middle}" y="${HEIGHT - 4}" text-anchor="middle">${spec.x}</text>`;
}

function curveMarks({ series, buckets }: Curve, scale: Scale): Markup {
  const line = buckets.map((b, i) => `${i === 0 ? 'M' : 'L'}${scale.x(b.x)},${scale.y(b.y)}`).join('');
  const upper = buckets.map((b, i) => `${i === 0 ? 'M' : 'L'}${scale.x(b.x)},${scale.y(b.high)}`);
  const lower = buckets.map((b) => `L${scale.x(b.x)},${scale.y(b.low)}`).reverse();
  const isThinned = buckets.length < series.points.length;
  const band = isThinned ? html`<path class="band ${series.look}" d="${[...upper, ...lower].join('')}Z"/>` : NOTHING;
  const dots =
    buckets.length <= MOST_DOTS
      ? buckets.map((b) => html`<circle class="dot ${series.look}" cx="${scale.x(b.x)}" cy="${scale.y(b.y)}" r="2.4"/>`)
      : [];
  if (series.look === 'class') return html`<path class="line class" d="${line}"><title>${series.name}</title></path>`;
  return html`${band}<path class="line ${series.look}" d="${line}"/>${dots}`;
}

/** Upright strips that show, without any script, the values at x when pointed at. */
function picks(spec: ChartSpec, curves: readonly Curve[], scale: Scale): readonly Markup[] {
  const xs = [...new Set(curves.flatMap((c) => c.buckets.map((b) => b.x)))].sort((a, b) => a - b);
  const count = Math.min(MOST_PICKS, xs.length);
  const chosen = Array.from(
    { length: count },
    (_, i) => xs[Math.round((i * (xs.length - 1)) / Math.max(1, count - 1))]!,
  );
  return chosen.map((x, i) => {
    const at = Number(scale.x(x));
    const left = i === 0 ? PLOT.left : (Number(scale.x(chosen[i - 1]!)) + at) / 2;
    const right = i === count - 1 ? PLOT.right : (Number(scale.x(chosen[i + 1]!)) + at) / 2;
    const near = curves.map(({ series, buckets }) => ({
      series,
      bucket: buckets.reduce((best, b) => (Math.abs(b.x - x) < Math.abs(best.x - x) ? b : best)),
    }));
    const words = near.map(({ series, bucket }) => `${series.name} ${valueText(spec.unit, bucket.y)}`);
    return html`<g class="pick"><rect x="${left.toFixed(1)}" y="0" width="${Math.max(0.1, right - left).toFixed(1)}" height="${PLOT.bottom}"/>
<path d="M${at},${PLOT.top}V${PLOT.bottom}"/>${near.map(
      ({ series, bucket }) =>
        html`<circle class="dot ${series.look}" cx="${scale.x(bucket.x)}" cy="${scale.y(bucket.y)}" r="4"/>`,
    )}<text x="${PLOT.right}" y="12" text-anchor="end">${[`${spec.x} ${valueText(spec.xUnit ?? 'number', x)}`, ...words].join(' · ')}</text></g>`;
  });
}

function legend(spec: ChartSpec, curves: readonly Curve[]): readonly Markup[] {
  const entries = curves.map(
    ({ series }) =>
      html`<li><svg class="key" viewBox="0 0 24 8" aria-hidden="true"><path class="line ${series.look}" d="M1,4H23"/></svg>${series.name} <b>${series.note ?? valueText(spec.unit, series.points.at(-1)![1])}</b></li>`,
  );
  const { reference, diagonal } = spec;
  const levels = [
    ...(reference ? [[reference.name, valueText(spec.unit, reference.y)] as const] : []),
    ...(diagonal === undefined ? [] : [[diagonal, ''] as const]),
  ];
  const keys = levels.map(
    ([name, value]) =>
      html`<li><svg class="key" viewBox="0 0 24 8" aria-hidden="true"><path class="level" d="M1,4H23"/></svg>${name} <b>${value}</b></li>`,
  );
  return [...entries, ...keys];
}

/** A line chart as inline SVG with axes, legend (last values) and a readout; nothing when no series has a point. */
export function lineChart(spec: ChartSpec): Markup {
  const curves = spec.series
    .filter((s) => s.points.length > 0)
    .map((series) => ({ series, buckets: thin(series.points, MOST_POINTS) }));
  if (curves.length === 0) return NOTHING;
  const scale = scaleOf(spec, curves);
  const spoken = curves
    .filter(({ series }) => series.look !== 'class')
    .map(({ series }) => {
      const [first, last] = [series.points[0]!, series.points.at(-1)!];
      return `${series.name} from ${valueText(spec.unit, first[1])} to ${valueText(spec.unit, last[1])}`;
    });
  const main = curves.filter((c) => c.series.look !== 'class');
  const level = spec.reference
    ? html`<path class="level" d="M${PLOT.left},${scale.y(spec.reference.y)}H${PLOT.right}"/>`
    : NOTHING;
  const diagonal = spec.diagonal
    ? html`<path class="level" d="M${PLOT.left},${PLOT.bottom}L${PLOT.right},${PLOT.top}"/>`
    : NOTHING;
  return html`<figure class="chart"><figcaption><h3>${spec.title}</h3><ul>${legend(spec, main)}</ul></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${`${spec.title} by ${spec.x}: ${spoken.join('; ')}.`}">
${axes(spec, scale)}${level}${diagonal}${curves.map((c) => curveMarks(c, scale))}
${picks(spec, main, scale)}</svg></figure>`;
}
