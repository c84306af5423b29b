import { describe, expect, it } from 'vitest';
import { withSettings } from '../../src/cli/place.ts';
import { explainedOptions, explainModel } from '../../src/model/explain.ts';
import { describeNetwork, networkNames } from '../../src/model/networks/describe.ts';

describe('what is explained of a network', () => {
  it('is each affinity once, equal ones together, with the cost of one', () => {
    const { uses, parameters, macs, affinityMacs } = explainModel({ model: 'resnet50-nl' });
    expect(uses.map(({ paths, queries, positions }) => [paths.length, queries, positions])).toEqual([
      [2, 784, 784],
      [3, 196, 196],
    ]);
    expect(parameters).toBe(32_911_400);
    // Comparing and reading with D channels, N² (D + D): 256 of them in stage 2, 512 in stage 3.
    expect(affinityMacs).toBe(2 * 784 ** 2 * 512 + 3 * 196 ** 2 * 1024);
    expect(macs).toBeGreaterThan(affinityMacs);
  });
  it('has a chosen way, and of each other way its time in multiples or why not', () => {
    for (const { chosen, others } of explainModel({ model: 'block:local-relation' }).uses) {
      expect(chosen.times).toBe(1);
      for (const o of others) expect(o.refused !== undefined || o.times! >= 1, o.lowering).toBe(true);
    }
  });
  it('counts the derivative in training', () => {
    const [inference, training] = [false, true].map((t) => explainModel({ model: 'resnet20-gc', training: t }).macs);
    expect(training! / inference!).toBeGreaterThan(2);
  });
  it('follows options that are put in by place', () => {
    const base = explainedOptions('resnet20');
    const { changed } = withSettings(base, ['operators[0].operator.kind=local-relation']);
    expect(changed).toEqual({ operators: [{ operator: { kind: 'local-relation' } }] });
    const { uses } = explainModel({ model: 'resnet20', overrides: changed });
    expect(uses.flatMap((u) => u.paths)).toHaveLength(9);
    expect(() => withSettings(base, ['operators[1].operator.kind=x'])).toThrow('expected an entry from 0 to 0, got 1');
    expect(() => withSettings(base, ['a..b=1'])).toThrow('expected a place');
  });
});

describe('every named network', () => {
  it.each(networkNames())('%s: a figure that is not the published one is explained', (name) => {
    const { published } = describeNetwork(name);
    if (published && published.differs.length > 0) expect(published.difference).toMatch(/\w+ \w+/);
  });
});
