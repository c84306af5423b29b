import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { float32, floats, type Tensor } from '../../src/core/tensor.ts';
import { type CaseResult, runCaseText } from '../../src/golden/run.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { CORPUS, corpusTitle, hasCorpus } from './corpus.ts';
import { CPU } from './environment.ts';

/** A case's JSON, as far as these tests change it. */
interface Json {
  config: Record<string, unknown>;
  state: { name: string; shape: number[]; role: string }[];
  parameters: number;
  outputs: Record<string, { absmax: number; shape: number[] }>;
  kind?: string;
}

/** Runs a case of the corpus after a change of its JSON and of its tensors. */
async function runChanged(
  name: string,
  change: (json: Json) => void,
  changeTensors: (tensors: Map<string, Tensor>) => void = () => {},
): Promise<CaseResult> {
  const path = join(CORPUS, name);
  const json = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Json;
  change(json);
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(`${path}.safetensors`)));
  changeTensors(tensors);
  const folder = name.slice(0, name.indexOf('/'));
  const readFile = async (file: string): Promise<Uint8Array> =>
    new Uint8Array(readFileSync(join(CORPUS, folder, file)));
  return runCaseText(JSON.stringify(json), { folder, weights: writeSafetensors(tensors), readFile }, CPU);
}

const nothing = (): void => {};

/** One element of a tensor, off by a share of the largest. */
function nudge(tensors: Map<string, Tensor>, key: string, share: number): void {
  const t = tensors.get(key)!;
  const values = floats(t).slice();
  values[1]! += share * values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  tensors.set(key, float32(t.shape, values));
}

describe.skipIf(!hasCorpus)(corpusTitle('a corrupted expectation fails'), () => {
  const block = 'blocks/contextblock_att_add_r4';

  it('passes while nothing is changed', async () => {
    expect(await runChanged(block, nothing)).toMatchObject({ status: 'pass', why: '' });
  });

  it.each(['y', 'grad.x', 'grad.channel_add_conv.3.weight'])('where an element of %s is off by 1e-4', async (key) => {
    const result = await runChanged(block, nothing, (t) => nudge(t, key, 1e-4));
    expect(result).toMatchObject({ status: 'fail', why: expect.stringContaining(`${key}: relative error`) });
    expect(result.error).toBeCloseTo(1e-4, 5);
    expect(result.bound).toBe(1e-5);
  });

  it('where a state tensor has another name, telling both', async () => {
    const result = await runChanged(block, (j) => {
      j.state[0]!.name = 'mask.weight';
    });
    expect(result).toMatchObject({ status: 'fail', error: null });
    expect(result.why).toMatch(/missing.*conv_mask\.weight.*unexpected.*mask\.weight/);
  });

  it('where a state tensor has another shape', async () => {
    const result = await runChanged(block, (j) => {
      j.state[0]!.shape = [1, 32, 1];
    });
    expect(result.why).toMatch(/misshapen.*conv_mask\.weight.*\[1, 32, 1, 1\].*\[1, 32, 1\]/);
  });

  it('where the reference has a tensor more, a constant too', async () => {
    const more = { name: 'table', shape: [3], role: 'buffer', filled: false };
    const result = await runChanged(block, (j) => j.state.push(more));
    expect(result.why).toMatch(/unexpected.*table/);
  });

  it('where what is trained here is kept there', async () => {
    const result = await runChanged(block, (j) => {
      j.state[1]!.role = 'buffer';
    });
    expect(result.why).toContain('"conv_mask.bias" to be a buffer, got a param');
  });

  it.each(['parameters', 'params'])('where another number of trainable values is expected (%s)', async (key) => {
    const result = await runChanged(block, (j) => {
      if (key === 'parameters') j.parameters += 1;
      else j.config.params = j.parameters + 1;
    });
    expect(result).toMatchObject({ status: 'fail', why: expect.stringContaining('trainable values') });
  });

  it('where an output is expected that does not come', async () => {
    const result = await runChanged(
      block,
      (j) => {
        j.outputs.z = j.outputs.loss!;
      },
      (t) => t.set('z', t.get('loss')!),
    );
    expect(result.why).toContain('z: the output is missing');
  });

  it('where an output has another shape', async () => {
    const result = await runChanged(
      block,
      (j) => {
        j.outputs['grad.conv_mask.weight'] = { ...j.outputs['grad.conv_mask.weight']!, shape: [32] };
      },
      (t) => t.set('grad.conv_mask.weight', { ...t.get('grad.conv_mask.weight')!, shape: [32] }),
    );
    expect(result.why).toContain('expected the shape [32], got [1, 32, 1, 1]');
  });

  it('where the bound of an output is narrower than float32', async () => {
    const result = await runChanged(block, (j) => {
      j.config.agree = { y: { max_abs: 1e-12 } };
    });
    expect(result).toMatchObject({ status: 'fail', bound: 1e-12, why: expect.stringContaining('y: absolute error') });
  });

  it('where a gradient is called zero that is not', async () => {
    const result = await runChanged(block, (j) => {
      j.config.zero = ['grad.conv_mask.bias', 'grad.conv_mask.weight'];
      j.outputs['grad.conv_mask.weight']!.absmax = 0;
    });
    expect(result.why).toContain('grad.conv_mask.weight: expected zero in exact arithmetic');
  });

  it('where the block has another option', async () => {
    const result = await runChanged(block, (j) => {
      j.config.fusion_types = ['channel_mul'];
    });
    expect(result.why).toMatch(/missing.*channel_mul_conv/);
    const scaled = await runChanged('blocks/nonlocal2d_embedded_gaussian', (j) => {
      j.config.use_scale = false;
    });
    expect(scaled).toMatchObject({ status: 'fail', why: expect.stringContaining('relative error') });
  });

  it('where another number of multiply-adds is expected', async () => {
    const result = await runChanged('backbones/nl_resnet18_2_gaussian_sub', (j) => {
      (j.config.macs as Record<string, number>).conv! += 1;
      j.config.gmacs = 0.2948;
    });
    expect(result.status).toBe('fail');
    expect(result.why).toBe(
      'macs: expected 294866433 multiply-adds, counted 294866432; gmacs: expected 0.2948, counted 0.2949',
    );
  });

  it('where the learning rate or the decay of an average is another', async () => {
    const slower = await runChanged('training/opt_sgd_nesterov', (j) => {
      (j.config.optimizer as { lr: number }).lr = 0.0999;
    });
    expect(slower).toMatchObject({ status: 'fail', why: expect.stringContaining('p: relative error') });
    const scheduled = await runChanged('training/sched_multistep', (j) => {
      (j.config.schedule as { milestones: number[] }).milestones = [8, 15];
    });
    expect(scheduled.why).toContain('lr: relative error');
    const average = await runChanged('training/ema', (j) => {
      (j.config.ema as { decay: number }[])[1]!.decay = 0.91;
    });
    expect(average.why).toContain('ema1: relative error');
  });

  it('where a picture is cropped elsewhere', async () => {
    const result = await runChanged('ops/preprocess_rgb_301x217', (j) => {
      j.config.crop_top_left = [16, 65];
    });
    expect(result).toMatchObject({ status: 'fail', why: 'crop_top_left: expected [16, 65], got [16, 66]' });
  });

  it('but a kind or an option that is not known is skipped, not failed', async () => {
    const kind = await runChanged(block, (j) => {
      j.kind = 'spoken';
    });
    expect(kind).toMatchObject({ status: 'skip', why: 'not supported yet: cases of kind "spoken"' });
    const model = await runChanged(block, (j) => {
      j.config.model = 'constructor';
    });
    expect(model).toMatchObject({ status: 'skip', why: 'not supported yet: the block "constructor"' });
    const loss = await runChanged('training/opt_sgd_plain', (j) => {
      j.config.loss = 'sum(abs(p - c))';
    });
    expect(loss).toMatchObject({ status: 'skip', why: 'not supported yet: the loss "sum(abs(p - c))"' });
  });
});

describe('runCaseText', () => {
  it('fails a text that is no case, under the name that it is given', async () => {
    const result = await runCaseText('{', { name: 'torn' }, CPU);
    expect(result).toMatchObject({ case: 'torn', status: 'fail', why: expect.stringContaining('expected JSON') });
  });
});
