import type { Published } from '../published.ts';
import type { NamedNetwork } from './named.ts';

const torchvision = (parameters: number, gflops: number): Published => ({
  parameters,
  macs: gflops * 1e9,
  source: "torchvision's table of weights",
});
const timm = (millions: number): Published => ({ parameters: millions * 1e6, source: "timm's tables of results" });

/** Figures that torchvision, timm and GCNet print for networks whose tables hold ours. */
const PRINTED: Readonly<Record<string, Published>> = {
  resnet18: torchvision(11_689_512, 1.81),
  resnet34: torchvision(21_797_672, 3.66),
  resnet50: torchvision(25_557_032, 4.09),
  resnet101: torchvision(44_549_160, 7.8),
  resnet152: torchvision(60_192_808, 11.51),
  resnext50_32x4d: torchvision(25_028_904, 4.23),
  resnext101_32x8d: torchvision(88_791_336, 16.41),
  resnext101_64x4d: torchvision(83_455_272, 15.46),
  wide_resnet50_2: torchvision(68_883_240, 11.4),
  wide_resnet101_2: torchvision(126_886_696, 22.75),
  seresnet50: timm(28.09),
  gcresnet50t: timm(25.9),
  gcresnet33ts: timm(19.88),
  gcresnext26ts: timm(10.48),
  gcresnext50ts: timm(15.67),
  'resnet50-gc': {
    parameters: 28.08e6,
    macs: 3.87e9,
    source: 'GCNet, ImageNet, as ECA-Net quotes it',
    difference: 'the printed multiply-adds are those of a stride in the first 1 x 1 convolution',
  },
};

/** A table of networks with what is printed of them. */
export function withPrinted<T extends Readonly<Record<string, NamedNetwork>>>(networks: T): T {
  const filled = Object.entries(networks).map(([name, network]) => {
    const published = PRINTED[name];
    return [name, published && !network.published ? { ...network, published } : network];
  });
  return Object.fromEntries(filled) as T;
}
