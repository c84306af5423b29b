import type { Options } from 'tsdown';

const config: Options = {
  entry: {
    index: 'src/index.ts',
    node: 'src/node.ts',
    web: 'src/web.ts',
    cli: 'src/cli/main.ts',
    'loader-worker': 'src/runtime/node/loader-worker.ts',
  },
  format: 'esm',
  platform: 'neutral',
  target: 'node20',
  dts: true,
  clean: true,
  fixedExtension: false,
  external: [/^node:/],
};

export default config;
