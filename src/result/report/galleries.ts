import { formatNumber } from '../format.ts';
import type { Answer } from '../insight.ts';
import type { AttentionExhibit, LossPicture, MistakePicture, ReportData, Scored } from './data.ts';
import { breakable, html, type Markup, NOTHING, percent, pictureSource, shorten } from './html.ts';

function fileName(name: string | undefined): Markup {
  return name === undefined
    ? NOTHING
    : html`<span class="file" title="${shorten(name, 200)}">${shorten(name, 48)}</span>`;
}

function mistake(data: ReportData, shown: MistakePicture): Markup {
  const truth = shorten(data.classes[shown.label]!);
  const answer = shorten(data.classes[shown.predicted]!);
  const sure = percent(shown.confidence);
  return html`<li><figure><img src="${pictureSource(shown.image)}" alt="${`${truth}, taken for ${answer}`}">
<figcaption><span class="wrong">${answer}</span><span class="track"><span class="bar" style="width:${(shown.confidence * 100).toFixed(1)}%"></span></span>
<span class="small">${sure} sure; it is</span><span class="right">${truth}</span>${fileName(shown.name)}</figcaption></figure></li>\n`;
}

/** The pictures that were most surely misread. */
export function mistakesSection(data: Scored): Markup {
  const wrong = data.heldOut.samples - data.heldOut.correct;
  const body =
    data.mistakes.length === 0
      ? html`<p>${wrong === 0 ? 'Every held-out image was recognised.' : 'No pictures were kept.'}</p>`
      : html`<p class="lead">The ${data.mistakes.length} worst of ${wrong}. Above: what the network said, and how surely. Below: what the picture is.</p>
<ul class="gallery">${data.mistakes.map((m) => mistake(data, m))}</ul>`;
  return html`<section id="mistakes"><h2>Worst mistakes</h2>${body}</section>`;
}

/** Names of classes with the probabilities that were given to them. */
function answers(data: ReportData, all: readonly Answer[], look: 'right' | 'wrong'): readonly Markup[] {
  if (all.length === 0) return [html`<span class="small">nothing</span>`];
  return all.map(
    ({ label, probability }) =>
      html`<span><span class="${look}">${shorten(data.classes[label]!)}</span> <span class="small">${percent(probability)}</span></span>`,
  );
}

function topLoss(data: ReportData, shown: LossPicture): Markup {
  const names = (all: readonly Answer[]): string =>
    all.map((a) => shorten(data.classes[a.label]!)).join(', ') || 'nothing';
  const meant = new Set(shown.meant.map((a) => a.label));
  const isRight = shown.said.length === meant.size && shown.said.every((a) => meant.has(a.label));
  return html`<li><figure><img src="${pictureSource(shown.image)}" alt="${`${names(shown.meant)}; said: ${names(shown.said)}`}">
<figcaption><span class="small">loss ${formatNumber(shown.loss, 3)}; said</span>${answers(data, shown.said, isRight ? 'right' : 'wrong')}
<span class="small">${isRight ? 'and it is' : 'it is'}</span>${answers(data, shown.meant, 'right')}${fileName(shown.name)}</figcaption></figure></li>\n`;
}

/** The pictures of the largest loss; nothing where none were kept. */
export function lossesSection(data: ReportData): Markup {
  const { topLosses = [] } = data;
  if (topLosses.length === 0) return NOTHING;
  return html`<section id="losses"><h2>Largest losses</h2>
<p class="lead">The ${topLosses.length} held-out pictures that cost most, whether the answer was right or wrong: what was said, what it is, and the probability given to either. Wrong labels are often found here.</p>
<ul class="gallery">${topLosses.map((t) => topLoss(data, t))}</ul></section>`;
}

/** What the network was trained on first; nothing where it was not drawn. */
export function batchesSection({ firstBatches }: ReportData): Markup {
  if (!firstBatches) return NOTHING;
  const { image, width, height } = firstBatches;
  return html`<section id="batches"><h2>What it sees</h2>
<p class="lead">Pictures of the first training batches as the network gets them: cut, changed at random and turned back to colours, with their labels.</p>
<div class="batches" tabindex="0"><img src="${pictureSource(image)}" width="${width}" height="${height}" alt="Pictures of the first training batches with their labels below"></div></section>`;
}

function exhibit(data: ReportData, shown: AttentionExhibit): Markup {
  const truth = shorten(data.classes[shown.label]!);
  const answer = shorten(data.classes[shown.predicted]!);
  const isRight = shown.label === shown.predicted;
  const verdict = isRight
    ? html`<span class="right">${answer}</span> <span class="small">right, ${percent(shown.confidence)} sure</span>`
    : html`<span class="wrong">${answer}</span> <span class="small">wrong, ${percent(shown.confidence)} sure; it is</span> <span class="right">${truth}</span>`;
  const maps = shown.maps.map(
    (
      map,
    ) => html`<figure><img src="${pictureSource(map.overlay)}" alt="${`Attention of ${shorten(map.tap, 80)} over the picture`}">
<figcaption><code>${breakable(shorten(map.tap, 80))}</code>${map.note === undefined ? NOTHING : html`<span class="small">${shorten(map.note, 120)}</span>`}</figcaption></figure>\n`,
  );
  return html`<li><div class="views"><figure><img src="${pictureSource(shown.image)}" alt="${truth}"><figcaption>picture</figcaption></figure>
${maps}</div><p class="verdict">${verdict} ${fileName(shown.name)}</p></li>\n`;
}

/** Where the context blocks look; nothing for a network without taps. */
export function attentionSection(data: ReportData): Markup {
  if (data.attention.length === 0) return NOTHING;
  return html`<section id="attention"><h2>Where it looks</h2>
<p class="lead">Beside each test picture, what the context block reads from it. Each map is stretched to its own range:
<span class="scale"><span>least</span><span class="ramp" aria-hidden="true"></span><span>most</span></span></p>
<ul class="exhibits">${data.attention.map((e) => exhibit(data, e))}</ul></section>`;
}
