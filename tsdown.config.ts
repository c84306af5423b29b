import type { Options } from 'tsdown';

const config: Options = {
  entry: {
    index: 'src/index.ts',
    node: 'src/node.ts',
    web: 'src/web.ts',
    'web-predict': 'src/web-predict.ts',
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
  // What predicting an ONNX file needs lies apart, so that a page's bundler can leave all else for later or out.
  outputOptions: {
    advancedChunks: {
      groups: [
        {
          name: 'predict',
          test: /src[\\/](web-models|train[\\/](predictor|engine-options|classifier-facts)|runtime[\\/]web)/,
        },
      ],
    },
  },
};

export default config;
