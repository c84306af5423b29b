import type { Contest } from './contests.ts';
import type { Entrants } from './entrants.ts';
import { growthFigures } from './figures.ts';
import type { Entrant } from './measure.ts';
import { INFERENCE_BOUND, inference, inferred, TRAINING_BOUND, timeAndMemory } from './rows.ts';
import type { AttentionSubject, NetworkSubject } from './subject.ts';

/** Networks of pixel-to-pixel affinities; those that read windows are also run against PyTorch that reads tap by tap. */
const NETWORKS = ['cotnet50', 'lrnet26', 'container_v1_light', 'deit_small_patch16_224'] as const;
const WINDOWED: readonly string[] = ['cotnet50', 'lrnet26'];
const TRAINED = ['cotnet50', 'lrnet26', 'container_v1_light', 'resnet50-nl'] as const;
const BATCH = 4;

/** Parameters early, in the middle and late, those of the affinities among them. */
const WATCHED: Readonly<Record<(typeof TRAINED)[number], readonly string[]>> = {
  cotnet50: ['conv1.weight', 'layer2.0.conv2.embed.3.weight', 'layer3.1.conv2.conv1x1.0.weight', 'fc.weight'],
  lrnet26: ['conv1.0.weight', 'layer2.0.conv2.query.weight', 'layer3.1.conv2.geometry.2.weight', 'fc.weight'],
  container_v1_light: ['patch_embed1.proj.weight', 'blocks2.0.attn.weight', 'blocks4.1.conv1.weight', 'head.weight'],
  'resnet50-nl': ['conv1.weight', 'layer2.0.non_local_block.theta.conv.weight', 'layer4.2.conv3.weight', 'fc.weight'],
};

/** Contests of networks that are made of affinities, and of attention by itself. */
export function affinities(entrants: Entrants): readonly Contest[] {
  return [
    inference(entrants, 'resnet50-nl-pooled', 1),
    ...NETWORKS.map((network) => inference(entrants, network, 1)),
    ...TRAINED.map((network) => against(entrants, trained(network), `${network}.train.b${BATCH}`)),
    ...NETWORKS.filter((network) => WINDOWED.includes(network)).flatMap((network) => [
      shifted(entrants, inferred(network, 1), `${network}.inference.b1`),
      shifted(entrants, trained(network as 'cotnet50'), `${network}.train.b${BATCH}`),
    ]),
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

/** How memory grows with four times the positions: ours, and PyTorch's. Four is linear, sixteen quadratic. */
function growth(entrants: Entrants): readonly Contest[] {
  const rows = (id: string, peer: string): Contest['rows'] => [{ id, peer, figures: growthFigures }];
  const [ours, theirs] = [96, 48].map((side) => entrants.ours(attending(side))) as [Entrant, Entrant];
  const [large] = plain(entrants, 96);
  return [
    { match: { ours, theirs: [theirs] }, rows: rows('attention.train.growth.memory', 'farsight-48x48') },
    {
      match: { ours: large!, theirs: plain(entrants, 48) },
      rows: rows('attention.train.growth-of-pytorch.memory', 'pytorch-48x48'),
    },
  ];
}
