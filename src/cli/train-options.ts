import type { RunOptions } from '../node.ts';
import { type JsonObject, readConfigFile } from './config-file.ts';
import { putOption, withSettings } from './place.ts';
import type { CommonFlags } from './terminal.ts';
import { shortOptions } from './train-flags.ts';

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
    if (value !== undefined) putOption(config, place, value);
  }
  if (folder !== undefined) putOption(config, 'data.folder', folder);
  return withSettings(config, flags.set).all as RunOptions;
}
