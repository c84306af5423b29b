/** The affinity: its record, its lowerings and how one is chosen. */
export * from './affinity.ts';
export * from './along.ts';
export * from './attention.ts';
export * from './by-rows.ts';
export * from './lower.ts';
export * from './lowerings/index.ts';
export * from './record.ts';
export * from './rows.ts';
export * from './sites.ts';
export * from './window.ts';
export * from './window-words.ts';
