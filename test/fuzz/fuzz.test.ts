import { describe, expect, it } from 'vitest';
import { random } from '../../src/core/random.ts';
import { mutate } from './mutate.ts';
import { describeReport, fuzz } from './supervise.ts';
import { attempt, inputAt, targets } from './targets.ts';

describe('readers of files', () => {
  it('neither crash, hang, run code nor take memory on 2,000 changed inputs', async () => {
    const report = await fuzz({ count: 2000, seed: 20, batch: 2000 });
    expect(report.findings, describeReport(report)).toEqual([]);
    const inputs = [...report.tallies.values()].reduce((sum, t) => sum + t.inputs, 0);
    expect([inputs, report.tallies.size]).toEqual([2000, 17]);
    for (const { inputs, read, refused } of report.tallies.values()) expect(read + refused).toBe(inputs);
  });
});

describe('the fuzzer', () => {
  it('begins with inputs that are read', async () => {
    for (const target of await targets()) {
      for (const bytes of target.seeds) {
        const wrapped = target.wrap ? target.wrap(bytes) : bytes;
        expect([target.name, await attempt(target, wrapped)]).toEqual([target.name, 'read']);
      }
    }
  });

  it('gives the same input for the same seed and number, and others for others', async () => {
    const all = await targets();
    const again = await targets();
    expect(inputAt(all, 1, 5).bytes).toEqual(inputAt(again, 1, 5).bytes);
    expect(inputAt(all, 1, 5).bytes).not.toEqual(inputAt(all, 1, 6).bytes);
  });

  it('changes inputs in most cases, up to 256 KiB', () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    const made = Array.from({ length: 500 }, (_, i) => mutate(bytes, random(1, i), bytes));
    expect(made.filter((m) => Buffer.compare(m, bytes) === 0).length).toBeLessThan(60);
    expect(Math.max(...made.map((m) => m.length))).toBeGreaterThan(10_000);
    expect(Math.max(...made.map((m) => m.length))).toBeLessThanOrEqual(256 * 1024);
  });

  it('says what a reader throws that is no Fault', async () => {
    const broken = { name: 'broken', share: 1, seeds: [], read: () => JSON.parse('{') };
    expect(await attempt(broken, new Uint8Array(0))).toMatchObject({ threw: expect.stringContaining('SyntaxError') });
  });
});
