import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A Python that has torch and torchvision. */
export interface Python {
  readonly path: string;
  readonly versions: Readonly<Record<string, string>>;
}

const PROBE = `
import json, sys, numpy, torch, torchvision
print(json.dumps({"python": sys.version.split()[0], "torch": torch.__version__, "torchvision": torchvision.__version__}))
`;

/** The first Python that can import torch, torchvision and numpy: $FARSIGHT_PYTHON, then every python3 on the path. */
export function findPython(): Python | undefined {
  for (const path of candidates()) {
    const { status, stdout } = spawnSync(path, ['-c', PROBE], { encoding: 'utf8', timeout: 60_000 });
    if (status !== 0) continue;
    const line = stdout.trim().split('\n').at(-1) ?? '';
    return { path, versions: JSON.parse(line) as Record<string, string> }; // printed by PROBE
  }
  return undefined;
}

function candidates(): string[] {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/bin', '/usr/bin'];
  const found = folders
    .filter((folder) => folder !== '' && existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => /\/python3(\.\d+)?$/.test(path));
  const named = process.env.FARSIGHT_PYTHON;
  return [...new Set([...(named ? [named] : []), ...found])];
}
