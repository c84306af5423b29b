import { formatCount, formatDuration, formatNumber } from '../format.ts';
import type { LiveState, ReportData } from './data.ts';
import { html, type Markup, NOTHING } from './html.ts';

/** Asks the browser to load the page again after a while, as long as the run goes on. */
export function refreshTag({ live }: ReportData): Markup {
  if (!live || live.refresh === null) return NOTHING;
  return html`<meta http-equiv="refresh" content="${Math.max(1, Math.round(live.refresh))}">`;
}

function figure(name: string, value: string, note: string): Markup {
  return html`<div><dt>${name}</dt><dd><b>${value}</b> <small>${note}</small></dd></div>\n`;
}

/** Where the run stands; nothing once it has finished. */
export function liveSection({ live }: ReportData): Markup {
  if (!live) return NOTHING;
  const share = live.steps > 0 ? Math.min(1, live.step / live.steps) : 0;
  const state =
    live.refresh === null
      ? `The run was ended, and can be resumed. Written ${live.written}.`
      : `Written ${live.written}; the page loads itself again every ${formatDuration(live.refresh)}.`;
  const done = `${(share * 100).toFixed(1)}\u00A0%`;
  return html`<section id="progress" class="headline"><h2 class="unseen">Progress</h2><div class="live">
<p><b>${done}</b> done: step ${formatCount(live.step)} of ${formatCount(live.steps)}. ${state}</p>
<div class="track" role="progressbar" aria-label="training" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${(share * 100).toFixed(1)}"><span class="bar" style="width:${(share * 100).toFixed(1)}%"></span></div>
<dl class="figures">${figures(live)}</dl></div></section>`;
}

function figures(live: LiveState): readonly Markup[] {
  const orDash = (value: number | null, format: (v: number) => string): string =>
    value === null ? '–' : format(value);
  return [
    figure('Epoch', formatNumber(live.epoch, 3), `of ${live.epochs}`),
    figure('Time left', orDash(live.secondsLeft, formatDuration), 'at the mean pace so far'),
    figure(
      'Training loss',
      orDash(live.loss, (v) => formatNumber(v, 4)),
      'lately',
    ),
    figure(
      'Images per second',
      orDash(live.imagesPerSecond, (v) => formatNumber(v, 3)),
      'lately',
    ),
  ];
}
