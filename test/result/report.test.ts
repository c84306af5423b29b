import { describe, expect, test } from 'vitest';
import { lineChart, niceTicks, thin } from '../../src/result/report/chart.ts';
import { confusionsByCount } from '../../src/result/report/classes.ts';
import { escapeHtml, prettyJson, shorten } from '../../src/result/report/html.ts';
import { STYLE } from '../../src/result/report/style.ts';
import { renderReport } from '../../src/result/report.ts';
import { DATA, METRICS, PNG, scores, textOf } from './report-data.ts';

const page = renderReport(DATA);

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
