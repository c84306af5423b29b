import { describe, expect, test } from 'vitest';
import { profileByModule } from '../../src/engine/profile.ts';

const kernel = (name: string, dur: number, op_name: string): object => ({
  ...{ cat: 'Node', name: `${name}_kernel_time`, dur },
  args: { op_name },
});

const PROFILE = JSON.stringify([
  { cat: 'Session', name: 'model_run', dur: 9999, args: {} },
  kernel('layer1.0.conv1/Conv_3', 3000, 'Conv'),
  kernel('layer1.0.conv1/Conv_3', 1000, 'Conv'),
  kernel('layer1.0.conv1/Mul_4', 500, 'Mul'),
  kernel('layer1.1.bn1/BatchNormalization_9', 400, 'BatchNormalization'),
  kernel('Transpose_token_2', 100, 'Transpose'),
  { cat: 'Node', name: 'layer1.0.conv1/Conv_3_fence_before', dur: 7, args: { op_name: 'Conv' } },
]);

describe('a profile', () => {
  test('adds up kernels by module path and operator, most time first', () => {
    expect(profileByModule(PROFILE)).toEqual([
      {
        path: 'layer1.0.conv1',
        milliseconds: 4.5,
        share: 0.9,
        calls: 3,
        operators: [
          { name: 'Conv', milliseconds: 4 },
          { name: 'Mul', milliseconds: 0.5 },
        ],
      },
      expect.objectContaining({ path: 'layer1.1.bn1', milliseconds: 0.4 }),
      expect.objectContaining({ path: '(engine)', milliseconds: 0.1, calls: 1 }),
    ]);
  });
  test('keeps as many parts of a path as asked for', () => {
    expect(profileByModule(PROFILE, 1).map((m) => [m.path, m.milliseconds])).toEqual([
      ['layer1', 4.9],
      ['(engine)', 0.1],
    ]);
  });
  test.each(['{', '{}'])('is refused where it is %s', (text) => {
    expect(() => profileByModule(text)).toThrow(expect.objectContaining({ code: 'engine' }));
  });
});
