import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../src/core/fault.ts';
import type { Entrant } from './measure.ts';
import { writeResnet50 } from './ours/load.ts';
import { writePictures } from './ours/pipeline.ts';
import { findPython, type Python } from './python.ts';
import { type Launch, ProcessSide } from './side.ts';
import type { ConvSubject, NetworkSubject, PipelineSubject, Subject, SubjectOptions } from './subject.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const FORMATS = ['contiguous', 'channels_last'] as const;

/** Makes entrants for the machine at hand. `threads`: of every side; where absent, each side's own default of all cores. */
export class Entrants {
  readonly #threads: number | undefined;
  readonly #cores: number;
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'farsight-bench-'));
  #python: Python | undefined | null = null;
  #tfjs = false;

  constructor(cores: number, threads?: number) {
    this.#cores = cores;
    this.#threads = threads;
  }

  /** Our side of a subject. */
  ours(subject: Subject): Entrant {
    return { label: 'farsight', open: () => this.#start(node('farsight', 'ours/serve.ts'), subject) };
  }

  /** PyTorch, contiguous and channels last. */
  pytorch(subject: Subject): readonly Entrant[] {
    return FORMATS.map((format) => ({
      label: `pytorch ${format}`,
      open: () => this.#start(this.#torch(`pytorch ${format}`), subject, { format }),
    }));
  }

  /** ONNX Runtime, the same version as ours, on the file that PyTorch exports for a network. */
  exported(subject: NetworkSubject): readonly Entrant[] {
    const label = 'onnxruntime on the export of pytorch';
    const open = async (): Promise<ProcessSide> => {
      const path = join(this.#folder, `${subject.network}-b${subject.batch}.onnx`);
      if (!existsSync(path)) await this.#export(subject, path);
      return this.#start(node(label, 'peers/exported.ts'), { kind: 'onnx', path, of: subject });
    };
    return [{ label, open }];
  }

  /** Our side of loading ResNet-50's state, 102 MB, as safetensors of ours or as a checkpoint of torch.save. */
  loads(format: 'safetensors' | 'pth'): Entrant {
    return { label: 'farsight', open: async () => this.#load(node('farsight', 'ours/serve.ts'), format) };
  }

  /** torch.load of the checkpoint that {@link loads} reads. */
  torchLoads(): readonly Entrant[] {
    return [{ label: 'torch.load', open: async () => this.#load(this.#torch('torch.load'), 'pth') }];
  }

  /** Node reading the same bytes and doing nothing with them, into new memory or into the same again. */
  plainRead(into: 'new' | 'same'): readonly Entrant[] {
    const label = into === 'new' ? 'readFile' : 'read into one buffer';
    return [{ label, open: async () => this.#load(node(label, 'peers/read.ts'), 'safetensors', into) }];
  }

  /** Our image pipeline, on as many threads as there are cores unless it says otherwise. */
  pipeline(subject: Omit<PipelineSubject, 'kind' | 'folder'>): Entrant {
    const workers = subject.workers ?? this.#cores;
    const open = async (): Promise<ProcessSide> =>
      this.#start(node('farsight', 'ours/serve.ts'), await this.#pictures({ ...subject, workers }));
    return { label: 'farsight', open };
  }

  /** torchvision's ImageFolder under torch's DataLoader, with as many workers as there are cores and with half of that. */
  dataLoaders(subject: Omit<PipelineSubject, 'kind' | 'folder'>): readonly Entrant[] {
    const numbers = new Set([this.#cores, Math.ceil(this.#cores / 2)]);
    return [...numbers].map((workers) => {
      const label = `torchvision, ${workers} workers`;
      const open = async (): Promise<ProcessSide> =>
        this.#start(this.#torch(label), await this.#pictures({ ...subject, workers }));
      return { label, open };
    });
  }

  /** TensorFlow.js with its WebAssembly backend, fetched from the registry into a folder of its own when first asked for. */
  tfjs(subject: ConvSubject): readonly Entrant[] {
    const open = async (): Promise<ProcessSide> => {
      if (!this.#tfjs) installTfjs();
      this.#tfjs = true;
      return this.#start(node('tfjs-wasm', 'peers/tfjs.ts'), subject);
    };
    return [{ label: 'tfjs-wasm', open }];
  }

  /** Removes exported files. */
  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #start(launch: Launch, subject: Subject, options: SubjectOptions = {}): Promise<ProcessSide> {
    const threads = this.#threads === undefined ? {} : { threads: this.#threads };
    return ProcessSide.start(launch, { ...subject, ...options, ...threads });
  }

  #torch(name: string): Launch {
    if (this.#python === null) this.#python = findPython();
    if (!this.#python) {
      const message = `${name}: no python3 with torch, torchvision and numpy was found. On Debian install python3-torch and python3-torchvision, or set FARSIGHT_PYTHON.`;
      throw new Fault('engine', message);
    }
    // OPENBLAS_CORETYPE would hold PyTorch's matrix products to another processor's kernels.
    const threads = String(this.#threads ?? this.#cores);
    const env = { OMP_NUM_THREADS: threads, OPENBLAS_CORETYPE: undefined, PYTHONDONTWRITEBYTECODE: '1' };
    return { name, command: this.#python.path, args: [join(HERE, 'peers/pytorch.py')], env };
  }

  async #load(launch: Launch, format: 'safetensors' | 'pth', into?: 'new' | 'same'): Promise<ProcessSide> {
    const path = join(this.#folder, `resnet50.${format}`);
    if (!existsSync(path)) await (format === 'pth' ? this.#save(path) : writeResnet50(path));
    return this.#start(launch, { kind: 'load', path, ...(into && { into }) });
  }

  async #pictures(subject: Omit<PipelineSubject, 'kind' | 'folder'>): Promise<PipelineSubject> {
    const folder = join(this.#folder, 'pictures');
    if (!existsSync(folder)) await writePictures(folder);
    return { kind: 'pipeline', folder, ...subject };
  }

  async #save(path: string): Promise<void> {
    const subject: NetworkSubject = { kind: 'network', network: 'resnet50', batch: 1, size: 224, mode: 'inference' };
    const side = await this.#start(this.#torch('torch.save'), subject);
    try {
      await side.ask({ do: 'save', path });
    } finally {
      await side.quit();
    }
  }

  async #export(subject: NetworkSubject, path: string): Promise<void> {
    const side = await this.#start(this.#torch('export of pytorch'), subject);
    try {
      await side.ask({ do: 'export', path });
    } finally {
      await side.quit();
    }
  }
}

function node(name: string, script: string): Launch {
  return {
    name,
    command: process.execPath,
    args: ['--expose-gc', '--import', import.meta.resolve('tsx'), join(HERE, script)],
    env: { NODE_OPTIONS: undefined },
  };
}

function installTfjs(): void {
  const folder = join(HERE, 'peers/tfjs');
  if (existsSync(join(folder, 'node_modules/@tensorflow/tfjs-backend-wasm'))) return;
  const args = ['install', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund'];
  const { status, stderr, error } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split('\n').at(-1);
  throw new Fault('engine', `tfjs-wasm: npm could not install it in bench/peers/tfjs: ${why}`);
}
