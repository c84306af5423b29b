/** The affinity: its record, its lowerings and how one is chosen. */
export * from './affinity.ts';
export * from './attention.ts';
export * from './lower.ts';
export * from './lowerings/index.ts';
export * from './record.ts';
