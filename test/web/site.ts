import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import { CORPUS } from '../golden/corpus.ts';

const ROOT = join(import.meta.dirname, '../..');

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  mjs: 'text/javascript',
  css: 'text/css',
  wasm: 'application/wasm',
};

/** No evaluated code, nothing from elsewhere, nothing inline: only compiling WebAssembly is allowed besides. */
export const POLICY: string = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  'img-src * blob: data:',
].join('; ');

/** A folder of a site, or its file. */
export interface SiteFolder {
  /** Beginning of addresses, ending in `/`. */
  readonly at: string;
  readonly folder: string;
}

/** A web site on this computer. */
export interface Site {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves files and folders under a strict content-security policy. All is cross-origin isolated but what is called
 * `plain`; `open/` may be read by other origins, nothing else.
 */
export async function serve(
  files: ReadonlyMap<string, Uint8Array>,
  folders: readonly SiteFolder[] = [],
): Promise<Site> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    head(response, pathname);
    const bytes = files.get(pathname) ?? inFolders(pathname, folders);
    if (bytes) response.end(bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}`, close: () => closed(server) };
}

function head(response: ServerResponse, path: string): void {
  response.setHeader('content-type', TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream');
  response.setHeader('content-security-policy', POLICY);
  if (path.includes('plain')) return;
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-embedder-policy', 'require-corp');
}

function inFolders(path: string, folders: readonly SiteFolder[]): Uint8Array | undefined {
  const found = folders.find(({ at }) => path.startsWith(at));
  if (!found || path.includes('..')) return undefined;
  const file = join(found.folder, decodeURIComponent(path.slice(found.at.length)));
  return existsSync(file) && statSync(file).isFile() ? readFileSync(file) : undefined;
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** ONNX Runtime's files at `/ort/`, and the golden corpus at `/golden/`. */
export const FOLDERS: readonly SiteFolder[] = [
  { at: '/ort/', folder: join(ROOT, 'node_modules/onnxruntime-web/dist') },
  { at: '/golden/', folder: CORPUS },
];

/** The pages and workers of the tests, built by esbuild, by address, and the file of WebAssembly beside them. */
export async function builtPages(): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'test/web/page.ts'), join(ROOT, 'test/web/worker.ts')],
    outdir: '/',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'error',
    logOverride: { 'import-is-undefined': 'silent' },
  });
  const html = new TextEncoder().encode(
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
  );
  const wasm = readFileSync(join(ROOT, 'node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'));
  return new Map([
    ['/ort-wasm-simd-threaded.wasm', wasm],
    ['/index.html', html],
    ['/plain.html', html],
    ...outputFiles.map((f) => [f.path, f.contents] as const),
  ]);
}
