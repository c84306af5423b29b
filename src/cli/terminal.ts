import colours from 'picocolors';

/** What every command takes besides its own options. */
export interface CommonFlags {
  /** One JSON object a line instead of text. */
  readonly json?: boolean;
  /** Where an error arose, with its causes. */
  readonly debug?: boolean;
}

/** Writes a line to standard output. */
export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Writes an object as one line of JSON to standard output. */
export function sayJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Writes a line to standard error: notes and warnings that are no result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A line that is drawn over itself in a terminal, and left out elsewhere but for one in a while. */
export interface StatusLine {
  show(line: string): void;
  /** Takes the line away before something else is written. */
  clear(): void;
}

/** Seconds between status lines where they cannot be drawn over each other. */
const SELDOM = 10;

/** A status line on standard error. */
export function statusLine(): StatusLine {
  const { stderr } = process;
  let shown = 0;
  let drawn = false;
  return {
    show: (line) => {
      const now = performance.now();
      if (stderr.isTTY) {
        if (now - shown < 100) return;
        stderr.write(`\r\x1b[2K${colours.dim(line)}`);
        drawn = true;
      } else {
        if (now - shown < SELDOM * 1000) return;
        stderr.write(`${line}\n`);
      }
      shown = now;
    },
    clear: () => {
      if (drawn) stderr.write('\r\x1b[2K');
      drawn = false;
    },
  };
}

/** Columns of the terminal; 100 where there is none. */
export function terminalWidth(): number {
  return Math.max(20, process.stderr.columns ?? 100);
}

/** Rows as columns of text, the first row above as headings; columns named in `right` are set to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths = rows.reduce<number[]>((w, row) => row.map((cell, i) => Math.max(w[i] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** A status line for a piece of work, which comes only once that takes longer than two seconds. */
export function workLine(): {
  show(progress: { what: string; done: number; total: number | null }): void;
  clear(): void;
} {
  const line = statusLine();
  const began = performance.now();
  return {
    show: ({ what, done, total }) => {
      if (performance.now() - began > 2000) line.show(total === null ? `${what} ${done}` : `${what} ${done}/${total}`);
    },
    clear: () => line.clear(),
  };
}

/** How far a download is: `model.safetensors  12.3 of 98.4 MB`. */
export function downloadLine(p: { readonly path: string; readonly received: number; readonly total: number }): string {
  return `${p.path}  ${(p.received / 1e6).toFixed(1)} of ${(p.total / 1e6).toFixed(1)} MB`;
}
