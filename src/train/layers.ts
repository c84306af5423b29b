import { Fault } from '../core/fault.ts';
import { FAMILIES } from '../model/networks/families.ts';
import type { NamedPlace } from '../model/networks/family.ts';
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

/**
 * The layers of a network by the names of its state, which stand in the order of its description; its family says which
 * stage and block a name is of. What stands before the first stage is the stem, what stands behind the last the head, each
 * block of a stage a layer of its own; what a stage has before its blocks belongs to the first of them, what it has behind
 * to the last. So timm's groups for layer decay (`group_matcher`) are, but that what stands between last block and
 * classifier is a part of the head.
 */
export function layersOf(state: readonly Pick<StateSpec, 'name'>[]): Layers {
  const placed = placesOf(state.map(({ name }) => name));
  const found = [...placed.values()].filter((p) => p !== null);
  const blocks = [...new Set(found.flatMap((p) => keyOf(p) ?? []))];
  const stages = [...new Set(found.map((p) => p.stage))];
  const places = new Map<string, LayerPlace>();
  let last: LayerPlace = { stage: 0, layer: 0 };
  for (const [name, p] of placed) {
    if (p) {
      const stage = stages.indexOf(p.stage) + 1;
      const key = keyOf(p);
      const inStage = last.stage === stage ? last.layer : 1 + blocks.findIndex((b) => b.startsWith(`${p.stage}.`));
      last = { stage, layer: key === null ? inStage : blocks.indexOf(key) + 1 };
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

/** Stage and block of each name by the family that knows the most of them. */
function placesOf(names: readonly string[]): ReadonlyMap<string, NamedPlace | null> {
  const readings = Object.values(FAMILIES).map(({ place }) => names.map((name) => place(name)));
  const known = (reading: (typeof readings)[number]): number => reading.filter((p) => p !== null).length;
  const best = readings.reduce((a, b) => (known(b) > known(a) ? b : a));
  return new Map(names.map((name, i) => [name, best[i]!]));
}

/** `3.5` for block 5 of stage 3; null for what is of a stage alone. */
function keyOf({ stage, block }: NamedPlace): string | null {
  return block === undefined ? null : `${stage}.${block}`;
}
