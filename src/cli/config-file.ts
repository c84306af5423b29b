import { readFileSync, statSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { Composer, type Document, LineCounter, Parser } from 'yaml';

/** An object of plain JSON. */
export type JsonObject = { [key: string]: unknown };

/** Bytes of a JSON file, which may hold the names of many classes, and of a YAML file, which is slower to read. */
const MOST_JSON = 16 * 1024 ** 2;
const MOST_YAML = 64 * 1024;
/** Objects and lists inside each other. */
const MOST_NESTING = 64;
/** Levels of the syntax tree for one of the text: node, list of items, item, and value or key. */
const TREE_LEVELS = 4;
/** Times that the anchors of a file may be expanded, counting those inside each other. */
const MOST_ALIASES = 32;

/**
 * Reads a configuration from a file of JSON or YAML 1.2 (without tags and merge keys). What is wrong with its text is told
 * with line and column.
 */
export function readConfigFile(path: string): JsonObject {
  const text = readText(path);
  const value = parsedJson(text) ?? { value: readYaml(text, path) };
  if (nesting(value, MOST_NESTING + 1) > MOST_NESTING + 1) refuse(path, tooDeep());
  const json = value.value;
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as JsonObject;
  const got = Array.isArray(json) ? 'a list' : JSON.stringify(json);
  return refuse(path, `expected options and their values (JSON or YAML), got ${got.slice(0, 60)}.`);
}

function readText(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new InvalidArgumentError(`--config: expected a file, got none at ${path}.`);
  if (stat.size > MOST_JSON) refuse(path, `expected at most ${MOST_JSON} bytes, got ${stat.size}.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch {
    return refuse(path, 'expected text in UTF-8, got other bytes.');
  }
}

function parsedJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function readYaml(text: string, path: string): unknown {
  if (text.length > MOST_YAML) {
    refuse(path, `expected JSON, or YAML of at most ${MOST_YAML} characters, got ${text.length} characters.`);
  }
  const lines = new LineCounter();
  // The parser is a loop; what composes values calls itself for each level, so depth is looked at in between.
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  if (nesting(tokens, MOST_NESTING * TREE_LEVELS) > MOST_NESTING * TREE_LEVELS) refuse(path, tooDeep());
  const [document, second] = [...new Composer().compose(tokens, true, text.length)];
  const problem = document?.errors[0] ?? document?.warnings[0];
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0]);
    refuse(path, `line ${line}, column ${col}: ${problem.message}.`);
  }
  if (second) refuse(path, `line ${lines.linePos(second.range[0]).line}: expected one document, got a second one.`);
  return plain(document!, path);
}

/** The values as plain JSON: an anchor's are copied to wherever it is named. */
function plain(document: Document.Parsed, path: string): unknown {
  try {
    return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: MOST_ALIASES }))) as unknown;
  } catch (error) {
    return refuse(
      path,
      `expected at most ${MOST_ALIASES} uses of anchors: ${(error as Error).message.split('\n')[0]}.`,
    );
  }
}

/** How many objects and lists lie inside each other, counted to `enough` and one more. */
function nesting(value: unknown, enough: number): number {
  let level: readonly unknown[] = [value];
  for (let depth = 0; ; depth++) {
    const inside = level.filter((v) => typeof v === 'object' && v !== null);
    if (inside.length === 0 || depth > enough) return depth;
    level = inside.flatMap((v) => Object.values(v as object));
  }
}

function tooDeep(): string {
  return `expected at most ${MOST_NESTING} levels of objects and lists, got more.`;
}

function refuse(path: string, words: string): never {
  throw new InvalidArgumentError(`--config: ${path}: ${words}`);
}
