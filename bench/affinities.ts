import type { Contest } from './contests.ts';
import type { Entrants } from './entrants.ts';
import { growthFigures } from './figures.ts';
import type { Entrant } from './measure.ts';
import { INFERENCE_BOUND, inference, inferred, TRAINING_BOUND, timeAndMemory } from './rows.ts';
import type { AttentionSubject, NetworkSubject } from './subject.ts';

/** Networks of pixel-to-pixel affinities; those that read windows are also run against PyTorch that reads tap by tap. */
const NETWORKS = ['cotnet50', 'lrnet26', 'container_v1_light', 'deit_small_patch16_224'] as const;
const WINDOWED = ['cotnet50', 'lrnet26'] as const;
const TRAINED = ['cotnet50', 'lrnet26', 'container_v1_light', 'resnet50-nl'] as const;
const BATCH = 4;

/**
 * Parameters early, in the middle and late, those of the affinities among them; such as PyTorch's own float32 gives to
 * 4e-4 of its float64 (LR-Net's first convolution and its priors it misses by 2e-3 with channels last).
 */
const WATCHED: Readonly<Record<(typeof TRAINED)[number], readonly string[]>> = {
  cotnet50: ['conv1.weight', 'layer2.0.conv2.embed.3.weight', 'layer3.1.conv2.conv1x1.0.weight', 'fc.weight'],
  lrnet26: ['conv1.3.out.weight', 'layer1.0.conv1.weight', 'layer2.0.conv2.query.weight', 'layer4.1.conv2.out.weight'],
  container_v1_light: ['patch_embed1.proj.weight', 'blocks2.0.attn.weight', 'blocks4.1.conv1.weight', 'head.weight'],
  'resnet50-nl': ['conv1.weight', 'layer2.0.non_local_block.theta.conv.weight', 'layer4.2.conv3.weight', 'fc.weight'],
};

/** Contests of networks that are made of affinities, and of attention by itself. */
export function affinities(entrants: Entrants): readonly Contest[] {
  return [
    inference(entrants, 'resnet50-nl-pooled', 1),
    ...NETWORKS.map((network) => inference(entrants, network, 1)),
    ...TRAINED.map((network) => against(entrants, trained(network), `${network}.train.b${BATCH}`)),
    ...WINDOWED.map((network) => shifted(entrants, inferred(network, 1), `${network}.inference.b1`)),
    shifted(entrants, trained('cotnet50'), `cotnet50.train.b${BATCH}`),
    ...[48, 96].map((side) => attention(entrants, side)),
    ...growth(entrants),
  ];
}

function trained(network: (typeof TRAINED)[number]): NetworkSubject {
  const watch = WATCHED[network];
  return { ...inferred(network, BATCH), mode: 'training', rate: 0.003, residualScale: 0.1, watch };
}

function against(entrants: Entrants, subject: NetworkSubject, id: string): Contest {
  const match = { ours: entrants.ours(subject), theirs: entrants.pytorch(subject), bound: TRAINING_BOUND };
  return { match, rows: timeAndMemory(id, 'pytorch') };
}

/** Against PyTorch that reads windows one tap after the other: the least memory that plain operators allow. */
function shifted(entrants: Entrants, subject: NetworkSubject, id: string): Contest {
  const theirs = entrants.pytorch({ ...subject, windows: 'shifts' });
  const bound = subject.mode === 'training' ? TRAINING_BOUND : INFERENCE_BOUND;
  return { match: { ours: entrants.ours(subject), theirs, bound }, rows: timeAndMemory(id, 'pytorch-shifts') };
}

function attending(side: number): AttentionSubject {
  return { kind: 'attention', positions: side * side, channels: 64 };
}

/** PyTorch on an attention: with no pictures in it there is one format. */
function plain(entrants: Entrants, side: number): ReturnType<Entrants['pytorch']> {
  return entrants.pytorch(attending(side)).slice(0, 1);
}

/** Softmax attention and its gradients, a map of side x side positions. */
function attention(entrants: Entrants, side: number): Contest {
  const ours = entrants.ours(attending(side));
  const match = { ours, theirs: plain(entrants, side), bound: TRAINING_BOUND };
  return { match, rows: timeAndMemory(`attention.${side}x${side}.train`, 'pytorch') };
}

/**
 * How memory grows with four times the positions, 48 x 48 to 96 x 96: four is linear, sixteen quadratic. Ours, also from
 * 96 x 96 to 192 x 192, where what does not grow weighs less; and PyTorch's.
 */
function growth(entrants: Entrants): readonly Contest[] {
  const ours = (side: number): Entrant => entrants.ours(attending(side));
  const grown = (id: string, peer: string, [large, small]: readonly [Entrant, Entrant]): Contest => ({
    match: { ours: large, theirs: [small] },
    rows: [{ id: `attention.train.${id}.memory`, peer, figures: growthFigures }],
  });
  const [large, small] = [96, 48].map((side) => plain(entrants, side)[0]!) as [Entrant, Entrant];
  return [
    grown('growth', 'farsight', [ours(96), ours(48)]),
    grown('growth-beyond', 'farsight', [ours(192), ours(96)]),
    grown('growth-of-pytorch', 'pytorch', [large, small]),
  ];
}
