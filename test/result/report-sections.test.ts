import { describe, expect, test } from 'vitest';
import { insightMeter } from '../../src/result/insight.ts';
import { labelMeter } from '../../src/result/labels.ts';
import { renderReport } from '../../src/result/report.ts';
import { DATA, PNG, scores, textOf } from './report-data.ts';

const page = renderReport(DATA);

/** Four images of three classes: two cats and a dog are recognised, a bird is taken for a dog. */
const LOGITS = Float32Array.of(3, 0, 0, 1, 0, 0, 0, 2, 0, 0, 2, 1);
const insight = (() => {
  const meter = insightMeter({ classes: 3 });
  meter.add(LOGITS, { labels: [0, 0, 1, 2] });
  return meter.result();
})();

describe('how sure it is', () => {
  const { topLosses, ...rest } = insight;
  const losses = topLosses.slice(0, 2).map(({ index, ...t }) => ({ ...t, image: PNG, name: `${index}.png` }));
  const sure = renderReport({ ...DATA, insight: rest, topLosses: losses });
  const text = textOf(sure);

  test('is drawn as precision over recall, F1 by threshold and calibration', () => {
    expect([...sure.matchAll(/<h3>([^<]*)<\/h3>/g)].map((m) => m[1]).slice(1, 4)).toEqual([
      'Precision over recall',
      'F1 by threshold',
      'Calibration',
    ]);
    expect(sure.match(/<path class="line class" d="M[\d.,L]+"><title>(cat|dog|bird)<\/title>/g)).toHaveLength(6);
    // The last bin: one answer of 90.9 %, right.
    expect(text).toContain('86.7 % to 93.3 % 1 90.9 % 100.0 %');
  });
  test('names the threshold that suits each class', () => {
    expect(text).toMatch(/cat 6 83\.3 % 71\.4 % 100\.0 % \d+\.\d % dog \(1\)/);
  });
  test('shows the largest losses with what was said and what it is', () => {
    expect(text).toContain('said dog 66.5 % it is bird 24.5 % 3.png');
    expect(text).toMatch(/loss 0\.5\d+; said cat 57\.6 % and it is cat 57\.6 % 1\.png/);
  });
  test('has a caption for every table and no number that is none', () => {
    expect(sure.match(/<table/g)).toHaveLength(sure.match(/<caption>/g)!.length);
    expect(sure).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('a run that goes on', () => {
  const live = {
    ...{ epoch: 1.5, epochs: 4, step: 30, steps: 80, imagesPerSecond: 12.25, loss: 0.75, secondsLeft: 125 },
    ...{ written: '2026-01-02 03:04:05 UTC', refresh: 10 },
  };
  const begun = renderReport({ ...DATA, live, heldOut: null, splits: [], mistakes: [], attention: [] });

  test('says how far it is and how long it will take', () => {
    expect(textOf(begun)).toContain('37.5 % done: step 30 of 80. Written 2026-01-02 03:04:05 UTC;');
    expect(textOf(begun)).toContain('Time left 2 min 05 s');
  });
  test('has a page that loads itself again; a finished one has not', () => {
    expect(begun).toContain('<meta http-equiv="refresh" content="10">');
    expect(page).not.toContain('http-equiv="refresh"');
    expect(renderReport({ ...DATA, live: { ...live, refresh: null } })).not.toContain('http-equiv="refresh"');
  });
  test('has curves and configuration before there are scores', () => {
    expect(begun).toContain('id="curves"');
    expect(begun).not.toContain('id="confusion"');
    expect(begun).toContain('&quot;seed&quot;');
  });
  test('shows scores as soon as there are some, and no mistakes', () => {
    const scored = renderReport({ ...DATA, live, mistakes: [], attention: [] });
    expect(textOf(scored)).toContain('of 3 classes, so far');
    expect(scored).not.toContain('id="mistakes"');
  });
  test('shows what the network saw first', () => {
    const drawn = renderReport({ ...DATA, firstBatches: { image: PNG, width: 800, height: 300 } });
    expect(drawn).toContain(`<img src="${PNG}" width="800" height="300" alt="Pictures of the first training batches`);
  });
});

describe('images with several labels', () => {
  const meter = labelMeter({ classes: 3 });
  meter.add(Float32Array.of(2, 1, -1, -1, 2, 0.5), [1, 1, 0, 0, 0, 1]);
  const several = renderReport({ ...DATA, labels: meter.result(), splits: [], mistakes: [], attention: [] });
  const text = textOf(several);

  test('are judged by mean average precision, the mean of 1, 1/2 and 1', () => {
    expect(text).toContain('83.3 % mean average precision on 2 held-out images with labels of 3 classes');
  });
  test('have rates for every class instead of a matrix', () => {
    expect(text).toContain('dog 1 50.0 % 100.0 % 50.0 % 66.7 %');
    expect(several).not.toContain('id="confusion"');
    expect(several).not.toContain('id="mistakes"');
  });
});

test('a thousand classes are a page of at most 2 MB', () => {
  const classes = Array.from({ length: 1000 }, (_, c) => `class ${c}`);
  const labels = Array.from({ length: 2000 }, (_, i) => i % 1000);
  const answers = labels.map((label, i) => (i % 3 === 0 ? (label + 1) % 1000 : label));
  const heldOut = scores(labels, answers, 1000);
  const many = insightMeter({ classes: 1000 });
  many.add(
    Float32Array.from({ length: 200_000 }, (_, i) => (i % 1000 === Math.floor(i / 1000) ? 4 : 0)),
    { labels: Array.from({ length: 200 }, (_, i) => i) },
  );
  const big = renderReport({
    ...DATA,
    ...{ classes, heldOut, insight: many.result(), splits: [], mistakes: [], attention: [] },
  });
  expect(big.length).toBeLessThan(2_000_000);
  expect(textOf(big)).toContain('The 30 classes that are recognised least, of 1,000.');
});
