import { describe, expect, test } from 'vitest';
// @ts-expect-error The set-up step is plain JavaScript, since it runs before anything is installed.
import { isInstalled as untyped } from '../../scripts/setup.mjs';

type Packages = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
const isInstalled = untyped as (wanted: Packages, installed: Packages) => boolean;

const WANTED: Packages = {
  '': { name: 'farsight', version: '0.1.0' },
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/b': { version: '2.0.0', integrity: 'sha512-b', optional: true },
};
const A = WANTED['node_modules/a']!;

describe('the set-up step', () => {
  test.each<[string, boolean, Packages]>([
    ['all is there', true, WANTED],
    ['only what is optional lacks', true, { 'node_modules/a': A }],
    ['something lacks', false, { 'node_modules/b': WANTED['node_modules/b']! }],
    ['a version differs', false, { 'node_modules/a': { ...A, version: '1.0.1' } }],
    ['the contents differ', false, { 'node_modules/a': { ...A, integrity: 'sha512-x' } }],
    ['nothing is installed', false, {}],
  ])('where %s says %s', (_, expected, installed) => {
    expect(isInstalled(WANTED, installed)).toBe(expected);
  });
});
