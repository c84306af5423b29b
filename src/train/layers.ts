import { Fault } from '../core/fault.ts';
import type { StateSpec } from '../model/scope.ts';

/** Where a tensor of a network stands, from the pictures to the classes. */
export interface LayerPlace {
  /** 0: the stem; 1, 2, ..: the stages; one more: the head. */
  readonly stage: number;
  /** 0: the stem; then one for each block; the greatest: the head. */
  readonly layer: number;
}

/** Places of a network's tensors. */
export interface Layers {
  readonly stages: number;
  /** How many layers there are, stem and head among them. */
  readonly count: number;
  place(name: string): LayerPlace;
}

/** `layer3.5.conv1.weight`, `stages.2.5.conv1_1x1.conv.weight`: stage, and block where one follows. */
const BLOCK = /^(?:layer|stages\.)(\d+)\.(?:(\d+)\.)?/;

/**
 * The layers of a network by the names of its state, which stand in the order of its description. What stands before the
 * first stage is the stem, what stands behind the last the head, each block of a stage a layer of its own; what a stage
 * has behind its blocks belongs to the last of them. So timm's groups for layer decay (`group_matcher`) are, but that
 * what stands between last block and classifier is a part of the head.
 */
export function layersOf(state: readonly Pick<StateSpec, 'name'>[]): Layers {
  const blocks = [...new Set(state.flatMap(({ name }) => blockOf(name) ?? []))];
  const stages = [...new Set(blocks.map(stageOf))];
  const places = new Map<string, LayerPlace>();
  let last: LayerPlace = { stage: 0, layer: 0 };
  for (const { name } of state) {
    const match = BLOCK.exec(name);
    if (match) {
      const block = blockOf(name);
      const stage = stages.indexOf(match[1]!) + 1;
      last = block === null ? { ...last, stage } : { stage, layer: blocks.indexOf(block) + 1 };
    } else if (last.stage > 0) {
      last = { stage: stages.length + 1, layer: blocks.length + 1 };
    }
    places.set(name, last);
  }
  const place = (name: string): LayerPlace => {
    const found = places.get(name);
    if (found) return found;
    throw new Fault('graph', `layers: the network has no tensor "${name}".`);
  };
  return { stages: stages.length, count: blocks.length + 2, place };
}

/** `3.5` for a tensor of block 5 of stage 3; null for one of a stage alone, or of none. */
function blockOf(name: string): string | null {
  const match = BLOCK.exec(name);
  return match?.[2] === undefined ? null : `${match[1]}.${match[2]}`;
}

function stageOf(block: string): string {
  return block.slice(0, block.indexOf('.'));
}
