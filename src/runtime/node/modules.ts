import { existsSync } from 'node:fs';
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Fault, messageOf } from '../../core/fault.ts';

/** Where this package's own doors are, and its zod: modules that are brought get these, and no second copy of them. */
function doors(): Readonly<Record<string, string>> {
  const isSource = import.meta.url.endsWith('.ts');
  const at = (name: string): string => new URL(isSource ? `../../${name}.ts` : `./${name}.js`, import.meta.url).href;
  return { farsight: at('index'), 'farsight/node': at('node'), zod: import.meta.resolve('zod') };
}

/** A loader of Node's, in a thread of its own: the package's names mean the doors that run. */
const LOADER = `let doors;
export function initialize(given) { doors = given; }
export function resolve(name, context, next) {
  return Object.hasOwn(doors, name) ? { url: doors[name], shortCircuit: true } : next(name, context);
}`;

let registered = false;

/**
 * Runs a module of the user's and gives what it exports. `farsight` in it is this very package. TypeScript is read where
 * Node reads it (22.18 and later, or under tsx).
 */
export async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(path);
  if (!existsSync(file)) throw new Fault('config', `${path}: expected a module, found no such file.`);
  if (!registered) {
    register(`data:text/javascript,${encodeURIComponent(LOADER)}`, { data: doors() });
    registered = true;
  }
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const typescript = code === 'ERR_UNKNOWN_FILE_EXTENSION';
    const why = typescript
      ? `this Node (${process.version}) reads no TypeScript. Use Node 22.18 or later, or write it as .mjs.`
      : `expected a module that loads, got: ${messageOf(cause)}`;
    throw new Fault('config', `${path}: ${why}`, { cause });
  }
}
