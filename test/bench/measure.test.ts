import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Entrant, measure, type Outcome } from '../../bench/measure.ts';
import { ProcessSide } from '../../bench/side.ts';
import type { Subject } from '../../bench/subject.ts';

const FAKE = fileURLToPath(new URL('fake-side.mjs', import.meta.url));
const MATMUL: Subject = { kind: 'matmul', size: 2 };
const CONV: Subject = { kind: 'conv', channels: 1, size: 1, batch: 1 };

function fake(label: string, args: readonly string[], subject = MATMUL): Entrant {
  const launch = { name: label, command: process.execPath, args: [FAKE, ...args] };
  return { label, open: () => ProcessSide.start(launch, subject) };
}

function measured(outcome: Outcome): Exclude<Outcome, { refused: string }> {
  if ('refused' in outcome) throw new Error(outcome.refused);
  return outcome;
}

function refusal(outcome: Outcome): string {
  return 'refused' in outcome ? outcome.refused : '';
}

describe('a match between two processes', () => {
  it('gives one time a round and side, and the error between the outputs', async () => {
    const match = { ours: fake('ours', ['400', '1,2.0001']), theirs: [fake('theirs', ['800', '1,2'])], bound: 1e-3 };
    const { ours, theirs, error } = measured(await measure(match, 3));
    expect(ours.times).toEqual([400, 400, 400]);
    expect(theirs.times).toEqual([800, 800, 800]);
    expect(error).toBeCloseTo(5e-5, 6);
    expect(theirs.versions).toEqual({ fake: '1.0' });
  });

  it('reads the peak memory of each process from outside', async () => {
    const match = { ours: fake('ours', ['400', '1']), theirs: [fake('theirs', ['400', '1'])], bound: 1e-3 };
    const { ours } = measured(await measure(match, 1));
    if (process.platform !== 'linux') return expect(ours.memory).toBeUndefined();
    expect(ours.memory?.peak).toBeGreaterThan(20); // Node alone
    expect(ours.memory?.peak).toBeLessThan(300);
  });

  it('refuses a peer whose output differs, with the error', async () => {
    const match = { ours: fake('ours', ['1', '1,2.1']), theirs: [fake('theirs', ['800', '1,2'])], bound: 1e-4 };
    expect(refusal(await measure(match, 1))).toBe(
      'theirs: y: expected a relative error of at most 0.0001, got 5.0e-2.',
    );
  });

  it('lets the faster way of a peer count', async () => {
    const theirs = [fake('slowest', ['1900', '1']), fake('slow', ['800', '1']), fake('fast', ['700', '1'])];
    const outcome = measured(await measure({ ours: fake('ours', ['800', '1']), theirs, bound: 1e-4 }, 1));
    expect(outcome.theirs.label).toBe('fast');
    expect(outcome.theirs.times).toEqual([700]);
  });

  it('tells why a side could not prepare its subject', async () => {
    const match = { ours: fake('ours', ['1', '1']), theirs: [fake('theirs', ['1', '1'], CONV)], bound: 1e-4 };
    expect(refusal(await measure(match, 1))).toBe('theirs: no convolutions here');
  });

  it('tells that a side died, and its last words', async () => {
    const match = { ours: fake('ours', ['1', '1']), theirs: [fake('theirs', ['1', '1', 'run'])], bound: 1e-4 };
    expect(refusal(await measure(match, 1))).toBe('theirs: it ended with status 3: out of memory');
  });

  it('tells that a command does not exist', async () => {
    const launch = { name: 'theirs', command: '/nonexistent/python3', args: [] };
    const theirs = [{ label: 'theirs', open: () => ProcessSide.start(launch, MATMUL) }];
    const outcome = await measure({ ours: fake('ours', ['1', '1']), theirs, bound: 1e-4 }, 1);
    expect(refusal(outcome)).toContain('ENOENT');
  });
});
