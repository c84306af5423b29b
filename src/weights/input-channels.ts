import { float32, floats, type Tensor } from '../core/tensor.ts';

/** Whether a convolution [O, I, ..] can be made from the file's [O, 3, ..] by {@link adaptInputChannels}. */
export function canAdaptInput(want: readonly number[], got: readonly number[]): boolean {
  return want.length === got.length && got[1] === 3 && want.every((d, i) => (i === 1 ? d !== 3 : d === got[i]));
}

/**
 * A convolution for pictures of another number of channels, by timm's rule: for one channel the sum over R, G and B,
 * so that a grey picture gives what its RGB copy gave; for n others R, G, B, R, .. times 3 / n, which keeps the size of
 * the sums. w [O, 3, ..] → [O, channels, ..]
 */
export function adaptInputChannels(w: Tensor, channels: number): Tensor {
  const [outputs, , ...kernel] = w.shape as [number, number, ...number[]];
  const taps = kernel.reduce((a, b) => a * b, 1);
  const from = floats(w);
  const out = new Float32Array(outputs * channels * taps);
  for (let o = 0; o < outputs; o++) {
    for (let t = 0; t < taps; t++) {
      const [r, g, b] = [0, 1, 2].map((c) => from[(o * 3 + c) * taps + t]!) as [number, number, number];
      for (let c = 0; c < channels; c++) {
        const value = channels === 1 ? r + g + b : [r, g, b][c % 3]! * (3 / channels);
        out[(o * channels + c) * taps + t] = value;
      }
    }
  }
  return float32([outputs, channels, ...kernel], out);
}
