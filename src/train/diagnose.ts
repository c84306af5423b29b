import { DTYPES } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import type { Feeds, Runtime } from '../engine/runtime.ts';
import { createSession, type SessionOptions } from '../engine/session.ts';
import { CONSTANT, INPUT, nodesOf } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Traced } from '../model/scope.ts';

/** Bytes of intermediates that are looked at in one run; larger networks are looked at piece by piece. */
const PIECE = 256 * 1024 ** 2;

/**
 * Says in a few words where the first number that is not finite arises when a traced network runs on a batch: in the
 * batch, in a weight, or in the output of a module.
 */
export async function firstNonFinite(
  runtime: Runtime,
  traced: Traced,
  feeds: { readonly batch: Feeds; readonly state: TensorMap },
  session: SessionOptions = {},
): Promise<string> {
  for (const [name, t] of Object.entries(feeds.batch)) {
    const bad = nonFinite(t);
    if (bad) return `the batch itself: input "${name}" holds ${bad}`;
  }
  for (const { name } of traced.state) {
    const bad = nonFinite(feeds.state.get(name)!);
    if (bad) return `${name}: the update before left ${bad} in it`;
  }
  const all = { ...feeds.batch, ...Object.fromEntries(feeds.state) };
  for (const piece of pieces(traced)) {
    const outputs = new Map(piece.map((v, i) => [String(i), v]));
    const loaded = await createSession(runtime, outputs, { ...session, optimise: 'none' });
    const results = await loaded.run(all);
    await loaded.release();
    for (const [i, v] of piece.entries()) {
      const bad = nonFinite(results[String(i)]!);
      if (bad) return `${v.node.path || 'the network'} (${v.node.def.name}): its output holds ${bad}`;
    }
  }
  return 'no single module: all intermediates are finite';
}

/** Float intermediates of the forward pass, inputs of each before it, in pieces of bounded memory. */
function* pieces(traced: Traced): Generator<readonly Value[]> {
  let piece: Value[] = [];
  let bytes = 0;
  for (const node of nodesOf(traced.outputs.values())) {
    if (node.def === INPUT || node.def === CONSTANT) continue;
    for (const v of node.outputs) {
      if (!DTYPES[v.dtype].floating) continue;
      bytes += sizeOf(v.shape as readonly number[]) * DTYPES[v.dtype].bytes;
      piece.push(v);
    }
    if (bytes < PIECE) continue;
    yield piece;
    piece = [];
    bytes = 0;
  }
  if (piece.length > 0) yield piece;
}

/** `NaN in 3 of 10 elements`, or undefined where all are finite. */
function nonFinite(t: Tensor): string | undefined {
  if (!(t.data instanceof Float32Array)) return undefined;
  let bad = 0;
  let first = 0;
  for (const v of t.data) {
    if (Number.isFinite(v)) continue;
    if (bad++ === 0) first = v;
  }
  return bad === 0 ? undefined : `${first} in ${bad} of ${t.data.length} elements`;
}
