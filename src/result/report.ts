import { expect } from '../core/fault.ts';
import type { ClassifyResult } from './classify.ts';
import { classesSection, confusionSection } from './report/classes.ts';
import { curvesSection } from './report/curves.ts';
import type { Fact, ReportData, Scored } from './report/data.ts';
import { attentionSection, batchesSection, lossesSection, mistakesSection } from './report/galleries.ts';
import { headlineSection, pageHeader } from './report/headline.ts';
import { html, Markup, NOTHING, prettyJson, shorten } from './report/html.ts';
import { labelClasses, labelHeadline } from './report/labels.ts';
import { liveSection, refreshTag } from './report/live.ts';
import { STYLE } from './report/style.ts';
import { thresholdsSection } from './report/thresholds.ts';

export type {
  AttentionExhibit,
  AttentionPicture,
  BatchesPicture,
  Fact,
  LiveState,
  LossPicture,
  MetricsRow,
  MistakePicture,
  Reference,
  ReportData,
  Split,
} from './report/data.ts';

/** Nothing may be loaded and no script may run, whatever text slips in. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

function checkScores(where: string, result: ClassifyResult, classes: number): void {
  const sizes = [result.classes, result.confusion.length, result.perClass.length];
  expect(
    sizes.every((size) => size === classes),
    'shape',
    () => `report: ${where}: expected scores of ${classes} classes, as many as names, got ${sizes.join(', ')}.`,
  );
}

function checkData(data: ReportData): void {
  const classes = data.classes.length;
  if (data.heldOut) checkScores('heldOut', data.heldOut, classes);
  for (const { name, result } of data.splits) checkScores(`split "${shorten(name)}"`, result, classes);
  const labels = [...data.mistakes, ...data.attention].flatMap((p) => [p.label, p.predicted]);
  const answers = (data.topLosses ?? []).flatMap((t) => [...t.meant, ...t.said]);
  for (const label of [...labels, ...answers.map((a) => a.label)]) {
    expect(
      Number.isInteger(label) && label >= 0 && label < classes,
      'data',
      () => `report: expected class numbers of pictures from 0 to ${classes - 1}, got ${label}.`,
    );
  }
}

function contents(data: ReportData): Markup {
  const entries = [
    ['curves', 'Training'],
    ...(data.attention.length > 0 ? [['attention', 'Where it looks']] : []),
    ...(data.insight?.curves.best ? [['thresholds', 'How sure it is']] : []),
    ...(isScored(data) ? [['confusion', 'What is taken for what']] : []),
    ...(data.heldOut || data.labels ? [['classes', 'Class by class']] : []),
    ...(isScored(data) && !data.live ? [['mistakes', 'Worst mistakes']] : []),
    ...(data.topLosses?.length ? [['losses', 'Largest losses']] : []),
    ...(data.firstBatches ? [['batches', 'What it sees']] : []),
    ['run', 'The run'],
  ];
  return html`<nav aria-label="Sections"><ul>${entries.map(
    ([id, name]) => html`<li><a href="#${id!}">${name!}</a></li>`,
  )}</ul></nav>`;
}

function factList(title: string, facts: readonly Fact[]): Markup {
  if (facts.length === 0) return NOTHING;
  const rows = facts.map(({ name, value }) => html`<dt>${shorten(name, 80)}</dt><dd>${shorten(value, 400)}</dd>\n`);
  return html`<div><h3>${title}</h3><dl class="facts">${rows}</dl></div>`;
}

function commandList(commands: readonly Fact[]): Markup {
  if (commands.length === 0) return NOTHING;
  const rows = commands.map(
    ({ name, value }) => html`<dt><code>${shorten(name, 400)}</code></dt><dd>${shorten(value, 200)}</dd>\n`,
  );
  return html`<div><h3>What to try next</h3><dl class="facts commands">${rows}</dl></div>`;
}

function runSection(data: ReportData): Markup {
  return html`<section id="run"><h2>The run</h2>
<div class="pair">${factList('Machine, versions, seed', data.machine)}<div>${factList('In the folder of this run', data.files)}</div></div>
${commandList(data.next)}
<details open><summary>Configuration, with every default resolved</summary><pre tabindex="0">${prettyJson(data.configuration)}</pre></details></section>`;
}

/** Whether there are scores of one class an image. */
function isScored(data: ReportData): data is Scored {
  return data.heldOut !== null && data.labels === undefined;
}

/** What stands between the contents and the footer. */
function sections(data: ReportData): readonly Markup[] {
  const scored = isScored(data) ? data : null;
  const { labels } = data;
  return [
    liveSection(data),
    scored ? headlineSection(scored) : NOTHING,
    labels ? labelHeadline({ ...data, labels }) : NOTHING,
    curvesSection(data),
    attentionSection(data),
    thresholdsSection(data),
    scored ? confusionSection(scored) : NOTHING,
    scored ? classesSection(scored) : NOTHING,
    labels ? labelClasses({ ...data, labels }) : NOTHING,
    scored && !data.live ? mistakesSection(scored) : NOTHING,
    lossesSection(data),
    batchesSection(data),
    runSection(data),
  ];
}

/** A training run as one HTML page that loads nothing; the same data give the same page, letter by letter. */
export function renderReport(data: ReportData): string {
  checkData(data);
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">${refreshTag(data)}<title>${shorten(data.title, 120)} · Farsight</title>
<style>${new Markup(STYLE)}</style></head>
<body>${pageHeader(data)}${contents(data)}<main>${sections(data).map((s) => html`${s}\n`)}</main>
<footer>Written by Farsight. This page is complete in itself and loads nothing.</footer></body></html>
`;
  return page.toString();
}
