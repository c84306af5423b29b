import type { Attempt, GoldenEnvironment } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { runForward } from './forward.ts';
import { networkOf } from './networks.ts';

/** Whole networks: `logits`, or `c2`..`c5` of one without classifier, and whatever feature maps the case names. */
export async function runBackbone(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const features = [...c.outputs.keys()].filter((name) => !/^(logits|loss|grad\..*|after\..*)$/.test(name));
  const network = networkOf(c, features);
  return typeof network === 'function' ? runForward(c, env, network, 'logits') : network;
}
