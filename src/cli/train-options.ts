import { InvalidArgumentError } from 'commander';
import type { RunOptions } from '../node.ts';
import { type JsonObject, readConfigFile } from './config-file.ts';
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

/** The configuration that a command line asks for: its file, then the short options, then every --set. */
export function runOptions(folder: string | undefined, flags: TrainFlags): RunOptions {
  const config = flags.config === undefined ? {} : readConfigFile(flags.config);
  for (const { option, place } of shortOptions()) {
    const value = (flags as unknown as JsonObject)[option.attributeName()];
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

function put(config: JsonObject, place: string, value: unknown): void {
  const keys = place.split('.');
  const last = keys.pop()!;
  let at = config;
  for (const key of keys) {
    const inside = Object.hasOwn(at, key) ? at[key] : undefined;
    const next = typeof inside === 'object' && inside !== null ? (inside as JsonObject) : {};
    at[key] = next;
    at = next;
  }
  at[last] = value;
}
