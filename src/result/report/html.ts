import { Fault } from '../../core/fault.ts';
import { formatPercent } from '../format.ts';

/** Text that is HTML already; only {@link html} makes it, so data read from a file can never pass for it. */
export class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in an {@link html} template: strings and numbers are escaped, markup stands as it is. */
export type Piece = Markup | string | number | readonly Piece[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text made safe inside an element or a quoted attribute. Control characters, halves of surrogate pairs and those that
 * reverse the direction of the text after them become U+FFFD: a file name must not rearrange the page.
 */
export function escapeHtml(text: string): string {
  return text
    .replace(/(?![\n\t])[\p{Cc}\p{Cs}\p{Bidi_Control}]/gu, '\uFFFD')
    .replace(/[&<>"']/g, (letter) => ENTITIES[letter]!);
}

function render(piece: Piece): string {
  if (piece instanceof Markup) return piece.toString();
  if (typeof piece === 'string') return escapeHtml(piece);
  if (typeof piece === 'number') return String(piece);
  return piece.map(render).join('');
}

/** A template of HTML; what is put in is escaped unless it is {@link Markup}. Attributes must be in double quotes. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  return new Markup(strings.reduce((text, part, i) => text + render(pieces[i - 1]!) + part));
}

const SPACED: Readonly<Record<string, string>> = { ',': ', ', ':': ': ', '{': '{ ', '}': ' }' };

/** Nothing at all. */
export const NOTHING: Markup = new Markup('');

/** A name cut to so many letters, with an ellipsis. */
export function shorten(text: string, most = 60): string {
  const letters = Array.from(text.slice(0, 4 * most));
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : letters.join('');
}

/** A fraction as a percentage that is never broken over two lines. */
export function percent(fraction: number): string {
  return formatPercent(fraction).replace(' ', '\u00A0');
}

/** A dotted name that may be broken after its separators. */
export function breakable(name: string): Markup {
  return html`${name.split(/(?<=[./_-])/u).map((part) => html`${part}<wbr>`)}`;
}

/** JSON over several lines, where what fits into 72 letters stays on one. */
export function prettyJson(value: unknown, indent = ''): string {
  const short = (JSON.stringify(value) ?? 'null').replace(
    /"(?:[^"\\]|\\.)*"|[,:{}]/g,
    (token) => SPACED[token] ?? token,
  );
  if (typeof value !== 'object' || value === null || short.length + indent.length <= 72) return short;
  const deeper = `${indent}  `;
  const lines = Array.isArray(value)
    ? value.map((entry) => `${deeper}${prettyJson(entry, deeper)}`)
    : Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .map(([key, entry]) => `${deeper}${JSON.stringify(key)}: ${prettyJson(entry, deeper)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}

/** A picture's source, checked to be a `data:` URI of a PNG, JPEG or WebP: the report must load nothing. */
export function pictureSource(uri: string): string {
  if (/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/.test(uri)) return uri;
  throw new Fault(
    'data',
    `report: expected a picture as data:image/png;base64,…, got "${shorten(uri, 40)}". Encode pictures first.`,
  );
}
