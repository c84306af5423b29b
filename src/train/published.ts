import type { NetworkName } from '../model/networks/table.ts';

/** Weights that somebody published for a network of the table. */
export interface PublishedWeights {
  /** Where they are on the hub. */
  readonly reference: string;
  readonly network: NetworkName;
  readonly licence: string;
}

/** What stands between a network's name and `_in1k` in timm's names of its ImageNet weights. */
const TIMM: { readonly [K in NetworkName]?: string } = {
  resnet18: 'a1 a2 a3 tv gluon fb_ssl_yfcc100m_ft fb_swsl_ig1b_ft',
  resnet26: 'bt',
  resnet34: 'a1 a2 a3 bt ra4_e3600_r224 tv gluon',
  resnet50: 'a1 a1h a2 a3 b1k b2k c1 c2 d ram am ra bt tv tv2 gluon fb_ssl_yfcc100m_ft fb_swsl_ig1b_ft',
  resnet101: 'a1h a1 a2 a3 tv tv2 gluon',
  resnet152: 'a1h a1 a2 a3 tv tv2 gluon',
  resnet50c: 'gluon',
  resnet101c: 'gluon',
  resnet152c: 'gluon',
  resnet18d: 'ra2 ra4_e3600_r224',
  resnet26d: 'bt',
  resnet34d: 'ra2',
  resnet50d: 'ra2 ra4_e3600_r224 a1 a2 a3 gluon',
  resnet101d: 'ra2 gluon',
  resnet152d: 'ra2 gluon',
  resnet14t: 'c3',
  resnet26t: 'ra2',
  resnext50_32x4d: 'a1h a1 a2 a3 ra tv tv2 gluon fb_ssl_yfcc100m_ft fb_swsl_ig1b_ft',
  resnext50d_32x4d: 'bt',
  resnext101_32x4d: 'gluon fb_ssl_yfcc100m_ft fb_swsl_ig1b_ft',
  resnext101_32x8d: 'tv tv2 fb_wsl_ig1b_ft fb_ssl_yfcc100m_ft fb_swsl_ig1b_ft',
  resnext101_64x4d: 'c1 tv gluon',
  wide_resnet50_2: 'racm tv tv2',
  wide_resnet101_2: 'tv tv2',
  seresnet50: 'a1 a2 a3 ra2',
  seresnet152d: 'ra2',
  seresnext26d_32x4d: 'bt',
  seresnext26t_32x4d: 'bt',
  seresnext50_32x4d: 'racm gluon',
  seresnext101_32x4d: 'gluon',
  seresnext101_32x8d: 'ah',
  seresnext101d_32x8d: 'ah',
  seresnext101_64x4d: 'gluon',
  resnext26ts: 'ra2',
  seresnext26ts: 'ch',
  gcresnext26ts: 'ch',
  resnet32ts: 'ra2',
  resnet33ts: 'ra2',
  seresnet33ts: 'ra2',
  gcresnet33ts: 'ra2',
  gcresnet50t: 'ra2',
  gcresnext50ts: 'ch',
  deit_tiny_patch16_224: 'fb',
  deit_small_patch16_224: 'fb',
  deit_base_patch16_224: 'fb',
  deit_base_patch16_384: 'fb',
  mixer_b16_224: 'goog_in21k_ft',
};

/** torchvision's and Facebook's weights keep their licences, DeiT's Apache's; the others are timm's own or Gluon's. */
function licenceOf(tag: string): string {
  if (tag.startsWith('fb_')) return 'cc-by-nc-4.0';
  return /^tv2?$/.test(tag) ? 'bsd-3-clause' : 'apache-2.0';
}

/** Published weights by timm's name, `gcresnet50t.ra2_in1k`. */
export const PUBLISHED: ReadonlyMap<string, PublishedWeights> = new Map(
  Object.entries(TIMM).flatMap(([network, tags]) =>
    tags.split(' ').map((tag): [string, PublishedWeights] => {
      const name = `${network}.${tag}_in1k`;
      return [name, { reference: `hf:timm/${name}`, network: network as NetworkName, licence: licenceOf(tag) }];
    }),
  ),
);

/** The published weights of a name, with or without `timm/` or `hf:timm/` in front; null for any other text. */
export function publishedWeights(text: string): PublishedWeights | null {
  return PUBLISHED.get(text.replace(/^(hf:)?timm\//, '')) ?? null;
}

/** Names of the published weights of a network; none where none are known. */
export function weightsOf(network: string): readonly string[] {
  return [...PUBLISHED].flatMap(([name, weights]) => (weights.network === network ? [`timm/${name}`] : []));
}
