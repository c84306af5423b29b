import { nonLocal } from '../../src/model/blocks/non-local.ts';
import type { ContextPlacement } from '../../src/model/networks/placement.ts';
import { createModel } from '../../src/model/networks/table.ts';
import type { Network } from '../../src/model/scope.ts';
import type { NetworkSubject, NonLocalSubject } from '../subject.ts';

/** GCNet's r16, c3-c5: a block in every bottleneck of the last three stages. */
const GLOBAL_CONTEXT: ContextPlacement = {
  context: { kind: 'global-context', ratio: 1 / 16 },
  position: 'after-conv3',
  stages: [2, 3, 4],
};
const NON_LOCAL = { context: { kind: 'non-local', norm: 'batch' }, position: 'after-block' } as const;
/** Five non-local blocks, after every other bottleneck of c3 and c4. */
const FIVE_NON_LOCAL: readonly ContextPlacement[] = [
  { ...NON_LOCAL, stages: [2], blocks: [0, 2] },
  { ...NON_LOCAL, stages: [3], blocks: [0, 2, 4] },
];

/** The same, keys and values from a map pooled by two after the projection, as mmcv pools. */
const FIVE_POOLED: readonly ContextPlacement[] = FIVE_NON_LOCAL.map((placement) => ({
  ...placement,
  context: { ...NON_LOCAL.context, subSample: { order: 'after-projection' } },
}));

/** Our description of a network of the benchmark. */
export function benchNetwork({ network }: NetworkSubject): Network {
  switch (network) {
    case 'resnet18':
    case 'resnet50':
    case 'cotnet50':
    case 'container_v1_light':
    case 'lrnet26':
    case 'deit_small_patch16_224':
      return createModel(network).network;
    case 'resnet50-gc':
      return createModel('resnet50', { context: [GLOBAL_CONTEXT] }).network;
    case 'resnet50-nl':
      return createModel('resnet50', { context: FIVE_NON_LOCAL }).network;
    case 'resnet50-nl-pooled':
      return createModel('resnet50', { context: FIVE_POOLED }).network;
    default:
      return network satisfies never;
  }
}

/** Our description of the single non-local block: embedded Gaussian, mmcv's names. */
export function nonLocalNetwork({ inner }: NonLocalSubject): Network {
  return (s, { x }) => ({ y: nonLocal(s, x!, { kind: 'non-local', innerChannels: inner }) });
}
