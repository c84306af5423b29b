import { describe, expect, it } from 'vitest';
import { random } from '../../src/core/random.ts';
import * as broken from './broken.ts';
import { mutate } from './mutate.ts';
import { describeReport, type Finding, fuzz } from './supervise.ts';
import { attempt, inputAt } from './target.ts';
import { targets } from './targets.ts';

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

  const module = new URL('broken.ts', import.meta.url).href;

  /** Feeds a broken reader up to the first input that makes it do its harm. */
  async function found(only: string): Promise<readonly Finding[]> {
    const all = await broken.targets();
    const first = (name: string): number => {
      for (let i = 0; ; i++) {
        const { target, bytes } = inputAt(all, 1, i);
        if (target.name === name && broken.harms(bytes)) return i;
      }
    };
    const names = all.map(({ name }) => name).filter((name) => name.startsWith(only));
    const count = 1 + Math.max(...names.map(first));
    return (await fuzz({ count, seed: 1, only, module, ...(only === 'hangs' && { hangsMs: 2000 }) })).findings;
  }

  it('finds readers that throw, make code of text, fill or claim memory, or burn time', async () => {
    const kinds = new Map((await found('lives')).map(({ target, kind, detail }) => [target, [kind, detail]]));
    expect(Object.fromEntries(kinds)).toEqual({
      'lives-throws': ['error', expect.stringContaining('SyntaxError')],
      'lives-evaluates': ['error', expect.stringContaining('EvalError: Code generation from strings disallowed')],
      'lives-burns': ['slow', expect.stringMatching(/^[12]\d{3} ms of processor time/)],
      ...(process.platform === 'linux' && {
        'lives-fills': ['memory', expect.stringMatching(/^1\d{8} bytes for an input of/)],
        'lives-claims': ['memory', expect.stringMatching(/^[34]\d{8} bytes for an input of/)],
      }),
    });
  });

  it.each([
    ['aborts', 'crash', /^SIG/],
    ['ends', 'crash', /^status 0/],
    ['hangs', 'hang', /^no end after 2 s/],
  ])('finds a reader that %s, and names its input', async (only, kind, detail) => {
    const findings = await found(only);
    expect(findings).toMatchObject([{ kind, target: only, detail: expect.stringMatching(detail) }]);
    expect(broken.harms(inputAt(await broken.targets(), 1, findings[0]!.index).bytes)).toBe(true);
  });

  it('says what a reader throws that is no Fault', async () => {
    const broken = { name: 'broken', share: 1, seeds: [], read: () => JSON.parse('{') };
    expect(await attempt(broken, new Uint8Array(0))).toMatchObject({ threw: expect.stringContaining('SyntaxError') });
  });
});
