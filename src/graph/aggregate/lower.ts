import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { type Bindings, bindDim, type Dim, type SymbolicDim, showDim } from '../dimension.ts';
import { rewrite } from '../trace.ts';
import type { Value } from '../value.ts';
import { foldAlong } from './along.ts';
import { easeContextSums } from './context-sums.ts';
import { foldLeadingNorms } from './leading-norms.ts';
import { type Cost, LOWERINGS, type Lowering, type LoweringName, type Target } from './lowerings/index.ts';
import { AGGREGATE, type Site, siteOfNode } from './record.ts';

/** How {@link lowerAggregates} chooses. */
export interface LowerOptions extends Target {
  /** A lowering to take wherever it can be taken, whatever it costs. */
  readonly prefer?: LoweringName;
  /** Sizes of symbols, for comparing costs; a symbol that is not named counts as 64. */
  readonly sizes?: Bindings;
}

/** A lowering that was weighed: what it costs, or why it could not be taken. */
export interface Alternative {
  readonly lowering: LoweringName;
  readonly cost?: Cost;
  /** Estimate of its time, in multiply-adds of a plain matrix product: what is compared. */
  readonly time?: number;
  readonly refused?: string;
}

/** Which lowering an `aggregate` got, and what else there was. */
export interface Choice {
  /** Module path, such as `layer3.1.non_local_block`. */
  readonly path: string;
  readonly lowering: LoweringName;
  readonly cost: Cost;
  readonly time: number;
  readonly alternatives: readonly Alternative[];
}

/** A graph without `aggregate`, and how it lost them. */
export interface Lowered {
  readonly outputs: Map<string, Value>;
  readonly choices: readonly Choice[];
}

const NAMES = Object.keys(LOWERINGS) as LoweringName[];
const UNKNOWN_SIZE = 64;
/** Intermediates up to this size stay in the caches and cost no time of their own. */
const CACHE_BYTES = 8e6;
/** A byte beyond the caches takes the time of this many multiply-adds (2 cores: 130 GMAC/s, 10 GB/s). */
const MACS_PER_BYTE = 13;
/** From here on memory itself is scarce, since other layers want some too: a byte then counts three times. */
const PLENTY_BYTES = 64e6;

/**
 * Lowers every `aggregate` to the cheapest of the ways that can be taken. It comes before differentiation; inputs of
 * the graph stay the same values.
 */
export function lowerAggregates(outputs: ReadonlyMap<string, Value>, options: LowerOptions): Lowered {
  const { prefer } = options;
  if (prefer !== undefined && !NAMES.includes(prefer)) {
    throw new Fault('config', `lowering: expected a known name, got "${prefer}". ${didYouMean(prefer, NAMES)}`);
  }
  const choices: Choice[] = [];
  const folded = rewrite(outputs, (node) => {
    if (node.def !== AGGREGATE) return undefined;
    const site = siteOfNode(node);
    return site.affinity.reads.kind === 'along' ? [foldAlong(site)] : undefined;
  });
  const lowered = rewrite(folded, (node) => {
    if (node.def !== AGGREGATE) return undefined;
    const site = siteOfNode(node);
    const choice = choose(site, options);
    choices.push(choice);
    return [LOWERINGS[choice.lowering].build(site, options)];
  });
  const eased = options.provider === 'cpu' && !options.training && choices.length > 0;
  return { outputs: eased ? foldLeadingNorms(easeContextSums(lowered)) : lowered, choices };
}

function choose(site: Site, options: LowerOptions): Choice {
  const weighed: Alternative[] = NAMES.map((lowering) => {
    const way: Lowering = LOWERINGS[lowering];
    const refused = (way.general ? undefined : special(site)) ?? way.refuses(site, options);
    if (refused !== undefined) return { lowering, refused };
    const cost = way.cost(site, options);
    return { lowering, cost, time: timeOf(cost, paceOf(way, site, options), options.sizes) };
  });
  const open = weighed.filter((w): w is Required<Omit<Alternative, 'refused'>> => w.cost !== undefined);
  const cheapest = open.reduce((a, b) => (b.time < a.time ? b : a));
  const best = open.find((w) => w.lowering === options.prefer) ?? cheapest;
  const alternatives = weighed.filter((w) => w !== best);
  return { path: site.path, lowering: best.lowering, cost: best.cost, time: best.time, alternatives };
}

/** Why a lowering that knows no more than reading everywhere is not asked. */
function special({ affinity: { reads }, mask }: Site): string | undefined {
  if (reads.kind !== 'everywhere') return `it does not read ${reads.kind === 'window' ? 'windows' : 'along axes'}`;
  return mask ? 'it knows no mask' : undefined;
}

/** Time in multiply-adds of a plain product. */
function timeOf({ macs, bytes }: Cost, pace: number, sizes: Bindings = new Map()): number {
  const held = numberOf(bytes, sizes);
  const moved = Math.max(0, held - CACHE_BYTES) + 2 * Math.max(0, held - PLENTY_BYTES);
  return numberOf(macs, sizes) * pace + MACS_PER_BYTE * moved;
}

function paceOf({ pace }: Lowering, site: Site, target: Target): number {
  return typeof pace === 'number' ? pace : pace(site, target);
}

function numberOf(d: Dim, sizes: Bindings): number {
  const bound = bindDim(d, sizes);
  if (typeof bound === 'number') return bound;
  const rest = new Map([...symbolsOf(bound)].map((name) => [name, UNKNOWN_SIZE]));
  return bindDim(bound, rest) as number;
}

function symbolsOf(d: SymbolicDim): Set<string> {
  const names = new Set<string>();
  const visit = (x: Dim): void => {
    if (typeof x === 'number') return;
    for (const atom of x.terms.flatMap((t) => t.atoms)) {
      if (atom.kind === 'symbol') names.add(atom.name);
      else for (const part of [atom.numerator, atom.denominator]) visit(part);
    }
  };
  visit(d);
  return names;
}

/** The choices as lines of text: path, lowering, its cost, and what was cheaper to leave. */
export function explain(choices: readonly Choice[]): string[] {
  const show = ({ macs, bytes }: Cost): string => `${showDim(macs)} multiply-adds, ${showDim(bytes)} bytes`;
  return choices.map(({ path, lowering, cost, alternatives }) => {
    const others = alternatives.map((a) => `${a.lowering}: ${a.cost ? show(a.cost) : a.refused}`);
    return `${path === '' ? 'graph' : path}: ${lowering} (${show(cost)}); ${others.join('; ')}`;
  });
}
