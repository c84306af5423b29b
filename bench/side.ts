import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Fault } from '../src/core/fault.ts';
import { resetPeak, resident } from './memory.ts';
import type { Part, Request, Subject, SubjectOptions } from './subject.ts';

/** How a side's process is started. */
export interface Launch {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Changes of the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a side of a contest can be asked. Times are in milliseconds, memory in MB. */
export interface Side {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  /** The side's process; undefined where each run is a new one. */
  readonly pid: number | undefined;
  output(): Promise<readonly Part[]>;
  run(n: number, warm: number): Promise<readonly number[]>;
  /** Lets the peak of memory begin anew. */
  resetPeak(): void;
  /** Resident memory before the subject was prepared, and the most since the reset; undefined where unknown. */
  memory(): { readonly idle: number; readonly peak: number } | undefined;
  quit(): Promise<void>;
}

interface Answer {
  readonly error?: string;
  readonly versions?: Readonly<Record<string, string>>;
  readonly times?: readonly number[];
  readonly parts?: readonly { readonly name: string; readonly size: number }[];
}

/** Whether processes come in groups here. */
const GROUPS = process.platform !== 'win32';

/** Longest wait for one answer. */
const PATIENCE_MS = 600_000;

/** A long-lived process that holds one subject and answers requests, a line of JSON each. */
export class ProcessSide implements Side {
  readonly name: string;
  versions: Readonly<Record<string, string>> = {};
  readonly #child: ChildProcess;
  readonly #folder: string;
  #answers: ((answer: Answer) => void)[] = [];
  #stderr = '';
  #ended: string | undefined;
  #idle: number | undefined;

  private constructor(launch: Launch) {
    this.name = launch.name;
    this.#folder = mkdtempSync(join(tmpdir(), 'farsight-bench-'));
    const env = { ...process.env, ...launch.env };
    for (const [key, value] of Object.entries(launch.env ?? {})) if (value === undefined) delete env[key];
    // a group of its own, so that the processes that a side starts end with it: they hold its pipes open
    this.#child = spawn(launch.command, launch.args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: GROUPS });
    this.#child.stderr!.on('data', (data) => {
      this.#stderr = (this.#stderr + String(data)).slice(-2000);
    });
    this.#child.stdin!.on('error', () => undefined); // a side that died is told by its exit
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('close', (code, signal) => this.#end(`it ended with ${signal ?? `status ${code}`}`));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#answers.shift()?.(JSON.parse(line) as Answer); // written by serve.ts or pytorch.py
    });
  }

  /** Starts the process and prepares the subject in it. */
  static async start(launch: Launch, subject: Subject & SubjectOptions): Promise<ProcessSide> {
    const side = new ProcessSide(launch);
    try {
      const ready = await side.#next();
      side.versions = ready.versions ?? {};
      side.#idle = resident(side.#child.pid!)?.now;
      await side.ask({ do: 'prepare', subject });
      return side;
    } catch (error) {
      await side.quit();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Sends a request and awaits the answer; a fault where the side answers with an error, ends or is too slow. */
  async ask(request: Request): Promise<Answer> {
    const answer = this.#next();
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  async output(): Promise<readonly Part[]> {
    const path = join(this.#folder, 'output.f32');
    const { parts = [] } = await this.ask({ do: 'output', path });
    const bytes = readFileSync(path);
    const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    let at = 0;
    return parts.map(({ name, size }) => {
      at += size;
      return { name, values: all.subarray(at - size, at) };
    });
  }

  async run(n: number, warm: number): Promise<readonly number[]> {
    return (await this.ask({ do: 'run', n, warm })).times ?? [];
  }

  resetPeak(): void {
    if (this.#child.pid === undefined || !resetPeak(this.#child.pid)) this.#idle = undefined;
  }

  memory(): { readonly idle: number; readonly peak: number } | undefined {
    const now = this.#child.pid === undefined ? undefined : resident(this.#child.pid);
    return now && this.#idle !== undefined ? { idle: this.#idle, peak: now.peak } : undefined;
  }

  async quit(): Promise<void> {
    if (this.#ended === undefined) {
      const ended = new Promise((resolve) => this.#child.once('close', resolve));
      this.#kill(); // nothing of it is kept, and a busy side would not read a request
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #kill(): void {
    try {
      if (GROUPS) process.kill(-this.#child.pid!, 'SIGKILL');
      else this.#child.kill('SIGKILL');
    } catch {
      // it has just ended
    }
  }

  #next(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const refuse = (why: string): void => reject(new Fault('engine', `${this.name}: ${why}`));
      if (this.#ended !== undefined) return refuse(this.#ended);
      const timer = setTimeout(() => refuse(`no answer in ${PATIENCE_MS / 1000} s.`), PATIENCE_MS);
      this.#answers.push((answer) => {
        clearTimeout(timer);
        if (answer.error === undefined) resolve(answer);
        else refuse(answer.error);
      });
    });
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    const last = this.#stderr.trim().split('\n').slice(-3).join(' ');
    this.#ended = last === '' ? why : `${why}: ${last}`;
    for (const answer of this.#answers.splice(0)) answer({ error: this.#ended });
  }
}
