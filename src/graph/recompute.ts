import { bytesOfValue } from './cost.ts';
import { recompute } from './ops/recompute.ts';
import { CONSTANT, emit, INPUT, nodesOf, within } from './trace.ts';
import type { Node, Value } from './value.ts';

/** Values below this share of all that is kept for the backward pass are kept: statistics, masks of a few bytes. */
const SMALL = 1 / 512;

/** What a graph keeps, and what it computes twice. */
export interface Recomputed {
  readonly outputs: ReadonlyMap<string, Value>;
  /** Bytes that lay there for the backward pass before, and those that still do. */
  readonly before: number;
  readonly after: number;
}

/**
 * Trades time for memory: of the forward pass only values at cuts stay, where nothing else that is large passes by (the
 * outputs of residual blocks, say); what the backward pass needs of the piece between two cuts is computed again when
 * the gradient gets there (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv:1604.06174).
 * Pieces are chosen so that what stays and the largest piece are together the least. Nothing changes but the order: the
 * same numbers come out, bit by bit.
 *
 * `outputs` are those of a training step, lowered, with all sizes known; `forward` names the outputs of its forward pass.
 */
export function recomputeForward(outputs: ReadonlyMap<string, Value>, forward: readonly string[]): Recomputed {
  const plan = planOf(outputs, forward);
  if (!plan) return { outputs, before: 0, after: 0 };
  const { before, after } = plan;
  return { outputs: new Rebuilding(outputs, plan).outputs(), before, after };
}

interface Piece {
  /** Where the piece begins. */
  readonly cut: Value | undefined;
  readonly cutAfter: Value;
  /** A value of the backward pass that is there when the gradient gets to the piece. */
  after: Value | undefined;
}

interface Plan {
  readonly order: readonly Node[];
  readonly isForward: ReadonlySet<Node>;
  /** The piece of each value that is computed again. */
  readonly pieceOf: ReadonlyMap<Value, Piece>;
  readonly pieces: readonly Piece[];
  readonly before: number;
  readonly after: number;
}

function rootOf(v: Value): Value {
  return v.node.def.view && v.node.inputs[0] ? rootOf(v.node.inputs[0]) : v;
}

const isGiven = (node: Node): boolean => node.def === INPUT || node.def === CONSTANT;

/** A place of the forward pass that one large value alone passes, and the bytes of it. */
interface Cut {
  /** How many nodes of the forward pass come before. */
  readonly position: number;
  readonly value: Value | undefined;
  readonly bytes: number;
}

function planOf(outputs: ReadonlyMap<string, Value>, forward: readonly string[]): Plan | undefined {
  const order = nodesOf(outputs.values());
  const ahead = nodesOf(forward.map((name) => outputs.get(name)!));
  const isForward = new Set(ahead);
  const needed = neededBehind(order, isForward);
  const before = sum([...needed].map(bytesOfValue));
  const isLarge = (v: Value): boolean => bytesOfValue(v) > before * SMALL;
  const cuts = cutsOf(ahead, isLarge);
  const chosen = cheapest(cuts, savedBetween(ahead, cuts, needed, isLarge));
  if (chosen.length < 2) return undefined;
  const position = new Map(ahead.map((node, i) => [node, i]));
  const pieces = chosen
    .slice(1)
    .map((cut, i): Piece => ({ cut: chosen[i]!.value, cutAfter: cut.value!, after: undefined }));
  const kept = new Set(chosen.map((c) => c.value));
  const pieceOf = new Map<Value, Piece>();
  for (const node of ahead) {
    if (isGiven(node)) continue;
    const at = position.get(node)!;
    const k = chosen.findIndex((c, i) => i > 0 && at < c.position);
    if (k < 0) continue; // the last piece: its gradient comes at once
    for (const v of node.outputs)
      if (!kept.has(rootOf(v)) && isLarge(rootOf(v)) && !isGiven(rootOf(v).node)) pieceOf.set(v, pieces[k - 1]!);
  }
  const used = findWhen(order, isForward, pieceOf, pieces);
  for (const [v, piece] of pieceOf) if (!used.has(piece)) pieceOf.delete(v);
  const after = sum([...needed].filter((v) => !pieceOf.has(v)).map(bytesOfValue));
  return { order, isForward, pieceOf, pieces: [...used], before, after };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Buffers of the forward pass that nodes behind it read. */
function neededBehind(order: readonly Node[], isForward: ReadonlySet<Node>): Set<Value> {
  const needed = new Set<Value>();
  for (const node of order) {
    if (isForward.has(node)) continue;
    for (const v of node.inputs) {
      if (v && isForward.has(v.node) && !isGiven(rootOf(v).node)) needed.add(rootOf(v));
    }
  }
  return needed;
}

/** Places of the forward pass that at most one large value passes; the first is its beginning. */
function cutsOf(ahead: readonly Node[], isLarge: (v: Value) => boolean): Cut[] {
  const last = new Map<Value, number>();
  ahead.forEach((node, i) => {
    for (const v of node.inputs) if (v) last.set(rootOf(v), i);
  });
  const cuts: Cut[] = [{ position: 0, value: undefined, bytes: 0 }];
  const alive = new Set<Value>();
  ahead.forEach((node, i) => {
    if (!isGiven(node)) for (const v of node.outputs) if (rootOf(v) === v && isLarge(v)) alive.add(v);
    for (const v of alive) if ((last.get(v) ?? -1) <= i) alive.delete(v);
    const [only] = alive;
    if (alive.size === 1 && only !== cuts.at(-1)!.value)
      cuts.push({ position: i + 1, value: only, bytes: bytesOfValue(only!) });
  });
  return cuts;
}

/** Bytes that the backward pass needs of what lies between two cuts, the later one counted by itself. */
function savedBetween(
  ahead: readonly Node[],
  cuts: readonly Cut[],
  needed: ReadonlySet<Value>,
  isLarge: (v: Value) => boolean,
): (from: number, to: number) => number {
  const upTo: number[] = [0];
  for (const node of ahead) {
    const own = isGiven(node) ? [] : node.outputs.filter((v) => needed.has(v) && isLarge(v));
    upTo.push(upTo.at(-1)! + sum(own.map(bytesOfValue)));
  }
  return (from, to) => {
    const end = to < cuts.length ? cuts[to]!.position : ahead.length;
    const saved = upTo[end]! - upTo[cuts[from]!.position]!;
    return to < cuts.length && needed.has(cuts[to]!.value!) ? saved - cuts[to]!.bytes : saved;
  };
}

/** The cuts, the first among them, for which what stays and the largest piece are together the least. */
function cheapest(cuts: readonly Cut[], saved: (from: number, to: number) => number): readonly Cut[] {
  const end = cuts.length;
  const limits = new Set<number>();
  for (let i = 0; i < end; i++) for (let j = i + 1; j <= end; j++) limits.add(saved(i, j));
  let best: { readonly total: number; readonly chosen: readonly Cut[] } = {
    total: Number.POSITIVE_INFINITY,
    chosen: [],
  };
  for (const limit of limits) {
    // least[i]: bytes of cuts after i, if i is chosen and no piece is larger than the limit
    const least = new Array<number>(end + 1).fill(Number.POSITIVE_INFINITY);
    const next = new Array<number>(end + 1).fill(end);
    least[end] = 0;
    for (let i = end - 1; i >= 0; i--) {
      for (let j = i + 1; j <= end && saved(i, j) <= limit; j++) {
        const total = (j < end ? cuts[j]!.bytes : 0) + least[j]!;
        if (total < least[i]!) [least[i], next[i]] = [total, j];
      }
    }
    if (least[0]! + limit >= best.total) continue;
    const chosen: Cut[] = [];
    for (let i = 0; i < end; i = next[i]!) chosen.push(cuts[i]!);
    best = { total: least[0]! + limit, chosen };
  }
  return best.chosen;
}

/**
 * Finds for each piece what its computation waits for: of the values behind the forward pass that do not need the piece
 * and are read by what does, the last of the shape of the piece's end, which is the gradient there. Pieces without one
 * are left as they are; gives those that have one.
 */
function findWhen(
  order: readonly Node[],
  isForward: ReadonlySet<Node>,
  pieceOf: ReadonlyMap<Value, Piece>,
  pieces: readonly Piece[],
): Set<Piece> {
  const numberOf = new Map(pieces.map((p, i) => [p, i]));
  // The earliest piece that a node behind the forward pass needs; what a piece waits for may need later ones only.
  const earliest = new Map<Node, number>();
  const found = new Set<Piece>();
  for (const node of order) {
    if (isForward.has(node) || isGiven(node)) continue;
    const needs = node.inputs.map((v) => {
      if (!v) return Number.POSITIVE_INFINITY;
      const piece = pieceOf.get(v);
      return piece ? numberOf.get(piece)! : (earliest.get(v.node) ?? Number.POSITIVE_INFINITY);
    });
    const own = Math.min(...needs);
    earliest.set(node, own);
    if (own === Number.POSITIVE_INFINITY) continue;
    node.inputs.forEach((v, i) => {
      if (!v || needs[i]! <= own || isForward.has(v.node) || isGiven(v.node)) return;
      const piece = pieces[own]!;
      if (String(rootOf(v).shape) !== String(piece.cutAfter.shape) || !v.dtype.startsWith('float')) return;
      piece.after = v;
      found.add(piece);
    });
  }
  return found;
}

/** Builds the nodes behind the forward pass anew, reading what is computed again. */
class Rebuilding {
  readonly #plan: Plan;
  readonly #named: ReadonlyMap<string, Value>;
  /** Values behind the forward pass as they are now. */
  readonly #now = new Map<Value, Value>();
  /** Values of the forward pass, computed again. */
  readonly #again = new Map<Value, Value>();
  readonly #gates = new Map<string, Value>();

  constructor(outputs: ReadonlyMap<string, Value>, plan: Plan) {
    this.#named = outputs;
    this.#plan = plan;
  }

  outputs(): Map<string, Value> {
    for (const node of this.#sorted()) {
      const inputs = node.inputs.map((v) => v && this.#read(v));
      if (inputs.every((v, i) => v === node.inputs[i])) continue;
      const fresh = within(node.path, () => emit(node.def, inputs, node.attributes));
      for (const [i, v] of node.outputs.entries()) this.#now.set(v, fresh[i]!);
    }
    return new Map([...this.#named].map(([name, v]) => [name, this.#now.get(v) ?? v]));
  }

  /** The nodes behind the forward pass, each after what it reads and after what its pieces wait for. */
  #sorted(): Node[] {
    const { order, isForward, pieceOf } = this.#plan;
    const sorted: Node[] = [];
    const done = new Set<Node>();
    for (const root of order) {
      if (isForward.has(root)) continue;
      const stack: { readonly node: Node; readonly before: readonly Node[]; next: number }[] = [];
      const visit = (node: Node): void => {
        if (done.has(node) || isForward.has(node)) return;
        done.add(node);
        const inputs = node.inputs.filter((v) => v !== undefined);
        const waits = inputs.flatMap((v) => pieceOf.get(v)?.after ?? []);
        stack.push({ node, before: [...waits, ...inputs].map((v) => v.node), next: 0 });
      };
      visit(root);
      while (stack.length > 0) {
        const top = stack.at(-1)!;
        if (top.next < top.before.length) visit(top.before[top.next++]!);
        else sorted.push(stack.pop()!.node);
      }
    }
    return sorted;
  }

  #read(v: Value): Value {
    const piece = this.#plan.pieceOf.get(v);
    return piece ? this.#compute(v, piece) : (this.#now.get(v) ?? v);
  }

  /** The value of a piece once more. What it begins with waits for the gradient. */
  #compute(v: Value, piece: Piece): Value {
    const known = this.#again.get(v);
    if (known) return known;
    const { node } = v;
    const inputs = node.inputs.map((u) => u && (this.#plan.pieceOf.get(u) === piece ? this.#compute(u, piece) : u));
    const waits = node.inputs.some((u, i) => u !== inputs[i]);
    const held = waits ? inputs : inputs.map((u, i) => (i === this.#first(inputs) ? this.#gate(u!, piece) : u));
    const fresh = within(node.path, () => emit(node.def, held, node.attributes));
    for (const [i, u] of node.outputs.entries()) this.#again.set(u, fresh[i]!);
    return this.#again.get(v)!;
  }

  /** Which of a node's inputs is made to wait: the first that is no constant. */
  #first(inputs: readonly (Value | undefined)[]): number {
    return inputs.findIndex((u) => u && u.node.def !== CONSTANT);
  }

  #gate(v: Value, piece: Piece): Value {
    const key = `${v.id} ${piece.after!.id}`;
    const known = this.#gates.get(key);
    if (known) return known;
    const gate = within(v.node.path, () => recompute(v, this.#now.get(piece.after!) ?? piece.after!));
    this.#gates.set(key, gate);
    return gate;
  }
}
