import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fnv1a } from '../../src/core/random.ts';
import { type ResizeKind, type RgbImage, resizePlanes, resizeRgb, resizeWeights } from '../../src/core/resize.ts';
import { GOLDEN, readArrays, samplePositions, unitOf } from '../support/golden-files.ts';

const KINDS: readonly ResizeKind[] = ['bilinear', 'bicubic'];

function picture(width: number, height: number): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => fnv1a(String(i)));
  return { width, height, data };
}

function cut({ width, data }: RgbImage, left: number, top: number, w: number, h: number): RgbImage {
  const rows = Array.from({ length: h }, (_, y) => {
    const start = ((top + y) * width + left) * 3;
    return [...data.subarray(start, start + w * 3)];
  });
  return { width: w, height: h, data: Uint8Array.from(rows.flat()) };
}

const side = fc.integer({ min: 1, max: 40 });
const kinds = fc.constantFrom(...KINDS);

describe('resize', () => {
  it('gives every output weights that sum to one, of inputs that exist', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), kinds, (n, m, kind) => {
        const { taps, first, count, weights } = resizeWeights(n, m, kind);
        for (let i = 0; i < m; i++) {
          const row = weights.subarray(i * taps, (i + 1) * taps);
          expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
          expect(row.subarray(count[i]).every((w) => w === 0)).toBe(true);
          expect(first[i]! >= 0 && first[i]! + count[i]! <= n && count[i]! >= 1).toBe(true);
        }
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('halves a ramp of four pixels with the weights 3/7, 3/7, 1/7 at its ends, by hand', () => {
    // s = 2, centre 1, support 2: taps 0..2 at distances 1/4, 1/4, 3/4 of the widened filter.
    const { weights, first, count } = resizeWeights(4, 2, 'bilinear');
    expect([first[0], count[0], first[1], count[1]]).toEqual([0, 3, 1, 3]);
    expect([...weights.subarray(0, 3)].map((w) => w * 7)).toEqual([3, 3, 1].map((w) => expect.closeTo(w, 12)));
  });

  it('computes of a kept part what the whole result has there', () => {
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        kinds,
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (w, h, width, height, kind, share) => {
          const draw = (below: number): number => Math.floor(share.next().value * below);
          const [left, top] = [draw(width), draw(height)];
          const keep = { left, top, width: 1 + draw(width - left), height: 1 + draw(height - top) };
          const image = picture(w, h);
          const whole = resizeRgb(image, { width, height, kind });
          const part = resizeRgb(image, { width, height, kind, keep });
          expect(part.data).toEqual(cut(whole, left, top, keep.width, keep.height).data);
        },
      ),
      { seed: 2, numRuns: 100 },
    );
  });

  it('reads a part of the source as if it had been cut out before', () => {
    for (const kind of KINDS) {
      const image = picture(31, 23);
      const from = { left: 5, top: 7, width: 17, height: 11 };
      const size = { width: 9, height: 20, kind };
      expect(resizeRgb(image, { ...size, from }).data).toEqual(resizeRgb(cut(image, 5, 7, 17, 11), size).data);
    }
  });

  it('returns the same pixels at the same size', () => {
    const image = picture(13, 9);
    for (const kind of KINDS) expect(resizeRgb(image, { width: 13, height: 9, kind }).data).toEqual(image.data);
  });

  it('keeps a plain colour plain and clips what bicubic overshoots', () => {
    const flat = { width: 7, height: 5, data: new Uint8Array(105).fill(200) };
    const edge = { width: 8, height: 1, data: Uint8Array.from({ length: 24 }, (_, i) => (i < 12 ? 0 : 255)) };
    for (const kind of KINDS) {
      expect(new Set(resizeRgb(flat, { width: 16, height: 3, kind }).data)).toEqual(new Set([200]));
      const wide = resizeRgb(edge, { width: 32, height: 1, kind }).data;
      expect([Math.min(...wide), Math.max(...wide)]).toEqual([0, 255]);
    }
  });

  it('resizes float planes to what 8-bit colours become, but for rounding', () => {
    const image = picture(40, 30);
    const planes = { planes: 3, width: 40, height: 30, data: new Float32Array(3600) };
    for (let i = 0; i < 1200; i++) for (let c = 0; c < 3; c++) planes.data[c * 1200 + i] = image.data[i * 3 + c]!;
    const size = { width: 15, height: 22, kind: 'bilinear' as const };
    const bytes = resizeRgb(image, size).data;
    const floats = resizePlanes(planes, size).data;
    for (let i = 0; i < 330; i++) {
      for (let c = 0; c < 3; c++) expect(Math.abs(floats[c * 330 + i]! - bytes[i * 3 + c]!)).toBeLessThan(1.01);
    }
  });

  it('refuses sizes below one pixel and boxes outside the picture with a shape fault', () => {
    const image = picture(4, 4);
    const fault = expect.objectContaining({ code: 'shape' });
    expect(() => resizeRgb(image, { width: 0, height: 4, kind: 'bilinear' })).toThrow(fault);
    expect(() => resizeWeights(4, 2.5, 'bilinear')).toThrow(fault);
    const outside = { left: 2, top: 0, width: 3, height: 1 };
    expect(() => resizeRgb(image, { width: 4, height: 4, kind: 'bilinear', from: outside })).toThrow(fault);
    expect(() => resizeRgb(image, { width: 4, height: 4, kind: 'bilinear', keep: outside })).toThrow(fault);
  });
});

const golden = `${GOLDEN}ops/interpolate_antialias`;

describe.skipIf(!existsSync(`${golden}.json`))(
  'resize against torch (skipped where ../shared/golden is absent)',
  () => {
    it('equals interpolate with antialias to 1e-5', () => {
      const data = Float32Array.from(unitOf('input.x', 6 * 37 * 53));
      let compared = 0;
      for (const [key, theirs] of readArrays(`${golden}.safetensors`)) {
        const [, kind, height, width] = /^y\.(bilinear|bicubic)_(\d+)x(\d+)/.exec(key) ?? [];
        if (kind === undefined) continue;
        const size = { kind: kind as ResizeKind, height: Number(height), width: Number(width) };
        const ours = resizePlanes({ planes: 6, width: 53, height: 37, data }, size).data;
        const at = key.endsWith('@val') ? samplePositions(key.slice(0, -4), ours.length) : [...ours.keys()];
        const error = Math.max(...at.map((p, i) => Math.abs(ours[p]! - theirs[i]!)));
        expect(error / Math.max(...theirs.map(Math.abs))).toBeLessThan(1e-5);
        compared++;
      }
      expect(compared).toBe(8);
    });
  },
);
