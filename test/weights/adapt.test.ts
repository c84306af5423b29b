import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { float32, floats, int64, type Tensor, tensor } from '../../src/core/tensor.ts';
import { adaptWeights, castTensor, planWeights, takeWeights, type WantedTensor } from '../../src/weights/adapt.ts';
import { adaptInputChannels } from '../../src/weights/input-channels.ts';

const param = (name: string, ...shape: number[]): WantedTensor => ({ name, shape, dtype: 'float32', role: 'param' });
const WANTED: readonly WantedTensor[] = [
  param('conv1.weight', 2, 3, 1, 2),
  param('bn1.weight', 2),
  { name: 'bn1.running_mean', shape: [2], dtype: 'float32', role: 'buffer' },
  { name: 'bn1.num_batches_tracked', shape: [], dtype: 'int64', role: 'counter' },
  param('fc.weight', 3, 2),
  param('fc.bias', 3),
];
const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const FILE = new Map<string, Tensor>([
  ['conv1.weight', float32([2, 3, 1, 2], count(12))],
  ['bn1.weight', float32([2], [5, 6])],
  ['bn1.running_mean', float32([2], [7, 8])],
  ['bn1.num_batches_tracked', int64([], [9])],
  ['fc.weight', float32([3, 2], count(6))],
  ['fc.bias', float32([3], [1, 2, 3])],
]);
const HEAD = new Set(['fc.weight', 'fc.bias']);
const INPUT = new Set(['conv1.weight']);
const without = (...names: string[]): Map<string, Tensor> => new Map([...FILE].filter(([n]) => !names.includes(n)));
const mapped = (to: (name: string) => string): Map<string, Tensor> => new Map([...FILE].map(([n, t]) => [to(n), t]));
const faultOf = (body: () => unknown): Fault => {
  try {
    body();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('expected a fault');
};

describe('weights that fit', () => {
  it('come in the network’s order as copies of the file’s values', () => {
    const { tensors } = adaptWeights(WANTED, new Map([...FILE].reverse()));
    expect([...tensors.keys()]).toEqual(WANTED.map((w) => w.name));
    floats(tensors.get('bn1.weight')!)[0] = 99;
    expect([...FILE.get('bn1.weight')!.data]).toEqual([5, 6]);
  });

  it('need no counters, which old files do not have', () => {
    const { tensors, plan } = adaptWeights(WANTED, without('bn1.num_batches_tracked'));
    expect(tensors.has('bn1.num_batches_tracked')).toBe(false);
    expect(plan.missing).toEqual([]);
  });

  it('are found behind a prefix of several wrappers, which is named', () => {
    const { plan, tensors } = adaptWeights(
      WANTED,
      mapped((n) => `module.model.${n}`),
    );
    expect(plan.fit).toMatchObject({ prefix: 'module.model.', fitting: 6 });
    expect([...tensors.get('fc.bias')!.data]).toEqual([1, 2, 3]);
  });

  it('are read by the table that fits most, which is named', () => {
    const tables = [
      { source: 'ours', rules: [] },
      { source: 'theirs', rules: [[/^stem\./, 'conv1.'] as const, [/^classifier\./, 'fc.'] as const] },
    ];
    const { plan } = adaptWeights(
      WANTED,
      mapped((n) => n.replace('conv1', 'stem').replace('fc', 'classifier')),
      { tables },
    );
    expect(plan.fit.source).toBe('theirs');
    expect(plan.taken.find((t) => t.name === 'fc.bias')?.from).toBe('classifier.bias');
  });

  it('lose or gain axes of one element', () => {
    const file = new Map(FILE).set('bn1.weight', float32([2, 1, 1], [5, 6]));
    const { tensors, plan } = adaptWeights(WANTED, file);
    expect(tensors.get('bn1.weight')).toMatchObject({ shape: [2] });
    expect(plan.taken.find((t) => t.name === 'bn1.weight')?.how).toBe('reshaped');
  });

  it('become float32 from half and double precision', () => {
    const half = tensor('float16', [2], Uint16Array.from([0x3c00, 0xc100])); // 1 and -2.5
    const double = tensor('float64', [2], Float64Array.from([0.1, 2]));
    const { tensors } = adaptWeights(WANTED, new Map(FILE).set('bn1.weight', half).set('bn1.running_mean', double));
    expect([...tensors.get('bn1.weight')!.data]).toEqual([1, -2.5]);
    expect([...tensors.get('bn1.running_mean')!.data]).toEqual([Math.fround(0.1), 2]);
  });

  it('are read one at a time, and only those that are used', async () => {
    const read: string[] = [];
    const found = new Map(FILE).set('rpn.weight', float32([1], [1]));
    const plan = planWeights(WANTED, found);
    const tensors = await takeWeights(plan, async (name) => {
      read.push(name);
      return found.get(name)!;
    });
    expect(read).toEqual(WANTED.map((w) => w.name));
    expect(tensors.size).toBe(6);
    expect(plan.unused).toEqual(['rpn.weight']);
  });
});

describe('a classifier of other classes', () => {
  const file = new Map(FILE).set('fc.weight', float32([5, 2], count(10))).set('fc.bias', float32([5], count(5)));

  it('is left out whole, even in strict mode', () => {
    const { plan, tensors } = adaptWeights(WANTED, file, { head: HEAD });
    expect(plan.replaced.map((r) => [r.name, r.got.shape])).toEqual([
      ['fc.weight', [5, 2]],
      ['fc.bias', [5]],
    ]);
    expect(tensors.size).toBe(4);
  });

  it('is a fault where the network does not say which tensors are its classifier', () => {
    expect(faultOf(() => adaptWeights(WANTED, file)).message).toContain('Only "fc" differs, 5 outputs in the file');
  });

  it('is no other classifier where its inputs differ too', () => {
    const wide = new Map(file).set('fc.weight', float32([5, 4], count(20)));
    const fault = faultOf(() => adaptWeights(WANTED, wide, { head: HEAD }));
    expect(fault.message).toContain('2 misshapen ("fc.weight" expected float32 [3, 2], got float32 [5, 4]');
  });
});

describe('pictures of other channels', () => {
  const rgb = float32([1, 3, 1, 2], [1, 2, 30, 40, 500, 600]);

  it('of one channel are read by the sum over red, green and blue', () => {
    expect(adaptInputChannels(rgb, 1)).toEqual(float32([1, 1, 1, 2], [531, 642]));
  });

  it('of four channels are read by red, green, blue and red again, times 3/4', () => {
    expect([...adaptInputChannels(rgb, 4).data]).toEqual([1, 2, 30, 40, 500, 600, 1, 2].map((v) => v * 0.75));
  });

  it('adapt the first convolution only', () => {
    const wanted = WANTED.map((w) => (w.name === 'conv1.weight' ? { ...w, shape: [2, 1, 1, 2] } : w));
    const { plan, tensors } = adaptWeights(wanted, FILE, { input: INPUT });
    expect(plan.taken.filter((t) => t.how === 'input channels').map((t) => t.name)).toEqual(['conv1.weight']);
    expect([...tensors.get('conv1.weight')!.data]).toEqual([1 + 3 + 5, 2 + 4 + 6, 7 + 9 + 11, 8 + 10 + 12]);
    expect(faultOf(() => adaptWeights(wanted, FILE)).code).toBe('data');
  });
});

describe('weights that do not fit', () => {
  const file = without('bn1.weight')
    .set('extra.weight', float32([1], [1]))
    .set('fc.bias', float32([4], count(4)));

  it('are told in one fault', () => {
    const { code, message } = faultOf(() => adaptWeights(WANTED, file, { where: 'old.pth' }));
    expect(code).toBe('data');
    expect(message).toContain("old.pth (read by the network's own names): expected exactly the 6 tensors");
    expect(message).toContain('1 missing ("bn1.weight")');
    expect(message).toContain('1 unexpected ("extra.weight")');
    expect(message).toContain('1 misshapen ("fc.bias" expected float32 [3], got float32 [4])');
  });

  it('are listed in partial mode, and the rest is taken', () => {
    const { plan, tensors } = adaptWeights(WANTED, file, { mode: 'partial' });
    expect(plan).toMatchObject({ missing: ['bn1.weight'], unused: ['extra.weight'] });
    expect(plan.misshapen.map((m) => m.name)).toEqual(['fc.bias']);
    expect([...tensors.keys()]).toEqual(['conv1.weight', 'bn1.running_mean', 'bn1.num_batches_tracked', 'fc.weight']);
  });

  it('because a value is not a number name it', () => {
    const spoilt = new Map(FILE).set('bn1.weight', float32([2], [1, Number.NaN]));
    const { message } = faultOf(() => adaptWeights(WANTED, spoilt));
    expect(message).toContain('"bn1.weight": expected finite numbers, got NaN at element 1 of [2]');
  });

  it('because they are too many are refused before names are compared', () => {
    const many = new Map(Array.from({ length: 20_001 }, (_, i) => [`a.${i}`, FILE.get('bn1.weight')!]));
    expect(faultOf(() => planWeights(WANTED, many)).message).toContain('at most 20000 tensors, got 20001');
  });

  it('because one is of integers are misshapen', () => {
    const { plan } = adaptWeights(WANTED, new Map(FILE).set('bn1.weight', int64([2], [1, 2])), { mode: 'partial' });
    expect(plan.misshapen.map((m) => m.name)).toEqual(['bn1.weight']);
  });
});

it('a counter of 32 bits becomes one of 64', () => {
  const cast = castTensor(tensor('int32', [2], Int32Array.from([3, -4])), 'int64');
  expect([...(cast.data as BigInt64Array)]).toEqual([3n, -4n]);
});
