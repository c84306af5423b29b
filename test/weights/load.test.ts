import { describe, expect, it } from 'vitest';
import { float32, type Tensor, zeros } from '../../src/core/tensor.ts';
import { type ExpectedTensor, loadTensors } from '../../src/weights/load.ts';
import { rename, renamed } from '../../src/weights/names.ts';

const expected: readonly ExpectedTensor[] = [
  { name: 'conv1.weight', shape: [8, 3, 3, 3] },
  { name: 'bn1.weight', shape: [8] },
  { name: 'bn1.bias', shape: [8] },
  { name: 'bn1.num_batches_tracked', shape: [], dtype: 'int64' },
  { name: 'fc.weight', shape: [10, 8] },
  { name: 'fc.bias', shape: [10] },
];

const right = (): Map<string, Tensor> =>
  new Map(expected.toReversed().map((e) => [e.name, zeros(e.dtype ?? 'float32', e.shape)]));

/** The message of a strict load of what `change` leaves of the right tensors. */
function message(change: (t: Map<string, Tensor>) => unknown): string {
  const given = right();
  const changed = change(given);
  const found = changed instanceof Map ? (changed as Map<string, Tensor>) : given;
  try {
    loadTensors(expected, found, { where: 'w.safetensors' });
  } catch (error) {
    expect(error).toMatchObject({ name: 'Fault', code: 'data' });
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('loadTensors', () => {
  it('gives the very tensors, in the order of the network', () => {
    const found = right();
    const { tensors } = loadTensors(expected, found);
    expect([...tensors.keys()]).toEqual(expected.map((e) => e.name));
    expect(tensors.get('bn1.bias')).toBe(found.get('bn1.bias'));
  });

  it('tells missing, unexpected and misshapen tensors at once, each sorted', () => {
    const got = message((t) => {
      t.delete('fc.bias');
      t.delete('bn1.weight');
      t.set('z', zeros('float32', [1]));
      t.set('extra\n', zeros('float32', [1]));
      t.set('conv1.weight', zeros('float32', [8, 3, 5, 5]));
    });
    expect(got).toBe(
      'w.safetensors: expected exactly the 6 tensors of the network, got 2 missing ("bn1.weight", "fc.bias"); ' +
        '2 unexpected ("extra\\n", "z"); 1 misshapen ("conv1.weight" expected [8, 3, 3, 3], got float32 [8, 3, 5, 5]). ' +
        'Check that the weights belong to this network, or load in partial mode to take what fits.',
    );
  });

  it('shows ten of a kind and counts the others', () => {
    const got = message((t) => {
      for (let i = 0; i < 25; i++) t.set(`x${String(i).padStart(2, '0')}`, zeros('float32', [1]));
    });
    expect(got).toContain('25 unexpected ("x00"');
    expect(got).toContain('"x09", and 15 more)');
    expect(got).not.toContain('x10');
  });

  it('takes another dtype for a misfit where one is named', () => {
    const got = message((t) => t.set('bn1.num_batches_tracked', float32([], [0])));
    expect(got).toContain('"bn1.num_batches_tracked" expected int64 [], got float32 []');
  });

  it.each(['module.', 'model.', 'state_dict.model.'])('finds the prefix %s of a wrapper', (prefix) => {
    const got = message((t) => new Map([...t].map(([n, v]) => [prefix + n, v])));
    expect(got).toContain(`6 names of the file differ only by the prefix "${prefix}": remove it`);
  });

  it('finds the prefix that the file lacks', () => {
    const bare = new Map([['weight', zeros('float32', [2])]]);
    const wanted = [{ name: 'backbone.weight', shape: [2] }];
    expect(() => loadTensors(wanted, bare)).toThrowError(/lack only the prefix "backbone\.": add it/);
  });

  it('does not guess a prefix from a few names', () => {
    const got = message((t) => {
      for (const name of ['bn1.weight', 'bn1.bias', 'conv1.weight', 'fc.bias']) t.delete(name);
      t.set('old.fc.bias', zeros('float32', [10]));
    });
    expect(got).not.toContain('prefix');
  });

  it('sees that only the classifier has other classes', () => {
    const got = message((t) => {
      t.set('fc.weight', zeros('float32', [1000, 8]));
      t.set('fc.bias', zeros('float32', [1000]));
    });
    expect(got).toContain('Only "fc" differs, 1000 outputs in the file and 10 here');
  });

  it('does not blame the classifier when more differs', () => {
    const got = message((t) => {
      t.set('fc.weight', zeros('float32', [1000, 9]));
      t.set('fc.bias', zeros('float32', [1000]));
    });
    expect(got).toContain('Check that the weights belong to this network');
  });

  it('knows files without counters of batches', () => {
    expect(message((t) => t.delete('bn1.num_batches_tracked'))).toContain('Only counters of batch norms are missing');
  });

  it('takes what fits in partial mode and reports the rest', () => {
    const found = right();
    found.delete('bn1.bias');
    found.set('fc.weight', zeros('float32', [1000, 8]));
    found.set('extra', zeros('float32', [1]));
    const got = loadTensors(expected, found, { mode: 'partial' });
    expect([...got.tensors.keys()]).toEqual(['conv1.weight', 'bn1.weight', 'bn1.num_batches_tracked', 'fc.bias']);
    expect(got).toMatchObject({ missing: ['bn1.bias'], unexpected: ['extra'] });
    expect(got.misshapen).toEqual([{ name: 'fc.weight', expected: expected[4], got: found.get('fc.weight') }]);
  });
});

describe('rename', () => {
  it('applies each rule to the result of the one before', () => {
    const rules = [
      [/^module\./, ''],
      [/^se\.fc(\d)\./, 'fc$1.'],
      [/^fc1/, 'squeeze'],
    ] as const;
    expect(renamed('module.se.fc1.weight', rules)).toBe('squeeze.weight');
  });

  it('keeps the order and the values', () => {
    const got = rename(
      new Map([
        ['b.x', 1],
        ['a.x', 2],
      ]),
      [[/\.x$/, '.y']],
    );
    expect([...got]).toEqual([
      ['b.y', 1],
      ['a.y', 2],
    ]);
  });

  it('refuses rules that make two names one', () => {
    const two = new Map([
      ['a.0.weight', 1],
      ['a.1.weight', 2],
    ]);
    expect(() => rename(two, [[/\d\./, '']])).toThrowError(/"a\.weight" from both "a\.0\.weight" and "a\.1\.weight"/);
  });

  it('refuses a rule that leaves nothing of a name, and one that keeps state', () => {
    expect(() => rename(new Map([['a', 1]]), [[/a/, '']])).toThrowError(/empty/);
    expect(() => renamed('a', [[/a/y, 'b']])).toThrowError(expect.objectContaining({ code: 'config' }));
  });
});
