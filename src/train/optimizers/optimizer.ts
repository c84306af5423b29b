import { Fault } from '../../core/fault.ts';
import type { Value } from '../../graph/value.ts';
import { adam } from './adam.ts';
import { lamb } from './lamb.ts';
import { sgd } from './sgd.ts';

/** What an update rule is given for one parameter. All values have the parameter's shape but the scalars, []. */
export interface UpdateContext {
  readonly parameter: Value;
  readonly gradient: Value;
  /** State kept for this parameter, by slot name; zeros before the first step. */
  readonly slots: Readonly<Record<string, Value>>;
  /** What {@link Optimizer.scalars} gave for this step. */
  readonly scalars: Readonly<Record<string, Value>>;
  /** This parameter's weight decay and the factor on its learning rate. */
  readonly decay: number;
  readonly rate: number;
}

/** An update rule, described as a graph; it holds no state. */
export interface Optimizer {
  readonly slots: readonly string[];
  /** Numbers that change from step to step, fed as scalars. `step` counts from 1. */
  readonly scalars: (step: number, learningRate: number) => Readonly<Record<string, number>>;
  readonly update: (c: UpdateContext) => { readonly parameter: Value; readonly slots: Readonly<Record<string, Value>> };
}

/** Stochastic gradient descent with PyTorch's meaning of each option. */
export interface SgdConfig {
  readonly kind: 'sgd';
  /** 0 where absent. */
  readonly momentum?: number;
  readonly dampening?: number;
  readonly nesterov?: boolean;
}

/** Adam (weight decay added to the gradient) or AdamW (decoupled decay). */
export interface AdamConfig {
  readonly kind: 'adam' | 'adamw';
  /** 0.9 and 0.999 where absent. */
  readonly betas?: readonly [number, number];
  /** 1e-8 where absent. */
  readonly eps?: number;
}

/** LAMB: Adam's direction at a length that goes with the parameter's own; see {@link lamb}. */
export interface LambConfig {
  readonly kind: 'lamb';
  /** 0.9 and 0.999 where absent. */
  readonly betas?: readonly [number, number];
  /** 1e-6 where absent. */
  readonly eps?: number;
  /** Whether a parameter without decay is adapted too; false where absent. */
  readonly alwaysAdapt?: boolean;
  /** Whether the trust ratio is at most 1 (LAMBC); false where absent. */
  readonly trustClip?: boolean;
}

/** An optimizer as plain JSON. Learning rate and decay are the step's and the groups'. */
export type OptimizerConfig = SgdConfig | AdamConfig | LambConfig;

/** The update rule that a configuration describes. */
export function optimizer(config: OptimizerConfig): Optimizer {
  switch (config.kind) {
    case 'sgd':
      return sgd(config);
    case 'adam':
    case 'adamw':
      return adam(config);
    case 'lamb':
      return lamb(config);
    default:
      config satisfies never;
      throw new Fault('config', `optimizer: expected "sgd", "adam", "adamw" or "lamb", got ${JSON.stringify(config)}.`);
  }
}
