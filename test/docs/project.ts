import { spawn } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { build } from 'tsdown';
import { random } from '../../src/core/random.ts';
import { createModel, initialise, writeSafetensors } from '../../src/node.ts';
import { traceInference } from '../../src/train/network.ts';

const root = join(import.meta.dirname, '../..');
/** Inside the repository, so that packages are found; git ignores it. */
const built = join(root, '.cache', 'test-walkthrough');

/** A block of code of a page. */
export interface Block {
  readonly kind: string;
  readonly text: string;
  /** The file that its first line names in a comment, if it does. */
  readonly file: string | null;
}

/** The blocks of code of a page, in order. */
export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, kind, text]) => {
    const named = /^(?:#|\/\/|<!--) ([\w./-]+\.\w+)(?: -->)?\n/.exec(text!);
    return { kind: kind!, text: text!, file: named?.[1] ?? null };
  });
}

/** What a command said and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
}

/** A folder in which somebody follows a page, with farsight installed as built from the sources. */
export interface Project {
  /** A path inside it. */
  at(...parts: readonly string[]): string;
  write(file: string, text: string | Uint8Array): Promise<void>;
  /** Runs a line of a shell; Ctrl-C is pressed once it has said `until`. */
  run(line: string, until?: string): Promise<Ended>;
}

/** Builds the package and installs it, transformers.js beside it, into a folder; `env` is what commands see besides. */
export async function openProject(folder: string, env: Readonly<Record<string, string>>): Promise<Project> {
  await build({ config: join(root, 'tsdown.config.ts'), outDir: built, dts: false, logLevel: 'error' });
  const at = (...parts: readonly string[]): string => join(folder, ...parts);
  const write = async (file: string, text: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(at(file)), { recursive: true });
    await writeFile(at(file), text);
  };
  const modules = at('node_modules');
  await mkdir(join(modules, 'farsight'), { recursive: true });
  await mkdir(join(modules, '@huggingface'));
  await symlink(built, join(modules, 'farsight', 'dist'));
  await symlink(join(root, 'package.json'), join(modules, 'farsight', 'package.json'));
  const transformers = '@huggingface/transformers';
  await symlink(join(root, 'node_modules', transformers), join(modules, transformers));
  // What npx would run, without its own start of a second.
  const [cli, vite] = [join(built, 'cli.js'), join(root, 'node_modules/vite/bin/vite.js')];
  const choice = `case $name in farsight) run='${cli}';; vite) run='${vite}';; *) exit 127;; esac`;
  await write('bin/npx', `#!/bin/sh\nname=$1; shift\n${choice}\nexec '${process.execPath}' "$run" "$@"\n`);
  await chmod(at('bin/npx'), 0o755);
  const path = [at('bin'), dirname(process.execPath), process.env['PATH']].join(':');
  const given = { ...process.env, ...env, PATH: path, NO_COLOR: '1' };
  return { at, write, run: (line, until) => inShell(line, { cwd: folder, env: given, until }) };
}

function inShell(
  line: string,
  { until, ...options }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly until: string | undefined },
): Promise<Ended> {
  // A group of its own, so that the interrupt reaches all of it, as a terminal's does.
  // In the shell's place, whose own end by the signal would hide the command's exit code.
  const child = spawn('sh', ['-c', `exec ${line}`], { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let waiting = until !== undefined;
  const hear = (chunk: string): void => {
    out += chunk;
    if (!waiting || !out.includes(until!)) return;
    waiting = false;
    process.kill(-child.pid!, 'SIGINT');
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out }));
  });
}

const FLOWERS = { daisy: [220, 215, 190], rose: [200, 40, 60], tulip: [230, 150, 40] } as const;
const SIDE = 24;

/** Writes `count` JPEGs a class, of noise in the colour of their flower. */
export async function growFlowers(project: Project, count: number): Promise<void> {
  for (const [name, colour] of Object.entries(FLOWERS)) {
    for (let i = 0; i < count; i++) {
      const draws = random(0, name, i);
      const noisy = (_: unknown, j: number): number =>
        Math.min(255, colour[j % 3]! - 40 + Math.floor(80 * draws.uniform()));
      const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, j) => Math.max(0, noisy(_, j)));
      const picture = sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } });
      await project.write(`flowers/${name}/${i}.jpg`, await picture.jpeg().toBuffer());
    }
  }
}

const stage = (channels: number, stride: number): object => ({
  blocks: 1,
  channels,
  stride,
  ratio: 0.25,
  groupSize: 0,
});

/** What makes timm's global-context networks small: one block a stage, few channels. */
export const NARROW: Readonly<Record<string, unknown>> = {
  stem: [8, 8, 16],
  stages: [stage(32, 1), stage(64, 2), stage(64, 2), stage(64, 2)],
};

/** A file of weights for such a network with a thousand classes, as somebody publishes it. */
export function publishedFile(name: string, size: number): Uint8Array {
  const { network } = createModel(name, NARROW);
  const { state } = traceInference(network, { batch: 1, size, provider: 'cpu' });
  return writeSafetensors(
    state.map((spec) => [spec.name, initialise(spec, 1)] as const),
    { format: 'pt' },
  );
}
