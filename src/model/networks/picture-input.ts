/** Which pictures a network is made for; where weights were published, how their figures were measured. */
export interface PictureInput {
  /** Side of the square that the network sees, in pixels. */
  readonly size: number;
  /** Share of the resized picture's shorter side that the centre crop keeps: 224 of 256 is 0.875. */
  readonly crop: number;
  readonly interpolation: 'bilinear' | 'bicubic';
  /** Subtracted from red, green, blue in 0..1, and what divides the rest. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The larger pictures that the same weights do better on, by who published them. */
  readonly test?: { readonly size: number; readonly crop: number };
}

/** Statistics of ImageNet's pictures, as torchvision and timm take them. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** torchvision's first weights: 224 of 256, bilinear. */
export const TORCHVISION_INPUT: PictureInput = { size: 224, crop: 0.875, interpolation: 'bilinear', ...IMAGENET };

/** Small pictures, all of them seen. */
export const SMALL_INPUT: PictureInput = { size: 32, crop: 1, interpolation: 'bilinear', ...IMAGENET };

/** timm's: bicubic, at `size` with `crop`, and at a larger size in its tables. */
export function timmInput(size: number, crop: number, test: PictureInput['test']): PictureInput {
  return { size, crop, interpolation: 'bicubic', ...IMAGENET, ...(test && { test }) };
}

/** Length of the resized picture's shorter side for a crop of `size` pixels: rounded down, as timm's. */
export function resizeFor({ crop }: PictureInput, size: number): number {
  return Math.floor(size / crop);
}
