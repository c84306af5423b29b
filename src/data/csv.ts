import { Fault } from '../core/fault.ts';
import type { Files } from './files.ts';

/** One record of a table. */
export interface CsvRecord {
  /** Line of the file on which it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** What stands between cells. */
export type CsvSeparator = ',' | ';' | '\t';

/** Bytes that are read at a time. */
const PIECE = 1024 ** 2;

/** The longest record in characters, and the most cells of one. */
const MAX_RECORD = 1024 ** 2;
const MAX_CELLS = 100_000;

/**
 * Records of a table as RFC 4180 has them: quotes around a cell, doubled inside it, line breaks inside quotes; lines end
 * in LF, CR LF or CR; empty lines are passed over. UTF-8, with or without a byte order mark. The file is read piece by
 * piece; NULs, other encodings, open quotes and endless records are faults that name the line.
 *
 * The separator, where none is given, is the one of `,`, `;` and tab that the first line has most of outside quotes.
 */
export async function* csvRecords(
  files: Files,
  path: string,
  separator: CsvSeparator | null = null,
): AsyncGenerator<CsvRecord, void, undefined> {
  let text = '';
  let line = 1;
  let between = separator;
  for await (const { piece, last } of texts(files, path)) {
    text += piece;
    between ??= separatorOf(text, last || text.length > MAX_RECORD);
    if (between === null) continue;
    let at = 0;
    while (at < text.length) {
      const record = readRecord(text, at, { separator: between, last, where: `${path}, line ${line}` });
      if (record === null) break;
      if (record.cells.length > 1 || record.cells[0] !== '') yield { line, cells: record.cells };
      at = record.end;
      line += record.lines;
    }
    text = text.slice(at);
  }
}

/** A file's text, piece by piece. */
async function* texts(
  files: Files,
  path: string,
): AsyncGenerator<{ readonly piece: string; readonly last: boolean }, void, undefined> {
  const file = await files.open(path);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes: Uint8Array, stream: boolean): string => {
    try {
      return decoder.decode(bytes, { stream });
    } catch (cause) {
      throw new Fault('data', `${path}: expected text in UTF-8, got other bytes. Save it as UTF-8.`, { cause });
    }
  };
  try {
    for (let at = 0; at < file.size; at += PIECE) {
      const bytes = await file.read(at, Math.min(PIECE, file.size - at));
      if (at === 0) refuseOtherFiles(path, bytes);
      const last = at + PIECE >= file.size;
      const piece = decode(bytes, !last);
      const nul = piece.indexOf('\0');
      if (nul >= 0) throw new Fault('data', `${path}: expected a table of text, got a NUL near byte ${at + nul}.`);
      yield { piece, last };
    }
  } finally {
    await file.close();
  }
}

function refuseOtherFiles(path: string, bytes: Uint8Array): void {
  const [a, b] = bytes;
  const kinds: readonly (readonly [boolean, string])[] = [
    [(a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff), 'UTF-16. Save it as UTF-8'],
    [a === 0x1f && b === 0x8b, 'a gzip file. Unpack it'],
    [a === 0x50 && b === 0x4b, 'a zip file or a spreadsheet. Save the sheet as CSV'],
  ];
  const found = kinds.find(([is]) => is);
  if (found) throw new Fault('data', `${path}: expected a table in UTF-8 text, got ${found[1]}.`);
}

interface Reading {
  readonly separator: CsvSeparator;
  /** Whether no more text follows. */
  readonly last: boolean;
  /** Path and line, which begin a message. */
  readonly where: string;
}

interface Read {
  readonly cells: readonly string[];
  /** Where the next record begins, and how many lines further. */
  readonly end: number;
  readonly lines: number;
}

const BREAK = /\r\n|\n|\r/g;

/** The record that begins at `start`; null where more text must come first. */
function readRecord(text: string, start: number, reading: Reading): Read | null {
  const { separator, last, where } = reading;
  BREAK.lastIndex = start;
  const found = BREAK.exec(text);
  const stop = found?.index ?? text.length;
  const line = text.slice(start, stop);
  if (line.includes('"')) return readQuoted(text, start, reading);
  if (line.length > MAX_RECORD) throw tooLong(where);
  // A CR at the very end may be half of a CR LF.
  if (!last && (found === null || stop + 1 === text.length)) return null;
  const cells = line.split(separator);
  if (cells.length > MAX_CELLS) throw tooLong(where);
  return { cells, end: found === null ? text.length : stop + found[0].length, lines: 1 };
}

function tooLong(where: string): Fault {
  return new Fault(
    'data',
    `${where}: expected a row of at most ${MAX_RECORD} characters and ${MAX_CELLS} cells, got more. Is a quote left open?`,
  );
}

/** A record with quotes, cell by cell. */
function readQuoted(text: string, start: number, reading: Reading): Read | null {
  const { separator, last, where } = reading;
  const cells: string[] = [];
  for (let at = start; ; at++) {
    const cell = text[at] === '"' ? quotedCell(text, at) : plainCell(text, at, separator);
    const end = cell?.end ?? text.length;
    if (end - start > MAX_RECORD || cells.length >= MAX_CELLS) throw tooLong(where);
    if (!last && end + 1 >= text.length) return null;
    if (cell === null) throw new Fault('data', `${where}: expected a closing quote, got the end of the file.`);
    cells.push(cell.text);
    const next = text[end];
    if (next === separator) at = end;
    else if (next === undefined || next === '\n' || next === '\r') {
      const after = next === '\r' && text[end + 1] === '\n' ? end + 2 : Math.min(end + 1, text.length);
      return { cells, end: after, lines: text.slice(start, after).match(BREAK)?.length ?? 1 };
    } else {
      const got = JSON.stringify(next);
      throw new Fault(
        'data',
        `${where}: expected the cell to end after its closing quote, got ${got}. Double the quotes inside a quoted cell.`,
      );
    }
  }
}

interface Cell {
  readonly text: string;
  /** Where what follows it stands. */
  readonly end: number;
}

/** A cell in quotes; null where its end has not come. */
function quotedCell(text: string, start: number): Cell | null {
  let cell = '';
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return null;
    if (text[quote + 1] !== '"') return { text: cell + text.slice(from, quote), end: quote + 1 };
    cell += text.slice(from, quote + 1);
    from = quote + 2;
  }
}

/** A cell without quotes around it; a quote inside it is itself. */
function plainCell(text: string, start: number, separator: CsvSeparator): Cell {
  let end = start;
  while (end < text.length && text[end] !== separator && text[end] !== '\n' && text[end] !== '\r') end++;
  return { text: text.slice(start, end), end };
}

/** The separator that the first line has most of outside quotes; null where the line has not ended and must. */
function separatorOf(text: string, ended: boolean): CsvSeparator | null {
  const counts: Record<CsvSeparator, number> = { ',': 0, ';': 0, '\t': 0 };
  let quoted = false;
  let done = ended;
  for (const char of text) {
    if (char === '"') quoted = !quoted;
    else if (!quoted && (char === '\n' || char === '\r')) {
      done = true;
      break;
    } else if (!quoted && char in counts) counts[char as CsvSeparator]++;
  }
  if (!done) return null;
  const order: readonly CsvSeparator[] = [',', ';', '\t'];
  return order.reduce((best, s) => (counts[s] > counts[best] ? s : best), ',');
}
