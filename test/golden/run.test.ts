import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCase } from '../../src/golden/run.ts';
import { corpusCase, corpusCases, corpusTitle, hasCorpus } from './corpus.ts';
import { CPU } from './environment.ts';

/** Cases that need more than a few seconds on two cores are left to the command line. */
const BUILT =
  /^(blocks\/(contextblock_|nonlocal\d|gcnet_nonlocal2d_|simplified_nonlocal|se_|timm_)|ops\/(interpolate|pool_ceil|grid_sample|smooth_l1|sigmoid_focal_loss|preprocess_)|training\/(opt_|sched_|ema|resnet18_)|backbones\/(torchvision_resnet18|timm_seresnet50|gcnet_|nl_resnet18))/;

/** What must not be counted as passed before it is built. */
const OTHERS = /^(detection|metrics|tracking|video)\/|^ops\/(anchors|nms|roi_|fpn_|matcher)/;

const names = corpusCases();
const built = names.filter((n) => BUILT.test(n));
const others = names.filter((n) => OTHERS.test(n));

describe.skipIf(!hasCorpus)(corpusTitle('the golden corpus'), () => {
  it('holds the kinds that these tests mean', () => {
    expect(built.length).toBeGreaterThan(70);
    expect(others.length).toBeGreaterThan(40);
  });

  it.each(built)('%s agrees with its reference', async (name) => {
    const result = await runCase(corpusCase(name), CPU);
    expect(result).toMatchObject({ case: basename(name, '.json'), status: 'pass', why: '' });
    expect(result.error).toBeLessThanOrEqual(result.bound!);
  });

  it('says of what is not built that it is not, with what it is', async () => {
    for (const name of others) {
      const result = await runCase(corpusCase(name), CPU);
      expect(result).toMatchObject({ status: 'skip', error: null, bound: null });
      expect(result.why, name).toMatch(/^not supported yet: \w/);
    }
  });

  it('skips pictures where no decoder is handed in', async () => {
    const { decoder: _, ...blind } = CPU;
    const result = await runCase(corpusCase('ops/preprocess_rgb_301x217.json'), blind);
    expect(result).toMatchObject({ status: 'skip', why: expect.stringContaining('decoder') });
  });
});
