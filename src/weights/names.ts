import { expect, Fault } from '../core/fault.ts';
import type { RenameRule } from '../core/name-table.ts';
import { showName } from './safetensors-header.ts';

/** A name after all rules, each applied to the result of the one before. */
export function renamed(name: string, rules: readonly RenameRule[]): string {
  let out = name;
  for (const [pattern, replacement] of rules) {
    expect(
      !pattern.sticky,
      'config',
      `rename rule ${pattern}: expected a pattern without the flag y, which keeps state.`,
    );
    out = out.replace(pattern, replacement);
  }
  return out;
}

/** The same values under renamed keys, in the same order; a fault where two names become one, or one becomes empty. */
export function rename<T>(values: ReadonlyMap<string, T>, rules: readonly RenameRule[]): Map<string, T> {
  const out = new Map<string, T>();
  const source = new Map<string, string>();
  for (const [name, value] of values) {
    const to = renamed(name, rules);
    const other = source.get(to);
    if (other !== undefined) {
      throw new Fault(
        'data',
        `rename: expected names that differ, got ${showName(to)} from both ${showName(other)} and ${showName(name)}. Make the rules narrower.`,
      );
    }
    expect(to !== '', 'data', () => `rename: expected a name for ${showName(name)}, got an empty one.`);
    source.set(to, name);
    out.set(to, value);
  }
  return out;
}
