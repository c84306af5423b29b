import type { z } from 'zod';
import type { NameTable } from '../../core/name-table.ts';
import type { Value } from '../../graph/value.ts';
import type { Published } from '../published.ts';
import type { Scope } from '../scope.ts';
import type { PictureInput } from './picture-input.ts';

/** What every network's configuration has, as plain JSON. */
export interface FamilyConfig {
  /** The family. */
  readonly kind: string;
  readonly inChannels: number;
  /** Classes of the classifier; 0: none, and the stage outputs are what the network gives. */
  readonly classes: number;
  /** Probability that a picture skips the last block in training. */
  readonly dropPath: number;
}

/** A named network: its configuration, its number of trainable values, and the pictures that it is made for. */
export interface NamedNetwork<C extends FamilyConfig = FamilyConfig> {
  readonly config: C;
  /** Trainable values of ours, exactly. */
  readonly parameters: number;
  readonly input: PictureInput;
  readonly published?: Published;
}

/** Where a tensor stands by its name: stage, and block of it where it is in one. Both as the names count them. */
export interface NamedPlace {
  readonly stage: string;
  readonly block?: string;
}

/** All that is known of a kind of network. */
export interface FamilyKind<C extends FamilyConfig = FamilyConfig> {
  readonly kind: C['kind'];
  /** In words: `residual network`. */
  readonly title: string;
  /** Checks the configuration, `kind` among it; refuses unknown keys (`z.strictObject`). */
  readonly options: z.ZodObject;
  /** x [N, inChannels, H, W] → `logits`, or stage outputs without a classifier, and the intermediates `features` names. */
  build(s: Scope, x: Value, config: C, features: readonly string[]): Record<string, Value>;
  /** Whose names weights may bear; of two that fit as well the first counts. */
  readonly names: readonly NameTable[];
  /** The pictures that a configuration is made for, unless its named network says otherwise. */
  input(config: C): PictureInput;
  /** How many stages it has: what `freeze.stages` and layer decay count. */
  stages(config: C): number;
  /** The stage and block that a tensor is of by its name; null for stem and head. */
  place(name: string): NamedPlace | null;
  /** Whether pictures of any size may be fed without a change of the weights. */
  anySize(config: C): boolean;
  /** Intermediates of the stages that may be asked for: `c2`, `c3`, .. */
  features(config: C): readonly string[];
}

/** A kind of network with the networks of it that have a name. */
export interface Family<C extends FamilyConfig = FamilyConfig, N extends string = string> extends FamilyKind<C> {
  readonly networks: Readonly<Record<N, NamedNetwork<C>>>;
}
