import { secondsLeft } from '../result/progress.ts';

/** Steps over which speed and loss are averaged for the progress line. */
const LATELY = 20;

/** What one step was. */
interface Beat {
  readonly time: number;
  readonly loss: number;
  readonly samples: number;
}

/** How fast a run goes, and how far its loss is, over the last steps of a sitting. */
export class Pulse {
  readonly #began: number = performance.now();
  #beats: readonly Beat[] = [];
  #steps = 0;

  /** An epoch begins: what lies between epochs is no part of a step's time. */
  begin(): void {
    this.#beats = [{ time: performance.now(), loss: Number.NaN, samples: 0 }];
  }

  /** A step is over. */
  beat(loss: number, samples: number): void {
    this.#steps++;
    this.#beats = [...this.#beats.slice(-LATELY), { time: performance.now(), loss, samples }];
  }

  /** Seconds since the sitting began. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  get imagesPerSecond(): number {
    const [first, ...rest] = this.#beats;
    const last = rest.at(-1);
    if (!first || !last) return 0;
    return rest.reduce((n, b) => n + b.samples, 0) / ((last.time - first.time) / 1000);
  }

  get loss(): number {
    const losses = this.#beats.map((b) => b.loss).filter((l) => !Number.isNaN(l));
    return losses.reduce((a, b) => a + b, 0) / losses.length;
  }

  /** Seconds that so many more steps will take. */
  left(steps: number): ReturnType<typeof secondsLeft> {
    return secondsLeft(this.#steps, this.#steps + steps, this.seconds);
  }
}
