import type { ByobnetConfig } from './byobnet-config.ts';
import type { PictureInput } from './picture-input.ts';
import type { ResnetConfig } from './resnet-config.ts';

/** A network's whole configuration, as plain JSON. */
export type NetworkConfig = ResnetConfig | ByobnetConfig;

/** A named network: its configuration, its number of trainable values, published or counted by hand, and its pictures. */
export interface NamedNetwork<C extends NetworkConfig = NetworkConfig> {
  readonly config: C;
  readonly parameters: number;
  readonly input: PictureInput;
}
