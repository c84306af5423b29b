import type { NameTable, RenameRule } from '../../../core/name-table.ts';

/** Stage N of the papers is `layer(N-1)` here: one rule for each stage, `$1` being what follows the stage's number. */
function stages(first: number, pattern: (stage: number) => RegExp, replacement: string): RenameRule[] {
  return [0, 1, 2, 3].map((k) => [pattern(first + k), `layer${k + 1}.${replacement}`] as const);
}

/** torchvision's, which are ours; timm's ResNets and the authors' GCNet share them. */
const OWN: NameTable = { source: "the network's own names", rules: [] };

/** `ResNet(block_args=dict(attn_layer='gc'))`: timm's context blocks stand at `se`, whatever their kind. */
const TIMM_CONTEXT: NameTable = {
  source: "timm's context blocks",
  rules: [
    [/\.se\.conv_attn\./, '.context_block.conv_mask.'],
    [/\.se\.mlp_add\./, '.context_block.channel_add_conv.'],
    [/\.se\.mlp_scale\./, '.context_block.channel_mul_conv.'],
    [/\.(channel_\w+_conv)\.fc1\./, '.$1.0.'],
    [/\.(channel_\w+_conv)\.norm\./, '.$1.1.'],
    [/\.(channel_\w+_conv)\.fc2\./, '.$1.3.'],
    [/\.se\.t\./, '.non_local_block.theta.conv.'],
    [/\.se\.p\./, '.non_local_block.phi.conv.'],
    [/\.se\.g\./, '.non_local_block.g.conv.'],
    [/\.se\.z\./, '.non_local_block.conv_out.conv.'],
    [/\.se\.norm\./, '.non_local_block.conv_out.bn.'],
  ],
};

/** timm before 2021, and the pretrained-models package, from which its `legacy_` networks come. */
const LEGACY: NameTable = {
  source: 'early timm and pretrained-models (Cadene)',
  rules: [
    [/\.se_module\./, '.se.'],
    [/^layer0\./, ''],
    [/^last_linear\./, 'fc.'],
  ],
};

/** mmdetection and mmpretrain, v1 and v2: a backbone and a head apart, norms inside ConvModules. */
const OPENMMLAB_RULES: readonly RenameRule[] = [
  [/^head\.fc\./, 'fc.'],
  [/\.se_layer\.conv([12])\.conv\./, '.se.fc$1.'],
  [/\.nonlocal_block\./, '.non_local_block.'],
  // A deep stem of ConvModules (mmpretrain), or of single layers (mmdetection).
  [/^stem\.0\.conv\./, 'conv1.0.'],
  [/^stem\.0\.bn\./, 'conv1.1.'],
  [/^stem\.1\.conv\./, 'conv1.3.'],
  [/^stem\.1\.bn\./, 'conv1.4.'],
  [/^stem\.2\.conv\./, 'conv1.6.'],
  [/^stem\.2\.bn\./, 'bn1.'],
  [/^stem\.([01346])\.(\w+)$/, 'conv1.$1.$2'],
  [/^stem\.7\.(\w+)$/, 'bn1.$1'],
];
const OPENMMLAB: NameTable = { source: 'OpenMMLab (mmdetection, mmpretrain)', rules: OPENMMLAB_RULES };

/** mmcv puts a pool after φ and g, and them at `.0`, where it sub-samples; the weights are the same. */
const OPENMMLAB_POOLED: NameTable = {
  source: 'OpenMMLab, non-local blocks that sub-sample',
  rules: [...OPENMMLAB_RULES, [/\.(g|phi)\.0\.conv\./, '.$1.conv.']],
};
const OPENMMLAB_UNPOOLED: NameTable = {
  source: 'OpenMMLab, non-local blocks without sub-sampling',
  rules: [...OPENMMLAB_RULES, [/\.(g|phi)\.conv\./, '.$1.0.conv.']],
};

/** mmpretrain's ResNet-D has no place for a pool in the shortcut of the first stage, timm's has an empty one. */
const MMPRETRAIN_D: NameTable = {
  source: 'mmpretrain (ResNet-D)',
  rules: [
    ...OPENMMLAB_RULES,
    [/^layer1\.0\.downsample\.1\./, 'layer1.0.downsample.2.'],
    [/^layer1\.0\.downsample\.0\./, 'layer1.0.downsample.1.'],
  ],
};

/** `ResNetForImageClassification`. */
const TRANSFORMERS: NameTable = {
  source: 'Hugging Face transformers',
  rules: [
    [/^resnet\./, ''],
    [/^embedder\.embedder\.convolution\./, 'conv1.'],
    [/^embedder\.embedder\.normalization\./, 'bn1.'],
    ...stages(0, (k) => new RegExp(`^encoder\\.stages\\.${k}\\.layers\\.`), ''),
    ...[0, 1, 2].flatMap((k): RenameRule[] => [
      [new RegExp(`\\.layer\\.${k}\\.convolution\\.`), `.conv${k + 1}.`],
      [new RegExp(`\\.layer\\.${k}\\.normalization\\.`), `.bn${k + 1}.`],
    ]),
    [/\.shortcut\.convolution\./, '.downsample.0.'],
    [/\.shortcut\.normalization\./, '.downsample.1.'],
    [/^classifier\.1\./, 'fc.'],
  ],
};

/** Norms below their convolutions, stages from `res2`. */
const DETECTRON2: NameTable = {
  source: 'Detectron2',
  rules: [
    [/^stem\.conv1\.norm\./, 'bn1.'],
    [/^stem\.conv1\./, 'conv1.'],
    [/^stem\.fc\./, 'fc.'],
    [/^linear\./, 'fc.'],
    ...stages(2, (k) => new RegExp(`^res${k}\\.`), ''),
    [/\.conv([123])\.norm\./, '.bn$1.'],
    [/\.shortcut\.norm\./, '.downsample.1.'],
    [/\.shortcut\./, '.downsample.0.'],
  ],
};

/** Residual branches a, b, c of Caffe2 and SlowFast. */
const BRANCHES: readonly RenameRule[] = (['a', 'b', 'c'] as const).flatMap((letter, i): RenameRule[] => [
  [new RegExp(`\\.branch2${letter}_bn\\.`), `.bn${i + 1}.`],
  [new RegExp(`\\.branch2${letter}\\.`), `.conv${i + 1}.`],
]);

const NON_LOCAL_SLOWFAST: readonly RenameRule[] = [
  [/\.conv_(theta|phi|g)\./, '.$1.conv.'],
  [/\.conv_out\.(weight|bias)$/, '.conv_out.conv.$1'],
  [/\.non_local_block\.bn\./, '.non_local_block.conv_out.bn.'],
];

/** CoTNet's detectors: norms below convolutions inside the layers too, and no places for activations. */
const DETECTRON2_COT: NameTable = {
  source: 'Detectron2 (CoTNet)',
  rules: [
    ...DETECTRON2.rules,
    [/\.(key_embed|embed|se)\.0\.norm\./, '.$1.1.'],
    [/\.embed\.3\./, '.embed.4.'],
    [/\.(embed|se)\.2\./, '.$1.3.'],
  ],
};

/** PySlowFast's one-pathway networks; kernels of one frame lose that axis. */
const SLOWFAST: NameTable = {
  source: 'SlowFast',
  rules: [
    [/^s1\.pathway0_stem\.conv\./, 'conv1.'],
    [/^s1\.pathway0_stem\.bn\./, 'bn1.'],
    [/\.branch2\.([abc])_bn\./, '.branch2$1_bn.'],
    [/\.branch2\.([abc])\./, '.branch2$1.'],
    ...stages(2, (k) => new RegExp(`^s${k}\\.pathway0_res(\\d+)\\.`), '$1.'),
    ...stages(2, (k) => new RegExp(`^s${k}\\.pathway0_nonlocal(\\d+)\\.`), '$1.non_local_block.'),
    ...BRANCHES,
    [/\.branch1_bn\./, '.downsample.1.'],
    [/\.branch1\./, '.downsample.0.'],
    ...NON_LOCAL_SLOWFAST,
    [/^head\.projection\./, 'fc.'],
  ],
};

/** Blobs of video-nonlocal-net and Detectron: `res4_5_branch2a_bn_s`, `nonlocal_conv4_1_theta_w`. */
const CAFFE2: NameTable = {
  source: 'Caffe2 (video-nonlocal-net, Detectron)',
  rules: [
    [/_bn_s$/, '_bn.weight'],
    [/_bn_rm$/, '_bn.running_mean'],
    [/_bn_riv$/, '_bn.running_var'],
    [/_w$/, '.weight'],
    [/_b$/, '.bias'],
    [/^res_conv1_bn\./, 'bn1.'],
    ...stages(2, (k) => new RegExp(`^res${k}_(\\d+)_`), '$1.'),
    ...stages(2, (k) => new RegExp(`^nonlocal_conv${k}_(\\d+)_`), '$1.non_local_block.'),
    ...BRANCHES,
    [/\.branch1_bn\./, '.downsample.1.'],
    [/\.branch1\./, '.downsample.0.'],
    [/\.non_local_block\.(theta|phi|g)\./, '.non_local_block.$1.conv.'],
    [/\.non_local_block\.out\./, '.non_local_block.conv_out.conv.'],
    [/\.non_local_block\.bn\./, '.non_local_block.conv_out.bn.'],
    [/^(pred|fc1000)\./, 'fc.'],
  ],
};

/** Whose names weights of a residual network may bear; of two that fit as well the first counts. */
export const RESNET_NAMES: readonly NameTable[] = [
  OWN,
  TIMM_CONTEXT,
  LEGACY,
  OPENMMLAB,
  OPENMMLAB_POOLED,
  OPENMMLAB_UNPOOLED,
  MMPRETRAIN_D,
  TRANSFORMERS,
  DETECTRON2,
  DETECTRON2_COT,
  SLOWFAST,
  CAFFE2,
];
