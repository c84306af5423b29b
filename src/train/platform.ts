import type { Files } from '../data/files.ts';
import type { ImageDecoder } from '../data/image.ts';
import type { ImageWorkers } from '../data/load.ts';
import type { Output } from '../data/output.ts';
import type { Runtime } from '../engine/runtime.ts';
import type { EncodePicture } from '../result/attention.ts';
import type { Fact } from '../result/report.ts';
import type { Hub } from '../weights/hub.ts';

/** All that a training run needs of the machine it runs on. */
export interface Platform {
  readonly runtime: Runtime;
  readonly files: Files;
  readonly output: Output;
  readonly decoder: ImageDecoder;
  /** Threads that decode and prepare pictures. */
  readonly startWorkers: (threads: number) => Promise<ImageWorkers>;
  /** Bytes at a web address, bounded in size; absent where a platform has none. */
  readonly download?: (
    address: string,
    limits: { readonly maxBytes: number; readonly signal?: AbortSignal },
  ) => Promise<Uint8Array>;
  readonly encodePicture: EncodePicture;
  /** Where published weights come from; absent where a platform downloads nothing. */
  readonly hub?: Hub;
  /** Bytes of memory that this process holds; absent where a platform cannot say. */
  readonly memory?: () => number;
  /** Cores that may be used. */
  readonly cores: number;
  /** Folder of the embedded emoji; null where this build has none. */
  readonly embedded: string | null;
  /** Version of this library. */
  readonly version: string;
  /** What a report says of the machine: processor, versions. */
  readonly machine: readonly Fact[];
}
