import type { GoldenEnvironment } from '../../src/golden/attempt.ts';
import { sharpDecoder } from '../../src/runtime/node/decode.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';

/** The CPU of this machine. */
export const CPU: GoldenEnvironment = { runtime: nodeRuntime(), provider: 'cpu', threads: 2, decoder: sharpDecoder };
