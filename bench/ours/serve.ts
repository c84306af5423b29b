import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { serve } from '../serve.ts';
import { prepareOurs, warmEngine } from './prepare.ts';

const runtime = nodeRuntime();
await warmEngine(runtime);
await serve((subject, options) => prepareOurs(runtime, subject, options), { 'onnxruntime-node': runtime.version });
