import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, type as systemType, totalmem } from 'node:os';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../core/fault.ts';

/** Where this package lies, from source and when built. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'farsight') {
      return folder;
    }
    const above = dirname(folder);
    if (above === folder) throw new Fault('engine', 'farsight: expected its package.json above its code, got none.');
    folder = above;
  }
}

/** This library's version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;
}

/** The folder of embedded emoji, from the current folder where it lies below; null where the package came without. */
export function embeddedPictures(): string | null {
  const folder = join(packageRoot(), 'data', 'emoji');
  if (!existsSync(join(folder, 'index.json'))) return null;
  const near = relative(process.cwd(), folder);
  return near.startsWith('..') || isAbsolute(near) ? folder : near;
}

/** Cores that this process may use. */
export function cores(): number {
  return availableParallelism();
}

/** Processor, memory, system, versions and, in a checkout, the commit. */
export function machineFacts(engine: string): readonly { readonly name: string; readonly value: string }[] {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const commit = commitOf(packageRoot());
  return [
    { name: 'processor', value: `${model}, ${cores()} cores` },
    { name: 'memory', value: `${(totalmem() / 1e9).toFixed(1)} GB` },
    { name: 'system', value: `${systemType()} ${release()}` },
    { name: 'versions', value: `farsight ${packageVersion()}, node ${process.versions.node}, ${engine}` },
    ...(commit === null ? [] : [{ name: 'commit', value: commit }]),
  ];
}

function commitOf(folder: string): string | null {
  if (!existsSync(join(folder, '.git'))) return null;
  try {
    const told = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return told.trim();
  } catch {
    return null; // no git here; the report then says no commit
  }
}
