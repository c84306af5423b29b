import type { EngineConfig } from './config.ts';

/** What the engine is asked for a session of a run. */
export function engineOptions(engine: EngineConfig): {
  readonly provider: EngineConfig['provider'];
  readonly threads?: number;
} {
  return { provider: engine.provider, ...(engine.threads !== null && { threads: engine.threads }) };
}
