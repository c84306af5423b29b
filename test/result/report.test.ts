import { describe, expect, test } from 'vitest';
import { classMeter } from '../../src/result/classify.ts';
import { insightMeter } from '../../src/result/insight.ts';
import { labelMeter } from '../../src/result/labels.ts';
import { lineChart, niceTicks, thin } from '../../src/result/report/chart.ts';
import { confusionsByCount } from '../../src/result/report/classes.ts';
import { escapeHtml, prettyJson, shorten } from '../../src/result/report/html.ts';
import { STYLE } from '../../src/result/report/style.ts';
import { type MetricsRow, type ReportData, renderReport } from '../../src/result/report.ts';

const PNG = 'data:image/png;base64,iVBORw0KGgo=';

function scores(labels: readonly number[], answers: readonly number[], classes = 3) {
  const meter = classMeter({ classes });
  const logits = Float32Array.from(
    answers.flatMap((a) => Array.from({ length: classes }, (_, c) => (c === a ? 2 : 0))),
  );
  meter.add(logits, labels);
  return meter.result();
}

const METRICS: readonly MetricsRow[] = [0, 1, 2, 3, 4].map((epoch) => ({ epoch, step: epoch * 10, loss: 4 - epoch }));

/** Ten images: five of six cats, two of three dogs, no bird of one is recognised. */
const DATA: ReportData = {
  title: 'A run',
  summary: 'A small network.',
  classes: ['cat', 'dog', 'bird'],
  heldOut: scores([0, 0, 0, 0, 0, 0, 1, 1, 1, 2], [0, 0, 0, 0, 0, 1, 1, 1, 0, 0]),
  splits: [{ name: 'never seen', result: scores([0, 1], [0, 0]) }],
  references: [{ name: 'pixels', balancedAccuracy: 0.375 }],
  metrics: METRICS,
  mistakes: [{ image: PNG, name: 'a.png', label: 2, predicted: 0, confidence: 0.812 }],
  attention: [
    {
      image: PNG,
      label: 0,
      predicted: 0,
      confidence: 0.9,
      maps: [{ tap: 'layer3.context/attention', overlay: PNG, note: 'reads 31 % of positions' }],
    },
  ],
  configuration: { seed: 7, network: { kind: 'resnet' } },
  machine: [{ name: 'node', value: '20.20.0' }],
  files: [{ name: 'model.onnx', value: 'the network' }],
  next: [{ name: 'npx farsight predict', value: 'tries it' }],
};

const page = renderReport(DATA);
/** The page's text without tags, with plain spaces. */
const textOf = (html: string): string =>
  html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/[\s\u00A0]+/g, ' ');

describe('numbers', () => {
  const text = textOf(page);
  test.each([
    ['balanced accuracy, the mean of 5/6, 2/3 and 0', '50.0 %'],
    ['accuracy', 'Accuracy 70.0 %'],
    ["accuracy's interval", '95 % interval 39.7 to 89.2 %'],
    ['chance', 'Chance 33.3 %'],
    ['the commonest class', 'the commonest class alone: 60.0 %'],
    ['top-k, all of three', 'Top-3 accuracy 100.0 %'],
    ['the reference', 'pixels 37.5 %'],
    ['the part never seen', 'never seen 2 50.0 % 50.0 % 100.0 %'],
    ['recall and precision of a class', 'cat 6 83.3 % 71.4 % dog (1)'],
    ['a class never answered', 'bird 1 0.0 % – cat (1)'],
    ['a row of the matrix', 'dog 1 2 0'],
    ['the commonest confusion', 'cat taken for dog 1 time, 16.7 % of them'],
    ['a mistake', 'cat 81.2 % sure; it is bird a.png'],
    ['the tap', 'layer3. context/ attention reads 31 % of positions'],
    ['the configuration', '{ &quot;seed&quot;: 7, &quot;network&quot;: { &quot;kind&quot;: &quot;resnet&quot; } }'],
    ['a file', 'model.onnx the network'],
    ['a command', 'npx farsight predict tries it'],
  ])('shows %s', (_, words) => {
    expect(text).toContain(words);
  });
});

describe('curves', () => {
  test('a curve of five rows is one path of five points at their places', () => {
    const paths = [...page.matchAll(/<path class="line train" d="(M[\d.,L]+)"\/><circle/g)].map((m) => m[1]);
    expect(paths).toEqual(['M56.0,24.0L159.5,70.5L263.0,117.0L366.5,163.5L470.0,210.0']);
  });
  test('measures that were never taken have no chart', () => {
    expect([...page.matchAll(/<figure class="chart">/g)]).toHaveLength(1);
  });
  test('values that are not numbers are left out of the curve', () => {
    const metrics = [...METRICS, { epoch: 5, step: 50, loss: Number.NaN }, { epoch: 6, step: 60, loss: null }];
    expect(renderReport({ ...DATA, metrics })).toContain(
      'd="M56.0,24.0L159.5,70.5L263.0,117.0L366.5,163.5L470.0,210.0"',
    );
  });
  test('a thousand points are drawn as a hundred means in a band', () => {
    const points = Array.from({ length: 1000 }, (_, i) => [i, i % 10] as const);
    const buckets = thin(points, 100);
    expect(buckets).toHaveLength(100);
    expect(buckets[7]).toEqual({ x: 74.5, y: 4.5, low: 0, high: 9 });
    const drawn = lineChart({
      title: 't',
      x: 'step',
      fromZero: true,
      unit: 'number',
      series: [{ name: 'a', look: 'train', points }],
    }).toString();
    expect(drawn.match(/class="line train" d="(M[^"]*L[^"]*)"\/>\n?/)?.[1]?.split(/[ML]/)).toHaveLength(101);
    expect(drawn).toContain('class="band train"');
  });
  test('a single point and a constant curve are drawn without dividing by zero', () => {
    const one = renderReport({ ...DATA, metrics: [{ epoch: 1, step: 1, loss: 2, learningRate: 0 }] });
    expect(one).not.toMatch(/NaN|Infinity/);
  });
  test('without any row the page says so', () => {
    expect(renderReport({ ...DATA, metrics: [] })).toContain('No measurements were recorded.');
  });
  test.each([
    [0, 1, [0, 0.25, 0.5, 0.75, 1]],
    [0.13, 0.88, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0, 437, [0, 200, 400, 600]],
    [-3, 3, [-4, -2, 0, 2, 4]],
    [2, 2, [2, 2.5, 3, 3.5, 4].slice(0, 2)],
  ])('ticks from %d to %d are round and enclose them', (low, high, ticks) => {
    expect(niceTicks(low, high)).toEqual(ticks);
  });
});

describe('hostile text', () => {
  const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)>'</style>\u202Egnp.exe\0`;
  const hostile = renderReport({
    ...DATA,
    title: attack,
    summary: attack,
    classes: [attack, '</td>', 'onload="x"'],
    splits: DATA.splits.map((s) => ({ ...s, name: attack })),
    references: [{ name: attack, balancedAccuracy: 0.1 }],
    mistakes: DATA.mistakes.map((m) => ({ ...m, name: attack })),
    attention: DATA.attention.map((e) => ({
      ...e,
      name: attack,
      maps: e.maps.map((m) => ({ ...m, tap: attack, note: attack })),
    })),
    configuration: { [attack]: attack },
    machine: [{ name: attack, value: attack }],
    files: [{ name: attack, value: attack }],
    next: [{ name: attack, value: attack }],
  });
  /** Every tag of the page, as the browser would cut it; no attribute here contains a raw ">". */
  const tags = hostile.replace(/<style>.*?<\/style>/s, '').match(/<[^>]*>/g) ?? [];

  test('is shown as text', () => {
    expect(hostile).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=');
  });
  test('makes no element, attribute or address that the page does not have of itself', () => {
    const kinds = (all: readonly string[]): Set<string> => new Set(all.map((t) => t.split(/[\s>]/)[0]!));
    const own = kinds(page.replace(/<style>.*?<\/style>/s, '').match(/<[^>]*>/g) ?? []);
    expect([...kinds(tags)].filter((k) => !own.has(k))).toEqual([]);
    for (const tag of tags) expect(tag.replace(/"[^"]*"/g, '""')).not.toMatch(/\son\w+=|src=[^"]/);
  });
  test('cannot reverse or break the text around it', () => {
    expect(hostile).not.toMatch(/[\u202E\0]/);
  });
});

describe('one file', () => {
  test('names no address to load and holds no script', () => {
    expect(page).not.toMatch(/https?:|\/\/[a-z]|<script|<link|<iframe|@import|url\(|javascript:/i);
  });
  test('every picture is inline and every link stays on the page', () => {
    const sources = [...page.matchAll(/src="([^"]*)"/g)].map((m) => m[1]!);
    expect(sources).toEqual([PNG, PNG, PNG]);
    for (const [, target] of page.matchAll(/href="([^"]*)"/g)) {
      expect(target).toMatch(/^#/);
      expect(page).toContain(`id="${target!.slice(1)}"`);
    }
  });
  test('forbids the browser to load or run anything', () => {
    expect(page).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline';`);
  });
  test.each(['https://example.org/a.png', 'a.png', 'data:image/svg+xml;base64,AAAA', `${PNG}" onload="x`])(
    'refuses the picture %s',
    (image) => {
      const mistakes = [{ ...DATA.mistakes[0]!, image }];
      expect(() => renderReport({ ...DATA, mistakes })).toThrowError(expect.objectContaining({ code: 'data' }));
    },
  );
  test('every element is closed in order', () => {
    const open: string[] = [];
    let seen = 0;
    for (const [, close, name, self] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:"[^"]*"|[^">])*?(\/?)>/g)) {
      seen++;
      if (close) expect(open.pop()).toBe(name);
      else if (!self && !['meta', 'img', 'wbr'].includes(name!)) open.push(name!);
    }
    expect(open).toEqual([]);
    expect(seen).toBeGreaterThan(300);
  });
  test('is the same, letter by letter, for the same data', () => {
    expect(renderReport(structuredClone(DATA))).toBe(page);
  });
});

describe('what a reader who cannot see needs', () => {
  test('every table has a caption', () => {
    expect(page.match(/<table/g)).toHaveLength(page.match(/<caption>/g)!.length);
  });
  test('every picture has words in its place', () => {
    expect([...page.matchAll(/<img [^>]*alt="([^"]+)"/g)].map((m) => m[1])).toEqual([
      'cat',
      'Attention of layer3.context/attention over the picture',
      'bird, taken for cat',
    ]);
  });
  test('every chart says what its curves do', () => {
    expect(page).toContain('aria-label="Loss by epoch: training from 4.00 to 0."');
  });

  const luminance = (rgb: readonly number[]): number => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (a: readonly number[], b: readonly number[]): number => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light! + 0.05) / (dark! + 0.05);
  };
  const colours = (css: string): ReadonlyMap<string, readonly number[]> =>
    new Map(
      [...css.matchAll(/--([a-z-]+):(?:#([0-9a-f]{6})|(\d+) (\d+) (\d+))/g)].map(([, name, hex, ...rgb]) => [
        name!,
        hex ? [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) : rgb.map(Number),
      ]),
    );
  const [light, dark] = STYLE.split('@media (prefers-color-scheme:dark)').map((part) => colours(part.split('*{')[0]!));

  // WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1
  test.each([
    ['light', light!],
    ['dark', dark!],
  ])('text stands out from its ground in the %s scheme', (_, scheme) => {
    for (const ground of ['paper', 'panel']) {
      for (const text of ['ink', 'soft', 'ours', 'wrong']) {
        expect(contrast(scheme.get(text)!, scheme.get(ground)!)).toBeGreaterThanOrEqual(4.5);
      }
    }
    for (const heat of ['heat-right', 'heat-wrong']) {
      const cell = scheme.get(heat)!.map((v, i) => 0.6 * v + 0.4 * scheme.get('paper')![i]!);
      expect(contrast(scheme.get('ink')!, cell)).toBeGreaterThanOrEqual(4.5);
    }
  });
});

describe('many and few', () => {
  test('with more than forty classes the matrix gives way to the commonest confusions', () => {
    const classes = Array.from({ length: 50 }, (_, c) => `class ${c}`);
    const heldOut = scores([1, 1, 2, 3], [7, 7, 2, 9], 50);
    const text = renderReport({ ...DATA, classes, heldOut, splits: [], mistakes: [], attention: [] });
    expect(text).not.toContain('<table class="matrix"');
    expect(textOf(text)).toContain('class 1 taken for class 7 2 times, 100.0 % of them');
  });
  test('confusions come by count, then by class number', () => {
    const found = confusionsByCount(scores([0, 1, 1, 2, 2, 2], [0, 0, 0, 1, 0, 2]));
    expect(found.map((c) => [c.label, c.predicted, c.count])).toEqual([
      [1, 0, 2],
      [2, 0, 1],
      [2, 1, 1],
    ]);
  });
  test('a run without a mistake says so', () => {
    const perfect = renderReport({ ...DATA, heldOut: scores([0, 1, 2], [0, 1, 2]), mistakes: [], attention: [] });
    expect(perfect).toContain('Every held-out image was recognised.');
    expect(perfect).not.toContain('id="attention"');
  });
  test.each([
    ['scores of other classes than the names', { classes: ['cat', 'dog'] }, 'shape'],
    ['a picture of a class that does not exist', { mistakes: [{ ...DATA.mistakes[0]!, label: 3 }] }, 'data'],
  ])('%s are refused', (_, change, code) => {
    expect(() => renderReport({ ...DATA, ...change })).toThrowError(expect.objectContaining({ code }));
  });
});

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

describe('text', () => {
  test('escapes what HTML reads', () => {
    expect(escapeHtml(`a<b>&"'`)).toBe('a&lt;b&gt;&amp;&quot;&#39;');
  });
  test('cuts by letters, not by halves of them', () => {
    expect(shorten('🐈🐈🐈', 2)).toBe('🐈…');
    expect(shorten('🐈🐈', 2)).toBe('🐈🐈');
  });
  test('writes JSON that reads back, short parts on one line', () => {
    const value = { a: [1, 2, 3], b: { 'x,y': 'a:{}"\\' }, c: Array.from({ length: 40 }, (_, i) => i), d: null };
    const text = prettyJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toContain('\n  "a": [1, 2, 3],\n  "b": { "x,y": "a:{}\\"\\\\" },\n');
  });
});
