/** What runs in Node: all of the index, and ONNX Runtime, files, threads and pictures of this computer. */
export * from './index.ts';
export { sharpDecoder } from './runtime/node/decode.ts';
export { encodePicture } from './runtime/node/encode-picture.ts';
export { nodeFiles } from './runtime/node/files.ts';
export { type NodeHubOptions, nodeHub } from './runtime/node/hub.ts';
export { startImageWorkers } from './runtime/node/loader.ts';
export { embeddedPictures, packageRoot, packageVersion } from './runtime/node/machine.ts';
export { nodeRuntime } from './runtime/node/onnx.ts';
export { nodeOutput } from './runtime/node/output.ts';
export { temporaryFolder } from './runtime/node/temporary.ts';
export { wasmRuntime } from './runtime/web/onnx.ts';
export type { ConvertRequest, ConvertResult, WeightsListing } from './train/convert.ts';

import { Fault } from './core/fault.ts';
import { joinPath } from './data/files.ts';
import { textBytes } from './data/output.ts';
import { type ModuleTime, profileByModule } from './engine/profile.ts';
import type { Provider, Runtime } from './engine/runtime.ts';
import type { Block } from './model/blocks/block.ts';
import { bringBlocks } from './model/blocks/brought.ts';
import { sharpDecoder } from './runtime/node/decode.ts';
import { download } from './runtime/node/download.ts';
import { encodePicture } from './runtime/node/encode-picture.ts';
import { nodeFiles } from './runtime/node/files.ts';
import { nodeHub } from './runtime/node/hub.ts';
import { startImageWorkers } from './runtime/node/loader.ts';
import { cores, embeddedPictures, machineFacts, packageVersion } from './runtime/node/machine.ts';
import { importModule } from './runtime/node/modules.ts';
import { nodeRuntime } from './runtime/node/onnx.ts';
import { nodeOutput } from './runtime/node/output.ts';
import { wasmRuntime } from './runtime/web/onnx.ts';
import { readClassifier } from './train/classifier.ts';
import type { EngineConfig, RunOptions } from './train/config.ts';
import {
  type ConvertRequest,
  type ConvertResult,
  convertWeights as convert,
  inspectWeights as inspect,
  type WeightsListing,
} from './train/convert.ts';
import { checkExport, encodeClassifier } from './train/export.ts';
import { type ExportRequest, type ExportResult, exportRun } from './train/export-run.ts';
import { type EvaluateRequest, type EvaluateResult, evaluateRun } from './train/judge-run.ts';
import type { Platform } from './train/platform.ts';
import { classifierFile, openPredictor, type Predictor } from './train/predict.ts';
import { readRunConfig } from './train/read-config.ts';
import { type RebuiltReport, rebuildReport } from './train/rebuild-report.ts';
import { type RunRequest, type RunResult, resumeRun, startRun } from './train/run.ts';
import { type VerifyRequest, type VerifyResult, verifyRun } from './train/verify.ts';

/** This computer, as far as training and prediction need it. */
export function nodePlatform(): Platform {
  const runtime = nodeRuntime();
  return {
    runtime,
    files: nodeFiles,
    output: nodeOutput,
    decoder: sharpDecoder,
    startWorkers: (threads) => startImageWorkers({ threads }),
    download,
    encodePicture,
    hub: nodeHub(),
    memory: () => process.memoryUsage.rss(),
    cores: cores(),
    embedded: embeddedPictures(),
    version: packageVersion(),
    machine: machineFacts(`${runtime.name} ${runtime.version}`),
  };
}

/** Trains a classifier; what the configuration leaves out takes its default. See {@link RunResult} for what is left. */
export async function train(config: RunOptions, request: RunRequest): Promise<RunResult> {
  return startRun(readRunConfig(config), nodePlatform(), request);
}

/** Goes on with the run in a folder, to the same weights as if it had never been ended. */
export async function resume(request: RunRequest): Promise<RunResult> {
  return resumeRun(nodePlatform(), request);
}

/** Writes the report of a finished run again from its folder. */
export async function report(run: string): Promise<RebuiltReport> {
  return rebuildReport(run, nodePlatform());
}

/** Scores a trained classifier on held-out pictures. */
export async function evaluate(request: EvaluateRequest): Promise<EvaluateResult> {
  return evaluateRun(request, nodePlatform());
}

/** Loads a trained classifier: a run's folder, its `weights.safetensors`, or an ONNX model that it exported. */
export async function loadModel(path: string, engine?: EngineConfig): Promise<Predictor> {
  return openPredictor(path, nodePlatform(), engine);
}

/** Writes a run's weights as an ONNX model, checked against our own forward; gives their largest relative difference. */
export async function exportOnnx(run: string, file: string): Promise<number> {
  const platform = nodePlatform();
  const classifier = await readClassifier(platform.files, await classifierFile(run, platform));
  const model = await encodeClassifier(platform.runtime, classifier);
  const difference = await checkExport(platform.runtime, model, classifier);
  await platform.output.write(file, [model]);
  return difference;
}

/** Writes a trained classifier for other programs: in single or half precision or eight bits, as a file or a folder. */
export async function exportModel(request: ExportRequest): Promise<ExportResult> {
  return exportRun(request, nodePlatform());
}

/** Compares every module's output on each provider of this computer with our own forward. */
export async function verify(request: Omit<VerifyRequest, 'runtimeOf'>): Promise<VerifyResult> {
  const platform = nodePlatform();
  const wasm = wasmRuntime();
  const runtimeOf = (provider: Provider): Runtime => (provider === 'wasm' ? wasm : platform.runtime);
  return verifyRun({ ...request, runtimeOf }, platform);
}

/** Writes any weights that can be read as safetensors, by a network's names where it is asked to. */
export async function convertWeights(request: ConvertRequest): Promise<ConvertResult> {
  return convert(request, nodePlatform());
}

/** What tensors a file of weights holds, and which network it is of; none is read. */
export async function inspectWeights(request: Omit<ConvertRequest, 'output'>): Promise<WeightsListing> {
  return inspect(request, nodePlatform());
}

/**
 * Runs a module of yours and adds the blocks that it exports for the rest of this process, as `--blocks FILE` does. Nothing
 * else runs code: configurations and files of weights only name blocks.
 */
export async function loadBlocks(file: string): Promise<readonly Block[]> {
  return bringBlocks(await importModule(file), file);
}

/** Writes a text file whole or not at all. */
export async function writeText(file: string, text: string): Promise<void> {
  await nodeOutput.write(file, [textBytes(text)]);
}

/** Adds up the newest profile that the runtime wrote into a folder, by module. */
export async function readProfile(folder: string, depth?: number): Promise<readonly ModuleTime[]> {
  const entries = await nodeFiles.list(folder);
  const names = entries.map((e) => e.name).filter((name) => /^profile_.*\.json$/.test(name));
  const newest = names.sort().at(-1);
  if (newest === undefined) {
    throw new Fault('engine', `${folder}: expected a profile of the runtime, got none. Does this provider write one?`);
  }
  const bytes = await nodeFiles.read(joinPath(folder, newest), 2 ** 29);
  return profileByModule(new TextDecoder().decode(bytes), depth);
}
