import { nodesOf } from '../trace.ts';
import type { Value } from '../value.ts';
import { AGGREGATE, type Site, siteOfNode } from './record.ts';

/** Every use of `aggregate` in a graph, in the order in which {@link lowerAggregates} lowers them. */
export function sitesOf(outputs: ReadonlyMap<string, Value>): readonly Site[] {
  return nodesOf(outputs.values())
    .filter((node) => node.def === AGGREGATE)
    .map(siteOfNode);
}
