import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Fault } from '../src/core/fault.ts';
import { affinities } from './affinities.ts';
import { measuredClock } from './clock.ts';
import { commandSide } from './command-side.ts';
import type { Entrants } from './entrants.ts';
import { type Figures, growthFigures, shareFigures, speedFigures, timeFigures } from './figures.ts';
import type { Machine } from './machine.ts';
import type { Match, SideResult } from './measure.ts';
import { pipelines } from './pipeline.ts';
import { INFERENCE_BOUND, inference, inferred, TRAINING_BOUND, timeAndMemory } from './rows.ts';
import type { ConvSubject, MatMulSubject, NetworkSubject, NonLocalSubject } from './subject.ts';

/** A match and the rows that it gives. */
export interface Contest {
  readonly match: Match;
  readonly rows: readonly RowPlan[];
}

/** One row: its names, and how its figures follow from what the two sides gave. */
export interface RowPlan {
  readonly id: string;
  readonly peer: string;
  readonly figures: (ours: SideResult, theirs: SideResult) => Figures;
}

/** Multiply-adds of ResNet-50 on one picture of 224 x 224: convolutions and the classifier. */
const RESNET50_GMAC = 4.0892;
const WATCHED = ['conv1.weight', 'layer2.0.conv2.weight', 'layer3.1.bn2.weight', 'layer4.2.conv3.weight', 'fc.weight'];
const WATCHED_GC = ['layer3.1.context_block.conv_mask.weight', 'layer3.1.context_block.channel_add_conv.3.weight'];

/** Every contest, in the order of the results page. */
export function contests(entrants: Entrants, machine: Machine): readonly Contest[] {
  const networks = ['resnet50', 'resnet50-gc', 'resnet50-nl'] as const;
  return [
    ...networks.flatMap((network) => [1, 8].map((batch) => inference(entrants, network, batch))),
    ...[1, 8].map((batch) => exported(entrants, batch)),
    ...(['resnet50', 'resnet50-gc'] as const).map((network) => training(entrants, network)),
    ...recomputing(entrants),
    contextShare(entrants),
    ...[64, 128].flatMap((side) => [
      nonLocal(entrants, 'nonlocal', side, 64),
      nonLocal(entrants, 'nonlocal-half', side, 32),
    ]),
    growth(entrants),
    ...affinities(entrants),
    ...convolution(entrants),
    ...peakShare(entrants, machine),
    ...loads(entrants),
    ...pipelines(entrants),
    help(),
  ];
}

function exported(entrants: Entrants, batch: number): Contest {
  const subject = inferred('resnet50', batch);
  const match = { ours: entrants.ours(subject), theirs: entrants.exported(subject), bound: INFERENCE_BOUND };
  return { match, rows: timeAndMemory(`resnet50.inference.b${batch}`, 'onnxruntime-pytorch-export') };
}

function trained(network: 'resnet50' | 'resnet50-gc'): NetworkSubject {
  const watch = network === 'resnet50' ? WATCHED : [...WATCHED, ...WATCHED_GC];
  return { ...inferred(network, 8), mode: 'training', rate: 0.003, residualScale: 0.1, watch };
}

function training(entrants: Entrants, network: 'resnet50' | 'resnet50-gc'): Contest {
  const subject = trained(network);
  const match = { ours: entrants.ours(subject), theirs: entrants.pytorch(subject), bound: TRAINING_BOUND };
  return { match, rows: timeAndMemory(`${network}.train.b8`, 'pytorch') };
}

/** A step that keeps less and computes again: its memory against PyTorch's, its time against our usual step's. */
function recomputing(entrants: Entrants): readonly Contest[] {
  const subject = trained('resnet50');
  const ours = entrants.ours({ ...subject, recompute: true });
  const id = 'resnet50.train.b8.recompute';
  const rows = [{ id, peer: 'farsight-resnet50', figures: timeFigures }];
  return [
    { match: { ours, theirs: entrants.pytorch(subject), bound: TRAINING_BOUND }, rows: timeAndMemory(id, 'pytorch') },
    { match: { ours, theirs: [entrants.ours(subject)], bound: TRAINING_BOUND }, rows },
  ];
}

/** What the context blocks cost: our network with them against ours without. */
function contextShare(entrants: Entrants): Contest {
  const [ours, plain] = [entrants.ours(inferred('resnet50-gc', 1)), entrants.ours(inferred('resnet50', 1))];
  const rows = [{ id: 'resnet50-gc.share.b1', peer: 'farsight-resnet50', figures: shareFigures }];
  return { match: { ours, theirs: [plain] }, rows };
}

function block(side: number, inner: number): NonLocalSubject {
  return { kind: 'nonlocal', channels: 64, inner, height: side, width: side };
}

function nonLocal(entrants: Entrants, name: string, side: number, inner: number): Contest {
  const subject = block(side, inner);
  const match = { ours: entrants.ours(subject), theirs: entrants.pytorch(subject), bound: INFERENCE_BOUND };
  const id = `${name}.${side}x${side}`;
  return { match, rows: timeAndMemory(id, 'pytorch', `${id}.time`) };
}

/** How our memory grows when there are four times as many positions. */
function growth(entrants: Entrants): Contest {
  const match = { ours: entrants.ours(block(128, 64)), theirs: [entrants.ours(block(64, 64))] };
  return { match, rows: [{ id: 'nonlocal.growth.memory', peer: 'farsight-64x64', figures: growthFigures }] };
}

function convolution(entrants: Entrants): readonly Contest[] {
  const subject: ConvSubject = { kind: 'conv', channels: 64, size: 56, batch: 8 };
  const row = (peer: string): RowPlan => ({ id: 'conv3x3.64x56x56.b8', peer, figures: timeFigures });
  const ours = entrants.ours(subject);
  return [
    { match: { ours, theirs: entrants.tfjs(subject), bound: INFERENCE_BOUND }, rows: [row('tfjs-wasm')] },
    { match: { ours, theirs: entrants.pytorch(subject), bound: INFERENCE_BOUND }, rows: [row('pytorch')] },
  ];
}

/**
 * The speed of ResNet-50 against what the processor allows at the clock that is reported and at the one that is measured,
 * and against the speed of a large matrix product of our own and of PyTorch's.
 */
function peakShare(entrants: Entrants, machine: Machine): readonly Contest[] {
  const size = 2048;
  const product: MatMulSubject = { kind: 'matmul', size };
  const [ours, id] = [entrants.ours(inferred('resnet50', 8)), 'resnet50.peak-share.b8'];
  const work = { ours: 8 * RESNET50_GMAC, theirs: size ** 3 / 1e9 };
  const atPeak = (peer: string, clock: () => Machine): RowPlan => ({
    id,
    peer,
    figures: (side) => speedFigures({ ours: side, work, machine: clock() }),
  });
  const atProduct = (peer: string): RowPlan => ({
    id,
    peer,
    figures: (side, theirs) => speedFigures({ ours: side, theirs, work, machine }),
  });
  const reported = atPeak('theoretical-peak', () => machine);
  const measured = atPeak('peak-at-measured-clock', () => ({ ...machine, mhz: measuredClock() }));
  return [
    {
      match: { ours, theirs: [entrants.ours(product)] },
      rows: [reported, measured, atProduct(`farsight-matmul-${size}`)],
    },
    { match: { ours, theirs: entrants.pytorch(product).slice(0, 1) }, rows: [atProduct(`pytorch-matmul-${size}`)] },
  ];
}

/**
 * Loading 102 MB that lie in the page cache: safetensors against reading the bytes alone, a checkpoint against PyTorch.
 * Reading into memory that is there already is the most that a page cache gives, and more than any loader can use, as
 * what it loads needs memory of its own; readFile is what that costs.
 */
function loads(entrants: Entrants): readonly Contest[] {
  const row = (id: string, peer: string): RowPlan => ({ id, peer, figures: timeFigures });
  const [ours, theirs] = [entrants.loads('safetensors'), entrants.torchLoads()];
  return [
    { match: { ours, theirs: entrants.plainRead('new') }, rows: [row('load.safetensors', 'node-readfile')] },
    { match: { ours, theirs: entrants.plainRead('same') }, rows: [row('load.safetensors', 'read-into-one-buffer')] },
    {
      match: { ours: entrants.loads('pth'), theirs, bound: INFERENCE_BOUND },
      rows: timeAndMemory('load.pth', 'pytorch'),
    },
  ];
}

/** Start of the command line, against the start of Node alone. */
function help(): Contest {
  const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
  const node = process.execPath;
  const open = async (): Promise<ReturnType<typeof commandSide>> => {
    if (existsSync(cli)) return commandSide('farsight --help', node, [cli, '--help']);
    throw new Fault('engine', 'farsight --help: dist/cli.js is not there. Run npm run build first.');
  };
  const bare = { label: 'node', open: async () => commandSide('node', node, ['-e', '0']) };
  const rows = [{ id: 'help.time', peer: 'node', figures: timeFigures }];
  return { match: { ours: { label: 'farsight --help', open }, theirs: [bare] }, rows };
}
