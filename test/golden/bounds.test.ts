import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { boundsOf } from '../../src/golden/bounds.ts';
import { judge, type Made, make, off, theirs, vector } from './made.ts';

describe('the bound', () => {
  const bounds: readonly [string, string | undefined, string, number][] = [
    ['blocks', 'gcnet.ContextBlock', 'grad.x', 1e-5],
    ['ops', undefined, 'dx.up', 1e-5],
    ['metrics', undefined, 'top1', 1e-5],
    ['backbones', 'resnet50', 'logits', 1e-4],
    ['training', 'resnet18', 'losses', 1e-3],
    ['training', undefined, 'p', 1e-5],
    ['video', 'slowfast.Nonlocal', 'grad.bn.bias', 1e-5],
    ['video', 'slowfast.ResNet', 'logits', 1e-4],
    ['video', 'slowfast.ResNet', 'dx', 1e-3],
    ['detection', 'detr', 'loss.total', 1e-4],
    ['detection', 'detr', 'grad.input_proj.weight', 1e-3],
    ['detection', 'maskrcnn_resnet50_fpn', 'rpn.deltas.0', 1e-4],
    ['detection', 'maskrcnn_resnet50_fpn', 'det.scores', 1e-4],
    ['detection', 'relation_module', 'attention', 1e-3],
  ];
  it.each(bounds)('in %s, %s, of %s is %d relative', (folder, model, name, most) => {
    const made = { folder, config: { model } };
    expect(judge(theirs, off(0.99 * most), made, name)).toMatchObject({ pass: true, measure: 'relative' });
    expect(judge(theirs, off(1.01 * most), made, name)).toMatchObject({ pass: false, bound: most });
  });

  it('of boxes and proposals is 0.02 pixels', () => {
    const made = { folder: 'detection', config: { model: 'fasterrcnn_resnet50_fpn' } };
    for (const name of ['det.boxes', 'proposals']) {
      expect(judge(vector(100, 1), vector(100, 1.019), made, name).pass).toBe(true);
      expect(judge(vector(100, 1), vector(100, 1.021), made, name)).toMatchObject({ pass: false, measure: 'absolute' });
    }
  });

  it('of relation_geometry is 3e-4 absolute', () => {
    const made = { folder: 'detection', config: { model: 'relation_geometry' } };
    expect(judge(vector(0.5), vector(0.50029), made).pass).toBe(true);
    expect(judge(vector(500), vector(500.0005), made).pass).toBe(false);
  });

  it('is four times the own error of the reference where that is larger, by output', () => {
    const made = { config: { reference_float32_error: { y: 1e-4 } } };
    expect(judge(theirs, off(3.9e-4), made)).toMatchObject({ pass: true, bound: 4e-4 });
    expect(judge(theirs, off(4.1e-4), made).pass).toBe(false);
    expect(judge(theirs, off(3.9e-4), made, 'other').pass).toBe(false);
  });

  it('is not narrowed by a small own error of the reference', () => {
    expect(judge(theirs, off(9e-6), { config: { reference_float32_error: { y: 1e-8 } } }).pass).toBe(true);
  });

  it('is four times {worst, relative} for every output', () => {
    const made = { config: { reference_float32_error: { worst: 'grad.x', relative: 1e-4 } } };
    expect(judge(theirs, off(3.9e-4), made, 'grad.bias').pass).toBe(true);
    expect(judge(theirs, off(4.1e-4), made, 'grad.bias').pass).toBe(false);
  });

  it('is that of the notes where wider', () => {
    const absolute = { folder: 'metrics', notes: 'Stored float32; agree to 1e-5 absolute.' };
    expect(judge(vector(0.01), vector(0.010009), absolute).pass).toBe(true);
    expect(judge(vector(0.01), vector(0.010012), absolute).pass).toBe(false);
    const relative = { notes: 'The sum is long: agree to 2e-3. Else as usual.' };
    expect(judge(theirs, off(1.9e-3), relative).pass).toBe(true);
    expect(judge(theirs, off(2.1e-3), relative).pass).toBe(false);
    expect(judge(theirs, off(9e-6), { notes: 'agree to 1e-9' }).pass).toBe(true);
  });

  it('of config.agree replaces the usual one, wider or narrower, for integers too', () => {
    const pixels = tensor('uint8', [4], Uint8Array.of(10, 20, 30, 255));
    const one = tensor('uint8', [4], Uint8Array.of(10, 21, 30, 255));
    const config = (max_abs: number, mean_abs?: number): Made => ({ config: { agree: { y: { max_abs, mean_abs } } } });
    expect(judge(pixels, one, config(1, 0.25))).toMatchObject({ pass: true, measure: 'agree', error: 1, bound: 1 });
    expect(judge(pixels, one, config(0))).toMatchObject({ pass: false, error: 1, bound: 0 });
    const mean = judge(pixels, one, config(1, 0.02));
    expect(mean).toMatchObject({ pass: false, error: 0.25, bound: 0.02 });
    expect(mean.why).toContain('mean absolute error 0.2500');
    expect(judge(theirs, off(5e-6), config(0)).pass).toBe(false);
  });
});

describe('boundsOf', () => {
  it('counts only gradients for the largest gradient', () => {
    const c = make(
      { y: vector(1000), 'd.w': vector(7), 'dgrid.a': vector(-8), 'd.b': vector(0) },
      { config: { zero: ['d.b'] } },
    );
    expect(boundsOf(c, c.outputs.get('d.b')!)[0]!.most).toBeCloseTo(8e-5, 12);
  });
});
