import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { RunOptions } from '../node.ts';
import type { CommonFlags } from './terminal.ts';
import { jsonOrText, shortOptions } from './train-flags.ts';

export { number } from './train-flags.ts';

/** What `farsight train` takes besides the short options. */
export interface TrainFlags extends CommonFlags {
  readonly config?: string;
  readonly offline?: boolean;
  readonly set: readonly string[];
  readonly name?: string;
  readonly output: string;
  readonly resume?: string;
  readonly profile?: boolean;
  readonly listRecipes?: boolean;
}

/** Adds to what the same option gave before. */
export function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

type Json = { [key: string]: unknown };

/** The configuration that a command line asks for: its file, then the short options, then every --set. */
export function runOptions(folder: string | undefined, flags: TrainFlags): RunOptions {
  const config = flags.config === undefined ? {} : readConfigFile(flags.config);
  for (const { option, place } of shortOptions()) {
    const value = (flags as unknown as Json)[option.attributeName()];
    if (value !== undefined) put(config, place, value);
  }
  if (folder !== undefined) put(config, 'data.folder', folder);
  for (const text of flags.set) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new InvalidArgumentError(`--set: expected KEY=VALUE, got "${text}".`);
    put(config, text.slice(0, equals), jsonOrText(text.slice(equals + 1)));
  }
  return config as RunOptions;
}

function readConfigFile(path: string): Json {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new InvalidArgumentError(`--config: expected a file, got none at ${path}.`);
  }
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  } catch {
    // said below
  }
  throw new InvalidArgumentError(`--config: expected a JSON object in ${path}, got something else.`);
}

function put(config: Json, place: string, value: unknown): void {
  const keys = place.split('.');
  const last = keys.pop()!;
  let at = config;
  for (const key of keys) {
    const inside = Object.hasOwn(at, key) ? at[key] : undefined;
    const next = typeof inside === 'object' && inside !== null ? (inside as Json) : {};
    at[key] = next;
    at = next;
  }
  at[last] = value;
}
