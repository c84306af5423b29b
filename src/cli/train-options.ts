import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { RunOptions } from '../node.ts';
import type { CommonFlags } from './terminal.ts';

/** What `farsight train` takes. */
export interface TrainFlags extends CommonFlags {
  readonly config?: string;
  readonly model?: string;
  readonly weights?: string;
  readonly partial?: boolean;
  readonly offline?: boolean;
  readonly epochs?: number;
  readonly batch?: number;
  readonly size?: number;
  readonly lr?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly workers?: number;
  readonly provider?: string;
  readonly set: readonly string[];
  readonly strict?: boolean;
  readonly name?: string;
  readonly output: string;
  readonly resume?: string;
  readonly profile?: boolean;
}

/** A number of a command line. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** Adds to what the same option gave before. */
export function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

type Json = { [key: string]: unknown };

/** Where each short option stands in the configuration. */
const PLACES: Readonly<Record<string, string>> = {
  model: 'model.name',
  weights: 'model.weights',
  partial: 'model.partial',
  epochs: 'epochs',
  batch: 'data.batchSize',
  size: 'data.size',
  lr: 'learningRate',
  seed: 'seed',
  threads: 'engine.threads',
  workers: 'data.workers',
  provider: 'engine.provider',
  strict: 'data.strict',
};

/** The configuration that a command line asks for: its file, then the short options, then every --set. */
export function runOptions(folder: string | undefined, flags: TrainFlags): RunOptions {
  const config = flags.config === undefined ? {} : readConfigFile(flags.config);
  for (const [flag, place] of Object.entries(PLACES)) {
    const value = (flags as unknown as Json)[flag];
    if (value !== undefined) put(config, place, value);
  }
  if (folder !== undefined) put(config, 'data.folder', folder);
  for (const text of flags.set) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new InvalidArgumentError(`--set: expected KEY=VALUE, got "${text}".`);
    put(config, text.slice(0, equals), parsed(text.slice(equals + 1)));
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

/** JSON where the text is JSON, else the text itself. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
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
