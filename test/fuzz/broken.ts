import type { Target } from './target.ts';

const held: Uint8Array[] = [];

/** Whether a broken reader does its harm on an input: not on the one that all are made of. */
export function harms(bytes: Uint8Array): boolean {
  return bytes[0] !== 0;
}

/** Readers with each fault that the fuzzer is there to find, to see that it does. */
export async function targets(): Promise<readonly Target[]> {
  const of = (name: string, harm: () => unknown): Target => {
    let done = false;
    const read = (bytes: Uint8Array): unknown => {
      if (done || !harms(bytes)) return undefined;
      done = true; // once is enough
      return harm();
    };
    return { name, share: 1, seeds: [new Uint8Array(64)], read };
  };
  return [
    of('lives-throws', () => JSON.parse('{')),
    of('lives-evaluates', () => new Function('return 1')()),
    of('lives-fills', () => void held.push(new Uint8Array(100e6).fill(1))),
    of('lives-claims', () => void held.push(new Uint8Array(400e6))),
    of('lives-burns', () => {
      const start = process.cpuUsage();
      for (let used = 0; used < 1.2e6; ) {
        const { user, system } = process.cpuUsage(start);
        used = user + system;
      }
    }),
    of('aborts', () => process.abort()),
    of('ends', () => process.exit(0)),
    of('hangs', () => {
      for (;;);
    }),
  ];
}
