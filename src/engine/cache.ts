import { bindGraph } from '../graph/bind.ts';
import type { Bindings } from '../graph/dimension.ts';
import type { Value } from '../graph/value.ts';
import type { Runtime } from './runtime.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';

/** Sessions of one graph for the sizes that come up, the latest used kept. */
export interface SessionCache {
  /** The session for these sizes, made if it is not kept. Valid until a later `get` lets it go. */
  get(bindings: Bindings): Promise<Session>;
  /** Sizes that are kept, the longest unused first, as `batch=8,height=224`. */
  readonly kept: readonly string[];
  release(): Promise<void>;
}

/** How a cache is bounded. */
export interface SessionCacheOptions extends SessionOptions {
  /** The most bytes that all kept sessions together may need by their estimates; 2 GiB where absent. */
  readonly capBytes?: number;
  /** The most sessions kept; 8 where absent. */
  readonly most?: number;
}

/**
 * A cache of sessions for one graph traced with symbols: each set of sizes has a session of its own, since the runtime
 * plans memory and layouts for sizes it knows. The session just made is always kept.
 */
export function sessionCache(
  runtime: Runtime,
  outputs: ReadonlyMap<string, Value>,
  options: SessionCacheOptions = {},
): SessionCache {
  const { capBytes = 2 ** 31, most = 8, ...session } = options;
  const kept = new Map<string, Promise<Session>>();
  const bytes = async (): Promise<number> =>
    (await Promise.all(kept.values())).reduce((sum, s) => sum + (s.bytes ?? 0), 0);
  const shrink = async (): Promise<void> => {
    while (kept.size > 1 && (kept.size > most || (await bytes()) > capBytes)) {
      const [oldest, leaving] = [...kept][0]!;
      kept.delete(oldest);
      await (await leaving).release();
    }
  };
  return {
    get kept() {
      return [...kept.keys()];
    },
    get: async (bindings) => {
      const key = [...bindings]
        .map(([name, size]) => `${name}=${size}`)
        .sort()
        .join(',');
      const made = kept.get(key) ?? createSession(runtime, bindGraph(outputs, bindings), session);
      kept.delete(key);
      kept.set(key, made);
      try {
        await made;
      } catch (error) {
        kept.delete(key);
        throw error;
      }
      await shrink();
      return made;
    },
    release: async () => {
      const all = [...kept.values()];
      kept.clear();
      for (const s of all) await (await s).release();
    },
  };
}
