import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../src/core/fault.ts';
import type { Machine } from './machine.ts';

/** One figure of the benchmark. Times in ms, memory in MB (10^6 bytes), speed in GFLOP/s. */
export interface Row {
  readonly id: string;
  readonly peer: string;
  readonly unit: string;
  /** Medians over the rounds. */
  readonly ours: number;
  readonly theirs: number;
  /** ours / theirs, unless `note` says otherwise. */
  readonly ratio: number;
  /** First and third quartile of the ratio over the rounds; null where there is one figure only. */
  readonly spread: readonly [number, number] | null;
  readonly rounds: number;
  /** Largest relative error between the outputs; null where the two sides compute different things. */
  readonly error: number | null;
  /** Share of the processors' time that other processes took meanwhile; null where unknown. */
  readonly others: number | null;
  readonly note: string;
  readonly date: string;
  readonly commit: string;
}

/** What tells one row from another. */
export interface RowName {
  readonly id: string;
  readonly peer: string;
}

/** A figure that could not be taken, and why. */
export interface Refusal {
  readonly id: string;
  readonly peer: string;
  readonly why: string;
}

/** The whole of bench/results.json. */
export interface Results {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly date: string;
  /** Weights and inputs are the fill formula's values, a function of names and shapes; there is no other randomness. */
  readonly seed: string;
  readonly rows: readonly Row[];
  readonly refused: readonly Refusal[];
}

/** Reads earlier results; undefined where there are none. */
export function readResults(path: string): Results | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const read = JSON.parse(readFileSync(path, 'utf8')) as Results;
    if (Array.isArray(read.rows) && Array.isArray(read.refused) && read.machine) return read;
  } catch (error) {
    throw new Fault('data', `${path}: expected earlier results, got no JSON. Remove the file.`, { cause: error });
  }
  throw new Fault('data', `${path}: expected {machine, versions, rows, refused}. Remove the file.`);
}

/**
 * Earlier results with new ones in their places, in the order of `order` (id and peer of every row); earlier ones of
 * another machine, and those of rows that are no longer there, are dropped.
 */
export function mergeResults(before: Results | undefined, now: Results, order: readonly RowName[]): Results {
  if (!before || !sameMachine(before.machine, now.machine)) return now;
  const fresh = new Set([...now.rows, ...now.refused].map(key));
  const places = new Map(order.map((name, i) => [key(name), i]));
  const merge = <T extends RowName>(old: readonly T[], added: readonly T[]): T[] =>
    [...old.filter((row) => !fresh.has(key(row))), ...added]
      .filter((row) => places.has(key(row)))
      .sort((a, b) => places.get(key(a))! - places.get(key(b))!);
  const rows = merge(before.rows, now.rows);
  const refused = merge(before.refused, now.refused);
  return { ...now, versions: { ...before.versions, ...now.versions }, rows, refused };
}

/** Writes text so that the file is either the old or the new one, whole. */
export function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}

function key(row: RowName): string {
  return `${row.id} ${row.peer}`;
}

function sameMachine(a: Machine, b: Machine): boolean {
  return a.cpu === b.cpu && a.cores === b.cores && a.system === b.system && a.memoryGb === b.memoryGb;
}
