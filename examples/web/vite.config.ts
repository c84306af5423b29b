import type { UserConfig } from 'vite';

/** With these headers a page may have threads. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const config: UserConfig = {
  base: './',
  // Workers import ONNX Runtime when they need it, which needs modules.
  worker: { format: 'es' },
  // ONNX Runtime finds its .wasm beside itself: it must not be moved to Vite's cache.
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  server: { headers },
  preview: { headers },
};

export default config;
