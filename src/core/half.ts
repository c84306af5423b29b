import { Fault } from './fault.ts';
import { floats, type Tensor, tensor } from './tensor.ts';

const view = new DataView(new ArrayBuffer(4));

/** The bits of the IEEE half-precision number nearest to `value`, halves to even; beyond 65519 an infinity. */
export function float16Bits(value: number): number {
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above
  // Below 2^-14 the steps are 2^-24 wide.
  if (magnitude < 0x38800000) return sign | roundHalfEven(Math.abs(value) * 2 ** 24);
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const over = x - low;
  return over > 0.5 || (over === 0.5 && low % 2 === 1) ? low + 1 : low;
}

/** A float32 tensor in half precision; a fault that begins with `where` if a finite number is too large for it. */
export function toFloat16(t: Tensor, where: string): Tensor {
  const data = new Uint16Array(t.data.length);
  floats(t).forEach((value, i) => {
    data[i] = float16Bits(value);
    if ((data[i]! & 0x7fff) === 0x7c00 && Number.isFinite(value)) {
      throw new Fault('data', `${where}: expected numbers within ±65504 for half precision, got ${value}.`);
    }
  });
  return tensor('float16', t.shape, data);
}
