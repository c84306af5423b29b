import { describe, expect, it } from 'vitest';
import { costOf, totalMacs } from '../../../src/graph/cost.ts';
import { GCNETS, type GcnetName } from '../../../src/model/networks/gcnet-table.ts';
import { createModel, NETWORKS } from '../../../src/model/networks/table.ts';
import { parameterCount, type Traced, traceNetwork } from '../../../src/model/scope.ts';

const traced = (name: string, overrides: object = {}, size = 64): Traced =>
  traceNetwork(createModel(name, { ...overrides }).network, {
    inputs: { x: { shape: [1, 3, size, size] } },
    mode: 'inference',
  });
const count = (name: string): number => parameterCount(traced(name).state);
const macs = (name: string): number => totalMacs(costOf(traced(name, { strideIn: '1x1' }, 224).outputs).macs);

/** Values of a block on C channels, counted by hand: weights, then biases, then what is said. */
const nl = (c: number): number => 4 * c * (c / 2) + 3 * (c / 2) + c;
const gaussian = (c: number): number => 2 * c * (c / 2) + c / 2 + c; // g and W_z alone
/** With a norm behind it W_z has no bias; the norm has two values a channel. */
const nlNorm = (c: number): number => nl(c) - c + 2 * c;
const snl = (c: number): number => c * c + c + (c + 1);
const branch = (c: number, r: number): number => 2 * c * (c / r) + c / r + c;
const norm = (c: number, r: number): number => (2 * c) / r;
const mask = (c: number): number => c + 1;
const gc = (c: number, r: number): number => mask(c) + branch(c, r) + norm(c, r);
/** Sum over the 4, 6 and 3 blocks of c3, c4 and c5, of 4 x 128, 4 x 256 and 4 x 512 channels. */
const all = (of: (c: number) => number): number => 4 * of(512) + 6 * of(1024) + 3 * of(2048);
const five = (of: (c: number) => number): number => 2 * of(512) + 3 * of(1024);
const ten = (of: (c: number) => number): number => 4 * of(512) + 6 * of(1024);
const r16 = (c: number): number => gc(c, 16);
const all101 = (of: (c: number) => number): number => all(of) + 17 * of(1024);

/** What each row adds to its baseline. */
const ADDED: { readonly [K in GcnetName]: number } = {
  'resnet50-nl1': nl(1024),
  'resnet50-nl1-full': nl(1024),
  'resnet50-nl1-after-projection': nl(1024),
  'resnet50-nl1-gaussian': gaussian(1024),
  'resnet50-nl1-dot': nl(1024),
  'resnet50-nl1-concat': nl(1024) + 1024, // w_f has 2 C / 2 values
  'resnet50-nl1-c2': nl(256),
  'resnet50-nl1-c3': nl(512),
  'resnet50-nl1-c5': nl(2048),
  'resnet50-nl10': ten(nlNorm),
  'resnet101-nl1': nl(1024),
  'resnet101-nl5': five(nlNorm),
  'resnet101-nl10': ten(nlNorm),
  'resnet50-snl1': snl(1024),
  'resnet101-snl1': snl(1024),
  'resnet50-gc1': r16(1024),
  'resnet101-gc1': r16(1024),
  'resnet50-snl5': five(snl),
  'resnet50-gc5-r4': five((c) => gc(c, 4)),
  'resnet50-snl': all(snl),
  'resnet50-gc-r8': all((c) => gc(c, 8)),
  'resnet50-gc-r32': all((c) => gc(c, 32)),
  'resnet50-gc-c2345': all(r16) + 3 * r16(256),
  'resnet50-gc-c3': 4 * r16(512),
  'resnet50-gc-c4': 6 * r16(1024),
  'resnet50-gc-c5': 3 * r16(2048),
  'resnet50-gc-after-add': all(r16),
  'resnet50-gc-after-3x3': all((c) => r16(c / 4)),
  'resnet50-gc-no-act': all((c) => r16(c) - norm(c, 16)),
  'resnet50-gc-relu': all((c) => r16(c) - norm(c, 16)),
  'resnet50-gc-avg': all((c) => r16(c) - mask(c)),
  'resnet50-gc-scale': all(r16),
  'resnet50-gc-avg-scale': all((c) => r16(c) - mask(c)),
  'resnet50-gc-both': all((c) => r16(c) + branch(c, 16) + norm(c, 16)),
  'resnext50_32x4d-nl1': nl(1024),
  'resnext50_32x4d-gc': all(r16),
  'resnext50_32x4d-gc-r4': all((c) => gc(c, 4)),
  'resnext101_32x4d-nl1': nl(1024),
  'resnext101_32x4d-gc': all101(r16),
  'resnext101_32x4d-gc-r4': all101((c) => gc(c, 4)),
};
const baseline = (name: string): number => NETWORKS[name.slice(0, name.indexOf('-')) as 'resnet50'].parameters;

describe.each(Object.keys(GCNETS) as GcnetName[])('%s', (name) => {
  it('adds what its blocks hold, counted by hand', () => {
    expect(GCNETS[name].parameters - baseline(name)).toBe(ADDED[name]);
    expect(count(name)).toBe(GCNETS[name].parameters);
  });
});

describe('figures of GCNet', () => {
  it('are those of its tables on COCO, on top of a detector of 44,400,693 values', () => {
    const detector = (name: GcnetName | 'resnet50-gc' | 'resnet50-gc-r4'): number =>
      44_400_693 + NETWORKS[name].parameters - NETWORKS.resnet50.parameters;
    expect(detector('resnet50-nl1')).toBe(46_500_405);
    expect(detector('resnet50-snl1')).toBe(45_451_318);
    expect(detector('resnet50-gc1')).toBe(44_534_006);
    expect(detector('resnet50-gc-r4')).toBe(54_401_602);
    expect(detector('resnet50-gc-r8')).toBe(49_415_490);
    expect(detector('resnet50-gc')).toBe(46_922_434);
    expect(detector('resnet50-gc-r32')).toBe(45_675_906);
    expect(detector('resnet50-snl')).toBe(64_352_322);
  });
  it('are its multiply-adds on ImageNet where the first 1 x 1 strides: 3.858 G, 3.867 G, and pooled keys add 0.267 G', () => {
    const base = macs('resnet50');
    expect(base / 1e9).toBeCloseTo(3.858, 3);
    // 2 C P + 2 C² / r at 28², 14², 7²: keys compared, values read, and the two layers on the context
    const context = (c: number, p: number): number => 2 * c * p + (2 * c * c) / 16;
    expect(macs('resnet50-gc') - base).toBe(4 * context(512, 784) + 6 * context(1024, 196) + 3 * context(2048, 49));
    expect(macs('resnet50-gc') / 1e9).toBeCloseTo(3.867, 3);
    const [c, d, p, keys] = [1024, 512, 196, 49];
    expect(macs('resnet50-nl1') - base).toBe(c * d * (2 * p + 2 * keys) + 2 * p * keys * d);
    expect(macs('resnet50-nl1-full') - base).toBe(c * d * 4 * p + 2 * p * p * d);
    expect(macs('resnet50-nl1-after-projection') - base).toBe(c * d * 4 * p + 2 * p * keys * d);
    expect((macs('resnet50-nl1') - base) / 1e9).toBeCloseTo(0.267, 3);
  });
});
