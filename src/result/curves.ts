import { expect } from '../core/fault.ts';

/** Precision, recall and F1 where a class counts as predicted from some probability on. */
export interface ThresholdPoint {
  /** The least probability that counts, 0 to 1. */
  readonly threshold: number;
  /** Share of the predictions that are right; 1 where there are none, as by custom at the end of the curve. */
  readonly precision: number;
  readonly recall: number;
  /** 2 · precision · recall / (precision + recall); 0 where both are. */
  readonly f1: number;
}

/** What a threshold does to one class. */
export interface ClassCurve {
  readonly label: number;
  /** Samples that are of this class. */
  readonly support: number;
  /** By rising threshold; empty for a class without samples, and of many classes for all but the ten hardest. */
  readonly points: readonly ThresholdPoint[];
  /** The point of the largest F1; null for a class without samples. */
  readonly best: ThresholdPoint | null;
  /** Area under precision over recall, by steps; null for a class without samples. */
  readonly area: number | null;
}

/** Curves of all classes and their means. */
export interface ClassCurves {
  readonly classes: readonly ClassCurve[];
  /** Means over the classes that have samples, threshold by threshold. */
  readonly macro: readonly ThresholdPoint[];
  /** Mean precision at each hundredth of recall, of the same classes: each at the threshold at which it gets so far. */
  readonly macroByRecall: readonly { readonly recall: number; readonly precision: number }[];
  /** The threshold at which the mean F1 is largest; null where no class has samples. */
  readonly best: ThresholdPoint | null;
  /** Mean of the areas; null where no class has samples. */
  readonly meanArea: number | null;
}

/** Adds up probabilities batch by batch. */
export interface CurveMeter {
  /** Counts one sample's probability of a class, and whether it is of the class. */
  add(label: number, probability: number, isMeant: boolean): void;
  result(): ClassCurves;
}

/** Buckets of log-odds, from -REACH to REACH: fine near 0 and near 1, where sure networks put most of their answers. */
const BUCKETS = 240;
const REACH = 12;

function bucketOf(probability: number): number {
  const odds = Math.log(probability / (1 - probability));
  return Math.min(BUCKETS - 1, Math.max(0, Math.floor(((odds + REACH) / (2 * REACH)) * BUCKETS)));
}

/** The least probability of a bucket; 0 of the first. */
function thresholdOf(bucket: number): number {
  return bucket === 0 ? 0 : 1 / (1 + Math.exp(REACH - (bucket * 2 * REACH) / BUCKETS));
}

const THRESHOLDS: readonly number[] = Array.from({ length: BUCKETS }, (_, b) => thresholdOf(b));

/** A meter of one-against-all decisions; it keeps 2 kB a class, however many samples are added. */
export function curveMeter(classes: number): CurveMeter {
  const counts = new Uint32Array(classes * BUCKETS * 2); // [K, buckets, (others, meant)]
  return {
    add: (label, probability, isMeant) => {
      expect(
        probability >= 0 && probability <= 1,
        'data',
        () => `curves: expected a probability from 0 to 1, got ${probability}.`,
      );
      counts[(label * BUCKETS + bucketOf(probability)) * 2 + Number(isMeant)]! += 1;
    },
    result: () => {
      const size = BUCKETS * 2;
      const one = (k: number): ClassCurve => curveOf(k, counts.subarray(k * size, (k + 1) * size));
      const sums = new Float64Array(BUCKETS * 3); // [buckets, (precision, recall, F1)]
      const byRecall = new Float64Array(RECALLS);
      const all = Array.from({ length: classes }, (_, k) => {
        const curve = one(k);
        curve.points.forEach(({ precision, recall, f1 }, b) => {
          sums[b * 3]! += precision;
          sums[b * 3 + 1]! += recall;
          sums[b * 3 + 2]! += f1;
        });
        addByRecall(byRecall, curve.points);
        return classes > MOST_WITH_POINTS ? { ...curve, points: [] } : curve;
      });
      for (const label of hardest(all)) if (classes > MOST_WITH_POINTS) all[label] = one(label);
      return { classes: all, ...meansOf(all, sums, byRecall) };
    },
  };
}

/** Of so many classes all points are kept; of more, only those of the classes of the lowest F1. */
const MOST_WITH_POINTS = 40;
const HARDEST = 10;

function hardest(curves: readonly ClassCurve[]): readonly number[] {
  const able = curves.filter((c) => c.best !== null);
  return [...able]
    .sort((a, b) => a.best!.f1 - b.best!.f1 || a.label - b.label)
    .slice(0, HARDEST)
    .map((c) => c.label);
}

/** Hundredths of recall, from 0.01 to 1. */
const RECALLS = 100;

/** Adds a class's precision at the highest threshold at which it has so much recall. sums [RECALLS] */
function addByRecall(sums: Float64Array, points: readonly ThresholdPoint[]): void {
  let at = points.length - 1;
  for (let r = 0; r < RECALLS && at >= 0; r++) {
    while (at > 0 && points[at]!.recall < (r + 1) / RECALLS - 1e-12) at--;
    sums[r]! += points[at]!.precision;
  }
}

/** counts [buckets, (others, meant)] */
function curveOf(label: number, counts: Uint32Array): ClassCurve {
  let support = 0;
  for (let b = 0; b < BUCKETS; b++) support += counts[b * 2 + 1]!;
  if (support === 0) return { label, support, points: [], best: null, area: null };
  const points: ThresholdPoint[] = [];
  let [meant, others, area] = [0, 0, 0];
  for (let b = BUCKETS - 1; b >= 0; b--) {
    const more = counts[b * 2 + 1]!;
    meant += more;
    others += counts[b * 2]!;
    const precision = meant + others > 0 ? meant / (meant + others) : 1;
    area += (more / support) * precision;
    points.push(pointOf(THRESHOLDS[b]!, precision, meant / support));
  }
  points.reverse();
  return { label, support, points, best: bestOf(points), area };
}

function pointOf(threshold: number, precision: number, recall: number): ThresholdPoint {
  const f1 = precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
  return { threshold, precision, recall, f1 };
}

/** The point of the largest F1, the lowest threshold of equals. */
function bestOf(points: readonly ThresholdPoint[]): ThresholdPoint | null {
  return points.reduce<ThresholdPoint | null>((best, p) => (best === null || p.f1 > best.f1 ? p : best), null);
}

/** sums [buckets, (precision, recall, F1)] */
function meansOf(
  curves: readonly ClassCurve[],
  sums: Float64Array,
  byRecall: Float64Array,
): Omit<ClassCurves, 'classes'> {
  const areas = curves.flatMap((c) => (c.area === null ? [] : [c.area]));
  const count = areas.length;
  if (count === 0) return { macro: [], macroByRecall: [], best: null, meanArea: null };
  const macro = THRESHOLDS.map((threshold, b) => {
    const [precision, recall, f1] = [0, 1, 2].map((i) => sums[b * 3 + i]! / count);
    return { threshold, precision: precision!, recall: recall!, f1: f1! };
  });
  const macroByRecall = [...byRecall].map((sum, r) => ({ recall: (r + 1) / RECALLS, precision: sum / count }));
  return { macro, macroByRecall, best: bestOf(macro), meanArea: areas.reduce((a, b) => a + b, 0) / count };
}
