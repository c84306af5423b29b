import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, type Tensor } from '../../src/core/tensor.ts';
import { loadCase, stateTensors } from '../../src/golden/case.ts';
import { fillInput } from '../../src/golden/fill.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { flat, project, softmax } from '../model/support.ts';
import { fromTensor, type Numbers } from '../support/numbers.ts';
import { colourFolder, scratch } from '../train/made.ts';
import { blocksOf } from './project.ts';

const root = join(import.meta.dirname, '../..');
const example = join(root, 'examples/adding-a-block/row-attention.ts');
const page = readFileSync(join(root, 'docs/adding-a-block.md'), 'utf8');
const folder = scratch();

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line from its sources. */
function farsight(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1' };
    const node = ['--import', 'tsx', join(root, 'src/cli/main.ts'), ...args];
    execFile(process.execPath, node, { cwd: root, env }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}
const own = (...args: readonly string[]): Promise<Ended> => farsight(...args, '--blocks', example);

describe('the page on adding a block', () => {
  test('shows the file that is run here', () => {
    const shown = blocksOf(page).find((b) => b.file === 'row-attention.ts')!;
    expect(shown.text.replace('// row-attention.ts\n', '')).toBe(readFileSync(example, 'utf8'));
  });
});

describe('a block in a file of one’s own', { timeout: 180_000 }, () => {
  test('is listed with the network that it brings', async () => {
    const { out } = await own('models', 'resnet20*');
    expect(out).toMatch(/^resnet20-row +resnet +321,626 .* row-attention$/m);
    const blocks = await own('models', '--blocks');
    expect(blocks.out).toMatch(/^row-attention +row attention +2-D .*attention +1 +heads$/m);
  });

  test('is explained', async () => {
    const { out } = await own('explain', 'block:row-attention');
    expect(out).toContain('along axis 1, dot-product, softmax, 2 heads; 12 queries of 4 positions');
    expect(out).toMatch(/^ {2}\* +plain .*chosen$/m);
  });

  test('is put into a network by one option, and refused by name without the file', async () => {
    const set = ['--set', 'operators[0].operator.kind=row-attention'];
    const { out } = await own('explain', 'resnet20', ...set, '--json');
    const { uses } = JSON.parse(out) as { uses: { paths: string[]; affinity: string }[] };
    expect(uses.flatMap((u) => u.paths)).toHaveLength(9);
    const without = await farsight('explain', 'resnet20', ...set);
    expect([without.code, without.err]).toEqual([2, expect.stringContaining('--blocks FILE')]);
  });

  test('is judged by a golden case, and fails where a number is another', async () => {
    writeCase('right', 1);
    expect((await own('golden', join(folder, 'right'), '--json')).out).toContain('"status":"pass"');
    writeCase('wrong', 1.001);
    const wrong = await own('golden', join(folder, 'wrong'), '--json');
    expect([wrong.code, wrong.out]).toEqual([1, expect.stringContaining('"status":"fail"')]);
  });

  describe('in a run', () => {
    let ended: Ended;
    beforeAll(async () => {
      const pictures = await colourFolder(join(folder, 'pictures'), 8);
      const settings = [
        'model.overrides.layers=[1,1,1]',
        'model.overrides.width=8',
        'data.workers=1',
        'data.holdOut=0.25',
      ];
      ended = await own(
        ...['train', pictures, '--model', 'resnet20-row', '--size', '16', '--batch', '6', '--epochs', '1'],
        ...settings.flatMap((setting) => ['--set', setting]),
        ...['--output', join(folder, 'runs'), '--name', 'row'],
      );
    }, 120_000);
    const run = join(folder, 'runs', 'row');

    test('learns', () => {
      expect([ended.code, ended.err.includes('Error')]).toEqual([0, false]);
      expect(readdirSync(run)).toContain('weights.safetensors');
    });
    test('has its tap drawn in the report', () => {
      const report = readFileSync(join(run, 'report.html'), 'utf8');
      expect(report).toContain('Where it looks');
      expect(report.replaceAll('<wbr>', '')).toContain('layer3.0.row_attention.attention');
    });
    test('predicts with the file again, and says so without', async () => {
      const picture = join(folder, 'pictures', 'green', '0.png');
      expect((await own('predict', run, picture)).code).toBe(0);
      const without = await farsight('predict', run, picture);
      expect([without.code, without.err]).toEqual([expect.any(Number), expect.stringMatching(/resnet20-row|--blocks/)]);
      expect(without.code).not.toBe(0);
    });
  });
});

const SHAPE = [2, 6, 3, 4] as const;
const HEADS = 2;

/** Writes a golden case of row attention, its output from plain loops and times a factor. */
function writeCase(name: string, factor: number): void {
  const [, c] = SHAPE;
  const state = ['q', 'k', 'v', 'z'].map((part) => ({
    ...{ name: `${part}.weight`, shape: [c, c, 1, 1], role: 'param', filled: true },
  }));
  const head = {
    ...{ name, source: 'plain loops', checks: 'row attention', notes: '' },
    config: { model: 'axial.RowAttention', heads: HEADS, mode: 'eval' },
    inputs: { x: { from: 'unit', shape: SHAPE } },
    ...{ state, outputs: {}, parameters: 4 * c * c },
  };
  const empty = loadCase(JSON.stringify(head), { folder: 'blocks', weights: writeSafetensors([]) });
  if (empty.kind === 'plain') throw new Error('a case of tensors became plain');
  const y = equation(float32(SHAPE, fillInput('x', SHAPE)), stateTensors(empty));
  const data = y.data.map((v) => v * factor);
  const absmax = data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const outputs = { y: { shape: y.shape, mean: 0, l2: 0, absmax, stored: 'whole' } };
  const at = join(folder, name, 'blocks');
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, `${name}.json`), JSON.stringify({ ...head, outputs }));
  writeFileSync(join(at, `${name}.safetensors`), writeSafetensors([['y', float32(SHAPE, data)]]));
}

/** z_i = x_i + W_z Σ_{j in row(i)} softmax_j(d^-½ q_iᵀ k_j) v_j */
function equation(x: Tensor, state: ReadonlyMap<string, Tensor>): Numbers {
  const [, c, , w] = SHAPE;
  const [xs, d] = [flat(fromTensor(x)), c / HEADS];
  const part = (name: string, from: Numbers): Numbers => project(from, fromTensor(state.get(`${name}.weight`)!));
  const [q, k, v] = ['q', 'k', 'v'].map((name) => part(name, xs)) as [Numbers, Numbers, Numbers];
  const l = xs.shape[2]!;
  const read = new Float64Array(sizeOf(xs.shape));
  read.forEach((_, at) => {
    const [n, channel, i] = [Math.floor(at / (c * l)), Math.floor(at / l) % c, at % l];
    const first = Math.floor(channel / d) * d;
    const row = Array.from({ length: w }, (_, j) => i - (i % w) + j);
    const value = (t: Numbers, ch: number, j: number): number => t.data[(n * c + ch) * l + j]!;
    const logits = row.map((j) => {
      let sum = 0;
      for (let e = 0; e < d; e++) sum += value(q, first + e, i) * value(k, first + e, j);
      return sum / Math.sqrt(d);
    });
    const a = softmax(logits);
    read[at] = row.reduce((sum, j, m) => sum + a[m]! * value(v, channel, j), 0);
  });
  const z = part('z', { shape: xs.shape, data: read });
  return { shape: SHAPE, data: z.data.map((value, i) => value + xs.data[i]!) };
}
