import { bake } from '../engine/bake.ts';
import { foldNorms } from '../engine/fold-norms.ts';
import { type Frozen, mapped, modulesOf } from '../engine/frozen.ts';
import type { Runtime } from '../engine/runtime.ts';
import { lowerAggregates } from '../graph/aggregate/index.ts';
import { type Dim, symbol } from '../graph/dimension.ts';
import { legalise, portable, simplify } from '../graph/simplify.ts';
import { traceNetwork } from '../model/scope.ts';
import type { Classifier } from './classifier.ts';

/** How a classifier's graph is frozen. */
export interface FreezeOptions {
  /** The name of its input; `x`. */
  readonly input?: string;
  /** Whether height and width stay open too; else they are those that it was trained for. */
  readonly dynamicSize?: boolean;
}

/**
 * A classifier as a graph in ONNX's own operators with its weights: `x` [batch, 3, H, W] → `logits` [batch, K]. Batch
 * norms are in the convolutions before them, and what depends on weights alone is worked out.
 */
export async function freezeClassifier(
  runtime: Runtime,
  { network, weights, facts }: Classifier,
  { input = 'x', dynamicSize = false }: FreezeOptions = {},
): Promise<Frozen> {
  const { size } = facts.transform;
  const space: readonly Dim[] = dynamicSize ? [symbol('height'), symbol('width')] : [size, size];
  const shape = [symbol('batch'), 3, ...space];
  const traced = traceNetwork((s, given) => network(s, { x: given[input]! }), {
    inputs: { [input]: { shape } },
    mode: 'inference',
  });
  const outputs = new Map([['logits', traced.outputs.get('logits')!]]);
  const constants = new Map([...weights].filter(([name]) => traced.parameters.has(name)));
  const folded = foldNorms({ outputs, modules: modulesOf(outputs, (name) => name === input), constants });
  const lowered = mapped(folded, (all) => {
    const plain = lowerAggregates(all, { provider: 'portable', training: false }).outputs;
    return portable(simplify(legalise(simplify(plain))));
  });
  return bake(runtime, lowered);
}
