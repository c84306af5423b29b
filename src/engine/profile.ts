import { Fault } from '../core/fault.ts';

/** Time spent in one module of a network, over all runs of a session. */
export interface ModuleTime {
  /** Module path, such as `layer3.0.conv1`; `(engine)` for what the runtime added by itself. */
  readonly path: string;
  /** Milliseconds in its kernels. */
  readonly milliseconds: number;
  /** Part of all kernels' time, 0 to 1. */
  readonly share: number;
  /** Kernels run. */
  readonly calls: number;
  /** Milliseconds by operator, most first. */
  readonly operators: readonly { readonly name: string; readonly milliseconds: number }[];
}

const KERNEL = '_kernel_time';
/** Where nodes belong whose names the runtime made up: changes of layout. */
const ENGINE = '(engine)';

/**
 * Adds up ONNX Runtime's profile (its JSON text) by module, most time first. Nodes bear `PATH/OPERATOR_N` as names.
 * `depth` names joined by dots are kept of each path; all where absent.
 */
export function profileByModule(text: string, depth: number = Number.POSITIVE_INFINITY): readonly ModuleTime[] {
  const modules = new Map<string, { time: number; calls: number; operators: Map<string, number> }>();
  let total = 0;
  for (const { name, operator, time } of kernels(text)) {
    const slash = name.lastIndexOf('/');
    const path = slash < 0 ? ENGINE : name.slice(0, slash).split('.').slice(0, depth).join('.');
    const module = modules.get(path) ?? { time: 0, calls: 0, operators: new Map<string, number>() };
    modules.set(path, module);
    module.time += time;
    module.calls += 1;
    module.operators.set(operator, (module.operators.get(operator) ?? 0) + time);
    total += time;
  }
  return [...modules]
    .map(([path, { time, calls, operators }]) => ({
      path,
      milliseconds: time / 1000,
      share: time / total,
      calls,
      operators: [...operators]
        .map(([name, t]) => ({ name, milliseconds: t / 1000 }))
        .sort((a, b) => b.milliseconds - a.milliseconds),
    }))
    .sort((a, b) => b.milliseconds - a.milliseconds || (a.path < b.path ? -1 : 1));
}

interface Kernel {
  readonly name: string;
  readonly operator: string;
  /** Microseconds. */
  readonly time: number;
}

/** The events of a profile that are kernels; a fault if the text is no profile. */
function* kernels(text: string): Generator<Kernel> {
  let events: unknown;
  try {
    events = JSON.parse(text);
  } catch (cause) {
    throw new Fault('engine', 'profile: expected the JSON of ONNX Runtime, got something else.', { cause });
  }
  if (!Array.isArray(events)) throw new Fault('engine', 'profile: expected a list of events, got something else.');
  for (const event of events as readonly unknown[]) {
    const { cat, name, dur, args } = Object(event) as Readonly<Record<string, unknown>>;
    if (cat !== 'Node' || typeof name !== 'string' || typeof dur !== 'number' || !name.endsWith(KERNEL)) continue;
    const operator = (Object(args) as Readonly<Record<string, unknown>>)['op_name'];
    yield { name: name.slice(0, -KERNEL.length), operator: String(operator), time: dur };
  }
}
