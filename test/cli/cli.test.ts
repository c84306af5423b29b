import { execFile, spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'tsdown';
import { beforeAll, describe, expect, test } from 'vitest';
import { colourFolder, scratch, smallRun } from '../train/made.ts';

const root = join(import.meta.dirname, '../..');
/** Inside the repository, so that packages and embedded pictures are found; git ignores it. */
const built = join(root, '.cache', 'test-cli');

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly seconds: number;
}

/** Runs the built command line. */
function farsight(...args: readonly string[]): Promise<Ended> {
  const began = performance.now();
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1' };
    execFile(process.execPath, [join(built, 'cli.js'), ...args], { cwd: root, env }, (error, out, err) => {
      const code = error ? Number(error.code) : 0;
      resolve({ code, out, err, seconds: (performance.now() - began) / 1000 });
    });
  });
}

const folder = scratch();
let pictures = '';
let small: readonly string[] = [];
const at = (...parts: readonly string[]): string => join(folder, ...parts);

beforeAll(async () => {
  await build({ config: join(root, 'tsdown.config.ts'), outDir: built, dts: false, logLevel: 'error' });
  pictures = await colourFolder(at('pictures'));
  await writeFile(at('small.json'), JSON.stringify(smallRun(pictures)));
  small = ['--config', at('small.json'), '--output', at('runs')];
}, 120_000);

describe('help', () => {
  test('comes within 0.3 s and shows examples', async () => {
    const runs = [];
    for (let i = 0; i < 5; i++) runs.push(await farsight('--help'));
    expect(runs[0]!.code).toBe(0);
    expect(runs[0]!.out).toContain('farsight train photos --epochs 30');
    // The least of five: what else runs on this machine is not the command's doing.
    expect(Math.min(...runs.map((r) => r.seconds))).toBeLessThan(0.3);
  });
  test.each(['train', 'eval', 'report', 'predict', 'export', 'verify', 'models', 'explain', 'golden', 'bench'])(
    'of %s comes',
    async (name) => {
      const { code, out } = await farsight(name, '--help');
      expect([code, out]).toEqual([0, expect.stringContaining(`Usage: farsight ${name}`)]);
    },
  );
  test('comes with exit code 2 where nothing is asked for', async () => {
    expect(await farsight()).toMatchObject({ code: 2, err: expect.stringContaining('Usage: farsight') });
  });
});

describe('a wrong command line', () => {
  test.each([
    [['trian'], "farsight: unknown command 'trian'. Did you mean train?\n"],
    [['train', '--epoch', '3'], "farsight: unknown option '--epoch'. Did you mean --epochs?\n"],
    [['train', '--epochs', 'x'], /^farsight: .*'--epochs <n>'.*'x' is invalid\. Expected a number\.\n$/],
    [
      ['train', '--model', 'resnt20'],
      /^farsight: model: expected a known name, got "resnt20"\. Did you mean "resnet20"/,
    ],
    [['train', '--set', 'data.flpi=0'], 'farsight: config: unknown option "data.flpi". Did you mean "flip"?\n'],
    [['train', '--resume', 'x', '--epochs', '3'], /^farsight: --resume: expected no other configuration/],
    [['models', 'resnext51*'], /^farsight: models: expected a pattern that some name fits/],
    [['predict', 'x'], 'farsight: predict: expected pictures or --list, got none.\n'],
    [
      ['predict', 'x', 'y.png', '--output', 'z.txt'],
      /^farsight: --output: expected a name that ends in \.csv or \.json/,
    ],
    [['verify', 'x', '--provider', 'gpu'], /Expected some of cpu, wasm, webgpu, cuda, got "gpu"/],
  ])('%j is exit code 2 and one sentence', async (args, sentence) => {
    const { code, out, err } = await farsight(...args);
    expect([code, out]).toEqual([2, '']);
    if (typeof sentence === 'string') expect(err).toBe(sentence);
    else expect(err).toMatch(sentence);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});

describe('what goes wrong', () => {
  test('is exit code 1 and one sentence, with the stack only for --debug', async () => {
    const plain = await farsight('train', '/no/such/folder', '--output', at('runs'));
    expect(plain).toMatchObject({
      code: 1,
      err: 'farsight: /no/such/folder: expected a folder, got nothing. Check the path.\n',
    });
    const debug = await farsight('train', '/no/such/folder', '--output', at('runs'), '--debug');
    expect(debug.err).toMatch(/Fault: .*\n +at /);
    expect(debug.err).toContain('caused by Error: ENOENT');
  });
  test('is an object on standard output for --json', async () => {
    const { code, out } = await farsight('eval', at('none'), '--json');
    expect([code, JSON.parse(out)]).toEqual([1, { error: expect.stringContaining('none'), code: 'data' }]);
  });
});

describe('a run from the command line', () => {
  test('prints configuration, score, place and two commands that work', async () => {
    const { code, out } = await farsight('train', ...small, '--name', 'text');
    expect(code).toBe(0);
    expect(out).toContain('learningRate');
    expect(out).toMatch(/Held-out balanced accuracy \d+\.\d % \(chance 33\.3 %\)/);
    expect(out).toContain(at('runs', 'text'));
    const commands = [...out.matchAll(/npx farsight (.*)/g)].map((m) => m[1]!.split(' '));
    expect(commands.map((c) => c[0])).toEqual(['predict', 'eval']);
    for (const command of commands) expect(await farsight(...command)).toMatchObject({ code: 0 });
  });
  test('speaks JSON, a line an event, with the same score at the end as eval', async () => {
    const { out } = await farsight('train', ...small, '--name', 'json', '--json', '--set', 'data.flip=0');
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ kind: 'start', config: { data: { flip: 0 }, epochs: 2 } });
    expect(events.filter((e) => e.kind === 'progress')).toHaveLength(6);
    const scored = JSON.parse((await farsight('eval', at('runs', 'json'), '--json')).out);
    expect(scored.balancedAccuracy).toBe(events.at(-1).heldOut.balancedAccuracy);
  });
  test('ends after Ctrl-C with exit code 130, says how to go on, and goes on', async () => {
    const args = [join(built, 'cli.js'), 'train', ...small, '--name', 'ended', '--epochs', '500', '--json'];
    const child = spawn(process.execPath, args, { cwd: root });
    let out = '';
    let steps = 0;
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
      const now = out.split('"progress"').length - 1;
      if (steps < 2 && now >= 2) child.kill('SIGINT');
      steps = now;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(130);
    expect(await readdir(at('runs', 'ended', 'checkpoints'))).toEqual(['last.safetensors']);
    const seen = await farsight('predict', at('runs', 'ended'), join(pictures, 'red', '0.png'));
    expect(seen).toMatchObject({ code: 1, err: expect.stringContaining('farsight train --resume') });
  });
  test('tells with --profile where its time went', async () => {
    const { out } = await farsight('train', ...small, '--name', 'profiled', '--profile');
    expect(out).toMatch(/layer2\.0 +\d+\.\d +\d+\.\d % +\w+ \d+\.\d/);
  });
});

describe('predict', () => {
  test('goes on after a picture that cannot be read, and then exits with 1', async () => {
    await farsight('train', ...small, '--name', 'asked');
    await writeFile(at('empty.png'), '');
    const good = join(pictures, 'red', '0.png');
    const { code, out, err } = await farsight(
      'predict',
      at('runs', 'asked'),
      at('empty.png'),
      good,
      '--top',
      '2',
      '--json',
    );
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([code, err]).toEqual([1, '']);
    expect(lines.map((l) => l.classes.length)).toEqual([0, 2]);
    expect(lines[0].reason).toContain('got an empty file');
  });
});

describe('export', () => {
  test('writes the same model that the run left', async () => {
    await farsight('train', ...small, '--name', 'exported');
    const { code, out } = await farsight('export', at('runs', 'exported'), '--output', at('model.onnx'));
    expect([code, out]).toEqual([0, expect.stringContaining('agrees with our own forward within')]);
    expect(await readFile(at('model.onnx'))).toEqual(await readFile(at('runs', 'exported', 'model.onnx')));
  });
});

describe('verify', () => {
  test('finds what was exported equal, module by module', async () => {
    const model = at('model.onnx');
    const given = ['--run', at('runs', 'exported'), '--provider', 'cpu', '--json'];
    const { code, out } = await farsight('verify', model, ...given);
    const { passes, reports } = JSON.parse(out);
    expect([code, passes]).toEqual([0, true]);
    expect(reports[0].modules.length).toBeGreaterThan(10);
  });
  test('exits with 1 where a provider that is named is not there', async () => {
    const { code, out } = await farsight('verify', at('runs', 'exported'), '--provider', 'cuda', '--json');
    const { passes, reports } = JSON.parse(out);
    expect([code, passes, typeof reports[0].absent]).toEqual([1, false, 'string']);
  });
});

describe('bench', () => {
  test('hands its options to the benchmark, and no others', async () => {
    const { code, out } = await farsight('bench', '--list');
    expect(code).toBe(0);
    expect(out).toContain('cotnet50.inference.b1');
  });
});

describe('models', () => {
  test('lists parameters and multiply-adds beside the published figures', async () => {
    const { out } = await farsight('models', 'resnet50', '--json');
    // torchvision's table: 25.6 million parameters, 4.09 GFLOPs (multiply-adds).
    const { weights, ...facts } = JSON.parse(out);
    expect(weights).toContain('timm/resnet50.tv_in1k');
    expect(facts).toEqual({
      ...{ name: 'resnet50', family: 'resnet', parameters: 25_557_032, macs: 4_089_184_256, size: 224, blocks: [] },
      published: { parameters: 25_557_032, macs: 4.09e9, source: "torchvision's table of weights", differs: [] },
      ...{ can: ['features', 'any-size', 'context', 'operators'], features: ['c2', 'c3', 'c4', 'c5'] },
      // The first weights of torchvision are judged on the middle 224 of 256 pixels.
      input: {
        size: 224,
        crop: 0.875,
        interpolation: 'bilinear',
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
      },
    });
  });
});
