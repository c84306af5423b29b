import { Fault } from '../../core/fault.ts';
import type { PositionGrid } from '../../core/position-grid.ts';
import { didYouMean } from '../../core/suggest.ts';
import { type Dim, sameDims } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { contextBlock } from '../blocks/context.ts';
import { type MlpMixerConfig, mlpMixer } from '../blocks/mlp-mixer.ts';
import { mapOf, patchTokens, type Tokens, tokensOf } from '../blocks/patch-embed.ts';
import { type SelfAttentionConfig, selfAttention } from '../blocks/self-attention.ts';
import { tokenBlock } from '../blocks/token-block.ts';
import { type Init, ZEROS } from '../init.ts';
import { dropPathRates } from '../layers/drop.ts';
import { linear } from '../layers/linear.ts';
import { layerNorm } from '../layers/pointwise.ts';
import type { Scope } from '../scope.ts';
import { checkPictures } from './intermediates.ts';
import type { VisionTransformerConfig } from './vision-transformer-config.ts';

const EPSILON = 1e-6;
const TRUNCATED: Init = { kind: 'truncated-normal', std: 0.02 };
const glorot = (fanIn: number, fanOut: number): Init => ({ kind: 'uniform', bound: Math.sqrt(6 / (fanIn + fanOut)) });

/** Names and first weights of the parts, by whose they are. */
interface Style {
  readonly patches: string;
  readonly mixer: string;
  readonly mlp: string;
  readonly linear: (fanIn: number, fanOut: number) => Init;
  readonly bias: Init;
  readonly patchInit: (fanIn: number) => Init;
  readonly patchBias?: Init;
  readonly head: Init;
}

const STYLES: { readonly [K in VisionTransformerConfig['names']]: Style } = {
  'vision-transformer': {
    ...{ patches: 'patch_embed', mixer: 'attn', mlp: 'mlp' },
    linear: () => TRUNCATED,
    bias: ZEROS,
    patchInit: () => ({ kind: 'fan-in-uniform' }),
    head: TRUNCATED,
  },
  'mlp-mixer': {
    ...{ patches: 'stem', mixer: 'mlp_tokens', mlp: 'mlp_channels' },
    linear: glorot,
    bias: { kind: 'normal', std: 1e-6 },
    patchInit: (fanIn) => ({ kind: 'normal', std: fanIn ** -0.5 }), // LeCun et al. 1998
    patchBias: ZEROS,
    head: ZEROS,
  },
};

/**
 * Networks of equal blocks on the patches of a picture: DeiT with self-attention, MLP-Mixer with token mixing, and
 * whatever else `config.mixer` says.
 *
 *     z_0 = [t; E x_1; ..; E x_L] + P             patches, a class token t, positions P      eq. 1
 *     v = z + mixer(LN(z)),  z' = v + MLP(LN(v))  `depth` times                              eq. 2, 3
 *     logits = W LN(z)_t + b                      of the class token, or of the mean         eq. 4
 *
 * Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929; Touvron et al., "Training
 * data-efficient image transformers", ICML 2021, arXiv:2012.12877; Tolstikhin et al., "MLP-Mixer", NeurIPS 2021,
 * arXiv:2105.01601.
 * Departs from the papers: names, ε 1e-6 and first weights are timm's, but that MLP-Mixer's patches start from a normal
 * that is not cut; no dropout. Pictures of another size than `imgSize` resample P in the graph, bicubic and antialiased,
 * as timm's `resample_abs_pos_embed`.
 *
 * x [N, inChannels, H, W] → `logits` [N, classes], or without a classifier `map` [N, C, H/p, W/p], the tokens after the
 * last norm without the class token; and what `features` names: `patch_embed` (tokens before class token and positions),
 * `blocks.N` (tokens after block N, from 0, class token first), `map`, which for p = 4, 8, 16, 32 is also `c2` to `c5`.
 */
export function visionTransformer(
  s: Scope,
  x: Value,
  config: VisionTransformerConfig,
  features: readonly string[] = [],
): Record<string, Value> {
  checkPictures(x, config.inChannels);
  checkSides(x, config.patch);
  const outputs: Record<string, Value> = {};
  const wanted = wantedFeatures(config, features);
  const offer = (name: string, y: Value): void => {
    if (wanted.has(name)) outputs[name] = y;
  };
  const style = STYLES[config.names];
  const { tokens, grid } = patchTokens(s.at(style.patches), x, {
    ...{ channels: config.width, patch: config.patch, init: style.patchInit(config.inChannels * config.patch ** 2) },
    ...(style.patchBias && { biasInit: style.patchBias }),
  });
  offer('patch_embed', tokens);
  let z = placed(s, { tokens, grid }, config);
  const rates = dropPathRates(config.dropPath, [config.depth])[0]!;
  for (let i = 0; i < config.depth; i++) {
    z = block(s.at('blocks').at(i), z, { config, style, grid, dropPath: rates[i]! });
    offer(`blocks.${i}`, z);
  }
  const normed = layerNorm(s.at('norm'), z, { epsilon: EPSILON });
  for (const name of mapNames(config))
    if (wanted.has(name)) outputs[name] = s.within(() => gridOf(normed, grid, config));
  if (config.classes === 0) return outputs;
  const read = s.within(() => (config.classToken ? first(normed) : op.reduceMean(normed, [1], false))); // [N, C]
  const logits = linear(s.at('head'), read, { features: config.classes, init: style.head, biasInit: ZEROS });
  return { logits, ...outputs };
}

interface BlockPlan {
  readonly config: VisionTransformerConfig;
  readonly style: Style;
  readonly grid: Tokens['grid'];
  readonly dropPath: number;
}

function block(s: Scope, z: Value, { config, style, grid, dropPath }: BlockPlan): Value {
  return tokenBlock(s, z, {
    mixer: (place, v) => mixed(place, v, { config, style, grid }),
    hidden: Math.floor(config.width * config.mlpRatio),
    names: { mixer: style.mixer, mlp: style.mlp },
    epsilon: EPSILON,
    init: style.linear,
    biasInit: style.bias,
    dropPath,
  });
}

/** A mixer on tokens [N, L, C]: what reads tokens reads them as they are, what reads a map reads the grid. */
function mixed(s: Scope, v: Value, { config, style, grid }: Omit<BlockPlan, 'dropPath'>): Value {
  const { mixer, classToken, width } = config;
  const layout = 'channels-last';
  switch (mixer.kind) {
    case 'self-attention': {
      const place = {
        init: style.linear(width, width),
        biasInit: ZEROS,
        grid: { prefix: Number(classToken), size: grid },
      };
      return selfAttention(s, v, { ...(mixer as SelfAttentionConfig), layout }, place);
    }
    case 'mlp-mixer':
      return mlpMixer(s, v, { ...(mixer as MlpMixerConfig), layout });
    default: {
      if (classToken) {
        const message = `expected classToken false, since "${mixer.kind}" reads a map, on which a class token is not`;
        throw new Fault('config', `${s.path}: ${message}. Set it, or use "self-attention" or "mlp-mixer".`);
      }
      const map = mapOf({ tokens: v, grid });
      const y = contextBlock(s, map, mixer);
      if (sameDims(y.shape, map.shape)) return tokensOf(y).tokens;
      throw new Fault('config', `${s.path}: expected a mixer that keeps the shape, got "${mixer.kind}" with a stride.`);
    }
  }
}

/** Tokens with the class token in front and their positions added. */
function placed(s: Scope, { tokens, grid }: Tokens, config: VisionTransformerConfig): Value {
  const { width: c, classToken, positions } = config;
  const n = tokens.shape[0]!;
  const z = classToken
    ? s.within(() => {
        const token = s.param('cls_token', [1, 1, c], { kind: 'normal', std: 1e-6 });
        return op.concat([op.expand(token, [n, 1, c]), tokens], 1);
      })
    : tokens;
  if (!positions) return z;
  const made: PositionGrid = { prefix: Number(classToken), size: gridFor(config) };
  const table = s.positions('pos_embed', made, { channels: c, init: TRUNCATED });
  return s.within(() => op.add(z, resampled(table, made, grid)));
}

/** A table of positions for another grid: the tokens before it keep theirs. [1, prefix + h · w, C] */
function resampled(table: Value, { prefix, size }: PositionGrid, grid: Tokens['grid']): Value {
  if (size[0] === grid[0] && size[1] === grid[1]) return table;
  const rows = prefix + size[0] * size[1];
  const part = (starts: number, ends: number): Value => op.slice(table, { axes: [1], starts: [starts], ends: [ends] });
  const map = mapOf({ tokens: part(prefix, rows), grid: size });
  const resized = op.interpolate(map, { mode: 'cubic', antialias: true, size: [...grid] });
  const { tokens } = tokensOf(resized);
  return prefix === 0 ? tokens : op.concat([part(0, prefix), tokens], 1);
}

/** Height and width, in patches, of the pictures that a configuration is made for. */
export function gridFor({ imgSize, patch }: Pick<VisionTransformerConfig, 'imgSize' | 'patch'>): [number, number] {
  const [height, width = height] = typeof imgSize === 'number' ? [imgSize] : imgSize;
  const wrong = [height!, width!].find((side) => side % patch !== 0);
  if (wrong === undefined) return [height! / patch, width! / patch];
  throw new Fault(
    'config',
    `imgSize: expected sides that patches of ${patch} divide, got ${wrong}. ${near(wrong, patch)}`,
  );
}

function checkSides(x: Value, patch: number): void {
  const wrong = x.shape.slice(2).find((side) => typeof side === 'number' && side % patch !== 0) as number | undefined;
  if (wrong === undefined) return;
  throw new Fault('shape', `x: expected sides that patches of ${patch} divide, got ${wrong}. ${near(wrong, patch)}`);
}

function near(side: number, patch: number): string {
  const below = Math.floor(side / patch) * patch;
  return below === 0 ? `Use ${patch}.` : `Use ${below} or ${below + patch}.`;
}

function first(tokens: Value): Value {
  const [n, , c] = tokens.shape as readonly [Dim, Dim, Dim];
  return op.reshape(op.slice(tokens, { axes: [1], starts: [0], ends: [1] }), [n, c]);
}

function gridOf(tokens: Value, grid: Tokens['grid'], { classToken }: VisionTransformerConfig): Value {
  const from = Number(classToken);
  const ends = [tokens.shape[1]!];
  return mapOf({ tokens: op.slice(tokens, { axes: [1], starts: [from], ends }), grid });
}

/** Names of the tokens as a map: `map`, and by its stride. */
function mapNames({ patch }: Pick<VisionTransformerConfig, 'patch'>): readonly string[] {
  const level = Math.log2(patch);
  return ['map', ...(Number.isInteger(level) && level >= 2 ? [`c${level}`] : [])];
}

/** The map's name by its stride, or `map`. */
export function mapName(config: Pick<VisionTransformerConfig, 'patch'>): string {
  return mapNames(config).at(-1)!;
}

function wantedFeatures(config: VisionTransformerConfig, features: readonly string[]): ReadonlySet<string> {
  const blocks = Array.from({ length: config.depth }, (_, i) => `blocks.${i}`);
  const known = [...(config.classes > 0 ? ['logits'] : []), 'patch_embed', ...blocks, ...mapNames(config)];
  const unknown = features.find((f) => !known.includes(f));
  if (unknown === undefined) return new Set([...features, ...(config.classes === 0 ? [mapName(config)] : [])]);
  throw new Fault('config', `features: the network has no "${unknown}". ${didYouMean(unknown, known)}`);
}
