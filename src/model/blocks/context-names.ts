import type { ContextSpec } from './context.ts';

/** The child that holds a context block inside a residual block, by the reference that puts one there. */
export const CHILD_NAMES: { readonly [K in ContextSpec['kind']]: string } = {
  'non-local': 'non_local_block', // mmaction2
  'simplified-non-local': 'simplified_non_local_block', // ours: none was released
  'squeeze-excitation': 'se', // timm
  'global-context': 'context_block', // GCNet
};

/** The child that holds a context block after the last block of a stage. */
export const STAGE_CHILD_NAMES: { readonly [K in ContextSpec['kind']]: string } = {
  'non-local': 'nl',
  'simplified-non-local': 'snl',
  'squeeze-excitation': 'se',
  'global-context': 'gc',
};
