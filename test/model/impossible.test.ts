import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { type ContextSpec, contextBlock } from '../../src/model/blocks/context.ts';
import { allBlocks } from '../../src/model/blocks/table.ts';
import { FAMILIES } from '../../src/model/networks/families.ts';
import { createFeatures } from '../../src/model/networks/features.ts';
import { readContextSpec } from '../../src/model/networks/read-config.ts';
import { createModel } from '../../src/model/networks/table.ts';
import { traceNetwork } from '../../src/model/scope.ts';

/** What a description ends with: `code: sentence`. */
function faultOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof Fault) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'no fault';
}

/** A block described at `layer3.4.block` on a map of 12 channels, 6 x 5 positions. */
function blockFault(spec: ContextSpec, shape: readonly number[] = [1, 12, 6, 5]): string {
  return faultOf(() => {
    const read = readContextSpec(spec, 'context[0].context');
    const network = { inputs: { x: { shape } }, mode: 'training' } as const;
    traceNetwork((s, { x }) => ({ y: contextBlock(s.at('layer3').at(4).at('block'), x!, read) }), network);
  });
}

/** A named network described with other options, on its own pictures or others. */
function networkFault(name: string, overrides: object, shape?: readonly number[]): string {
  return faultOf(() => {
    const { network, config, input } = createModel(name, { ...overrides });
    const x = { shape: shape ?? [1, config.inChannels, input.size, input.size] };
    traceNetwork(network, { inputs: { x }, mode: 'training' });
  });
}

const AT = 'layer3.4.block';
const DIVISORS = 'Use 1, 2, 3, 4, 6 or 12.';

describe('heads, groups and reductions that do not divide', () => {
  const divides = (what: string, got: number): string =>
    `config: ${AT}: expected a ${what} that divides 12 channels, got ${got}. ${DIVISORS}`;
  it.each<[ContextSpec, string]>([
    [{ kind: 'non-local', reduction: 5 }, divides('reduction', 5)],
    [{ kind: 'local-relation', share: 8 }, divides('share', 8)],
    [{ kind: 'local-self-attention', heads: 5 }, divides('number of heads', 5)],
    [{ kind: 'self-attention', heads: 5 }, divides('number of heads', 5)],
    [{ kind: 'container-mix' }, divides('number of heads', 16)],
    [{ kind: 'mlp-mixer', heads: 5 }, divides('number of heads', 5)],
    [{ kind: 'depthwise', heads: 5 }, divides('number of heads', 5)],
    [{ kind: 'convolution', groups: 5 }, divides('number of groups', 5)],
    [{ kind: 'split-attention', radix: 5 }, divides('product of radix and groups', 5)],
    [
      { kind: 'container-mix', heads: 4, staticHeads: 5 },
      divides('number of static heads', 5).replace(AT, `${AT}.conv`),
    ],
    [
      { kind: 'contextual-transformer' },
      `config: ${AT}: expected a multiple of 8 channels for 1 groups with heads of 8, got 12. Use 8 or 16.`,
    ],
    [
      { kind: 'global-context' },
      `config: ${AT}.channel_add_conv: expected a ratio of at least 1/12 and at most 1 (a factor: 1/16 is 0.0625) for 12 channels, got 0.0625.`,
    ],
  ])('%j', (spec, sentence) => {
    expect(blockFault(spec)).toBe(sentence);
  });
});

describe('windows that are even, or larger than the map', () => {
  it.each<[ContextSpec, string]>([
    [{ kind: 'local-relation', window: 4, share: 4 }, `config: ${AT}: expected an odd window, got 4. Use 3 or 5.`],
    [
      { kind: 'local-self-attention', kernel: 4, heads: 2 },
      `config: ${AT}: expected an odd window, got 4. Use 3 or 5.`,
    ],
    [{ kind: 'depthwise', window: 4 }, `config: ${AT}: expected an odd window, got 4. Use 3 or 5.`],
    [{ kind: 'convolution', window: 2 }, `config: ${AT}: expected an odd window, got 2. Use 3.`],
    [{ kind: 'non-local-means', strength: 1, search: 6 }, `config: ${AT}: expected an odd window, got 6. Use 5 or 7.`],
    [{ kind: 'container-mix', heads: 4, window: 4 }, `config: ${AT}.conv: expected an odd window, got 4. Use 3 or 5.`],
    [
      { kind: 'split-attention', kernel: 4 },
      `config: ${AT}.conv: expected an odd kernel to keep the size, got 4. Use 3 or 5.`,
    ],
    [
      { kind: 'local-relation', window: 13, share: 4 },
      `config: ${AT}: expected a window of at most 9 (dilation 1) for a map of 6 x 5, of which no place is always outside, got 13. Use 3, 5, 7 or 9, or a larger map.`,
    ],
    [
      { kind: 'non-local', subSample: { order: 'after-projection', kernel: [8, 2] } },
      `config: ${AT}: expected a pooling window of at most 6 x 5, the map, got 8 x 2. Set subSample.kernel.`,
    ],
    [
      { kind: 'non-local', subSample: { order: 'before-projection', kernel: [2] } },
      `config: ${AT}: expected 2 sizes for the pooling window, got [2].`,
    ],
  ])('%j', (spec, sentence) => {
    expect(blockFault(spec)).toBe(sentence);
  });
  it('of a contextual transformer', () => {
    const fault = blockFault({ kind: 'contextual-transformer', kernel: 4 }, [1, 16, 6, 6]);
    expect(fault).toBe(`config: ${AT}: expected an odd kernel, got 4. Use 3 or 5.`);
  });
});

describe('affinities that are learned for a map of another size', () => {
  const OTHER = 'what is learned for each pair of positions fits one size only. Set positions';
  it.each<[ContextSpec, string]>([
    [{ kind: 'mlp-mixer', positions: 49 }, `shape: ${AT}: expected a map of 49 positions, got 6 x 5: ${OTHER}`],
    [
      { kind: 'self-attention', heads: 2, static: 'dense', positions: [7, 7] },
      `shape: ${AT}: expected a map of 7 x 7 positions, got 6 x 5: ${OTHER}`,
    ],
    [
      { kind: 'container-mix', heads: 4, static: 'dense', positions: [14, 14] },
      `shape: ${AT}: expected a map of 14 x 14 positions, got 6 x 5: ${OTHER}`,
    ],
    [
      { kind: 'container-mix', heads: 4, static: 'dense' },
      `config: ${AT}: expected positions, the size of the map that its affinity is made for, got none. Set it to [6,5].`,
    ],
  ])('%j', (spec, sentence) => {
    expect(blockFault(spec)).toContain(sentence);
  });
  it('refuse pictures of another size in a whole network', () => {
    expect(networkFault('mixer_s16_224', {}, [1, 3, 256, 256])).toContain(
      'shape: blocks.0.mlp_tokens: expected a map of 196 positions, got 256',
    );
    expect(networkFault('container-pam', {}, [1, 3, 256, 256])).toContain(
      'shape: blocks.0.attn: expected a map of 197 positions, got 257',
    );
  });
});

describe('what a reference refuses', () => {
  it.each<[ContextSpec, string]>([
    [
      { kind: 'non-local', mode: 'concatenation', names: 'slowfast', subSample: { order: 'before-projection' } },
      `config: ${AT}: expected mode "embedded-gaussian" or "dot-product" with names "slowfast", got "concatenation". Use names "mmcv", which has all modes.`,
    ],
    [
      { kind: 'non-local', mode: 'dot-product', names: 'timm' },
      `config: ${AT}: expected mode "embedded-gaussian" with names "timm", got "dot-product". Use names "mmcv", which has all modes.`,
    ],
    [
      { kind: 'non-local', names: 'timm', subSample: { order: 'before-projection' } },
      `config: ${AT}: expected no subSample with names "timm", got order "before-projection". Leave subSample out, or use names "mmcv" or "slowfast".`,
    ],
    [
      { kind: 'non-local', mode: 'gaussian', scale: 'D^-1/2' },
      `config: ${AT}: expected no scale in mode "gaussian", got "D^-1/2". Leave it out.`,
    ],
    [
      { kind: 'global-context', fusions: ['add', 'add'] },
      `config: ${AT}: expected "add", "multiply" or both as fusions, got ["add","add"].`,
    ],
  ])('%j', (spec, sentence) => {
    expect(blockFault(spec)).toBe(sentence);
  });
  it('is not refused where the reference has it: mmcv sub-samples with concatenation', () => {
    const spec = { kind: 'non-local', mode: 'concatenation', subSample: { order: 'after-projection' } };
    expect(blockFault(spec)).toBe('no fault');
  });
});

describe('unknown keys and wrong types', () => {
  const WHERE = 'context[0].context';
  it.each<[ContextSpec, string]>([
    [{ kind: 'non-local', reductoin: 2 }, `config: ${WHERE}: unknown option "reductoin". Did you mean "reduction"?`],
    [{ kind: 'simplified-non-local', ratio: 2 }, `config: ${WHERE}: unknown option "ratio". Known: kind.`],
    [{ kind: 'global-context', ratio: '1/4' }, `config: ${WHERE}.ratio: expected number, got "1/4".`],
    [
      { kind: 'global-context', ratio: 16 },
      `config: ${WHERE}.ratio: expected at most 1, got 16. Write 1/16 as 0.0625.`,
    ],
    [{ kind: 'global-context', fusions: [] }, `config: ${WHERE}.fusions: expected at least 1 entry, got [].`],
    [{ kind: 'squeeze-excitation', ratio: 0 }, `config: ${WHERE}.ratio: expected more than 0, got 0.`],
    [{ kind: 'contextual-transformer', groups: 3 }, `config: ${WHERE}.groups: expected 1 or 2, got 3.`],
    [{ kind: 'depthwise', stride: 0 }, `config: ${WHERE}.stride: expected at least 1, got 0.`],
    [{ kind: 'non-local-means' }, `config: ${WHERE}.strength: expected number, got nothing.`],
    [
      { kind: 'local-relation', composition: 'sum' },
      `config: ${WHERE}.composition: expected "product" or "absolute-difference" or "squared-difference" or "key", got "sum".`,
    ],
  ])('%j', (spec, sentence) => {
    expect(blockFault(spec)).toBe(sentence);
  });
  it('names every block where a kind is unknown', () => {
    const fault = blockFault({ kind: 'nonlocal' });
    expect(fault).toContain('config: context[0].context.kind: expected one of "non-local", "simplified-non-local"');
    for (const { kind } of allBlocks()) expect(fault).toContain(`"${kind}"`);
  });
  it.each(allBlocks().map((b) => [b.kind, b] as const))(
    'every block refuses a key of its neighbour: %s',
    (_, block) => {
      const fault = blockFault({ ...block.sample.config, neighbour: 1 }, block.sample.shape);
      expect(fault).toContain('config: context[0].context: unknown option "neighbour".');
    },
  );
  it.each(allBlocks().map((b) => [b.kind, b] as const))('every block says which maps it takes: %s', (_, block) => {
    expect(blockFault(block.sample.config, [1, 16])).toContain(`shape: ${AT}: ${block.title} expects [N, C, `);
    if (!(block.axes as readonly number[]).includes(1)) {
      expect(blockFault(block.sample.config, [1, 16, 9])).toContain('expects [N, C, H, W]');
    }
  });
});

describe('places that a network lacks', () => {
  const gc = (more: object) => ({
    context: [{ context: { kind: 'global-context' }, position: 'after-block', ...more }],
  });
  const operator = (spec: ContextSpec, more: object = {}) => ({ operators: [{ operator: spec, ...more }] });
  it.each<[string, object, string]>([
    ['resnet18', gc({ stages: [5] }), 'context[0]: expected stages from 1 to 4, got 5.'],
    ['resnet18', gc({ blocks: [2] }), 'context[0]: expected blocks of stage 1 from -2 to 1, got 2.'],
    [
      'resnet18',
      gc({ position: 'after-conv3' }),
      'context[0]: expected a position in a block of two convolutions, got "after-conv3". Use "after-conv2".',
    ],
    [
      'resnet50',
      operator({ kind: 'local-relation' }, { stages: [5] }),
      'operators[0]: expected stages from 1 to 4, got 5.',
    ],
    [
      'resnet50',
      operator({ kind: 'local-relation' }, { stages: [3], blocks: [6] }),
      'operators[0]: expected blocks of stage 3 from -6 to 5, got 6.',
    ],
    [
      'resnet50',
      operator({ kind: 'local-relation', share: 24 }),
      'layer1.0.conv2: expected a share that divides 64 channels, got 24. Use 1, 2, 4, 8, 16, 32 or 64.',
    ],
    ['container', { blocks: [2, 3, 8] }, 'widths: expected an entry for each of the 3 stages that blocks has, got 4.'],
    [
      'container',
      { mixers: [{ kind: 'container-mix' }, { kind: 'container-mix' }] },
      'mixers: expected one, or one for each of 4 stages, got 2.',
    ],
    [
      'deit_tiny_patch16_224',
      { imgSize: 225 },
      'imgSize: expected sides that patches of 16 divide, got 225. Use 224 or 240.',
    ],
    [
      'deit_tiny_patch16_224',
      { mixer: { kind: 'depthwise' } },
      'blocks.0.attn: expected classToken false, since "depthwise" reads a map, on which a class token is not. Set it, or use "self-attention" or "mlp-mixer".',
    ],
    [
      'gcresnext26ts',
      { stem: [16], stemStride: 'convolution' },
      'stem: expected two convolutions to stride, got 1. Set stemStride.',
    ],
    ['resnet34', { groups: 2 }, 'groups: expected 1 group and widthPerGroup 64 in basic blocks, got 2 and 64.'],
    ['resnet50t', { width: 65 }, 'width: expected an even width for stem "deep-tiered", got 65.'],
    ['resnet50', { layer: [3, 4, 6, 3] }, 'model resnet50: unknown option "layer". Did you mean "layers"?'],
    ['resnet50', { layers: [] }, 'model resnet50.layers: expected at least 1 entry, got [].'],
    ['resnet50', { dropPath: 1 }, 'model resnet50.dropPath: expected below 1, got 1.'],
    ['resnet50', { classes: '10' }, 'model resnet50.classes: expected number, got "10".'],
    ['resnet55', {}, 'model: expected a known name, got "resnet55". Did you mean "resnet50"'],
  ])('%s with %j', (name, overrides, sentence) => {
    expect(networkFault(name, overrides)).toContain(`config: ${sentence}`);
  });
  it('say so when feature maps are asked for', () => {
    expect(faultOf(() => createFeatures('resnet50', { stages: [2, 5] }))).toBe(
      'config: stages: expected feature maps that resnet50 has, got 5. Use 1, 2, 3, 4.',
    );
    expect(faultOf(() => createFeatures('container_light', { names: ['c6'] }))).toContain(
      'got "c6". Did you mean "c2"',
    );
    expect(faultOf(() => createFeatures('resnet50', { stages: [] }))).toContain('got []. Use 1, 2, 3, 4.');
  });
});

describe('strides where there must be none, and none where there must be one', () => {
  it.each<[string, object, string]>([
    [
      'resnet18',
      { context: [{ context: { kind: 'depthwise', stride: 2 }, position: 'after-block' }] },
      'layer1.0.depthwise: expected a block that keeps [1, 64, 56, 56], got "depthwise" that makes [1, 64, 28, 28] of it. Leave its stride out, or give it as an operator.',
    ],
    [
      'resnet50',
      { operators: [{ operator: { kind: 'depthwise', stride: 2 } }] },
      'operators[0].operator: expected an operator without a stride, got stride 2. Leave it out: the network says which blocks stride.',
    ],
    [
      'resnet50',
      { operators: [{ operator: { kind: 'self-attention', heads: 8 }, stride: 'own' }] },
      'layer1.0.conv2: expected a stride that multi-head self-attention can have, got "own". Use "average-before", "average-after" or "blur-after".',
    ],
    ['resnet50', { stem: 'operator' }, 'stemOperator: expected a block with stem "operator", got nothing.'],
    [
      'resnet50',
      { stem: 'operator', stemOperator: { kind: 'self-attention' } },
      'stemOperator: expected a block that strides, got "self-attention". Use ',
    ],
    [
      'container',
      { mixers: [{ kind: 'depthwise', stride: 2 }] },
      'blocks1.0.depthwise: expected a mixer that keeps the shape, got "depthwise" with a stride.',
    ],
    [
      'deit_tiny_patch16_224',
      { mixer: { kind: 'depthwise', stride: 2 }, classToken: false },
      'blocks.0.attn: expected a mixer that keeps the shape, got "depthwise" with a stride.',
    ],
  ])('%s with %j', (name, overrides, sentence) => {
    expect(networkFault(name, overrides)).toContain(`config: ${sentence}`);
  });
});

describe('pictures that a network does not take', () => {
  const FIRST = Object.entries(FAMILIES).map(([kind, { networks }]) => [kind, Object.keys(networks)[0]!] as const);
  it.each(FIRST)('%s: other channels, no axes of positions', (_, name) => {
    expect(networkFault(name, {}, [1, 4, 64, 64])).toBe(
      'shape: x: expected [N, 3, H, W], got [1, 4, 64, 64]. Set inChannels.',
    );
    expect(networkFault(name, {}, [1, 3, 64])).toContain('shape: x: expected [N, 3, H, W], got [1, 3, 64].');
  });
  it('sides that patches do not divide', () => {
    expect(networkFault('deit_tiny_patch16_224', {}, [1, 3, 225, 224])).toBe(
      'shape: x: expected sides that patches of 16 divide, got 225. Use 224 or 240.',
    );
  });
});
