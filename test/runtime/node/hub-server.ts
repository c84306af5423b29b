import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the little hub has and how it behaves. */
export interface HubServerOptions {
  /** The repository that it has; `some/model` where absent. */
  readonly repo?: string;
  /** Files of the repository by path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Those that are kept apart, behind a redirect, with a SHA-256; the others have Git's hash. */
  readonly large?: readonly string[];
  /** A token without which it answers 401. */
  readonly token?: string;
}

/** A request that came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** A hub of one repository on this computer. */
export interface HubServer {
  readonly url: string;
  readonly commit: string;
  /** Every request, the first first. */
  readonly seen: Seen[];
  /** Changes how it answers from now on. */
  readonly faults: {
    /** Connections for contents are cut after so many bytes, as often as the number says. */
    cut?: { readonly after: number; times: number };
    /** Whether it sends whole files where a part is asked for. */
    ignoreRange?: boolean;
    /** What it sends instead of the contents. */
    other?: Uint8Array;
    /** A status that it answers to contents. */
    status?: number;
    /** The hash it claims. */
    hash?: string;
  };
  close(): Promise<void>;
}

const COMMIT = 'c'.repeat(40);

/** Starts the little hub. */
export async function startHubServer(options: HubServerOptions): Promise<HubServer> {
  const seen: Seen[] = [];
  const faults: HubServer['faults'] = {};
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    seen.push({ method, path, range: headers.range, authorization: headers.authorization });
    answer(request, response, { options, faults }).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return { url, commit: COMMIT, seen, faults, close };
}

interface Hub {
  readonly options: HubServerOptions;
  readonly faults: HubServer['faults'];
}

async function answer(request: IncomingMessage, response: ServerResponse, hub: Hub): Promise<void> {
  const url = new URL(request.url!, 'http://hub');
  const json = (value: unknown): void => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  };
  const refuse = (status: number): void => {
    response.statusCode = status;
    json({ error: 'refused' });
  };
  const { options, faults } = hub;
  const behind = /^\/large\/(.+)$/.exec(url.pathname);
  if (behind) return sendPart(request, response, { bytes: options.files[decodeURIComponent(behind[1]!)]!, faults });
  if (options.token && request.headers.authorization !== `Bearer ${options.token}`) return refuse(401);
  const { repo = 'some/model' } = options;
  const revision = url.pathname.startsWith(`/api/models/${repo}/revision/`) && url.pathname.split('/').at(-1)!;
  if (revision && /^(HEAD|main|v1|c{40})$/.test(revision)) {
    const siblings = Object.keys(options.files).map((rfilename) => ({ rfilename }));
    return json({ id: repo, sha: COMMIT, siblings });
  }
  if (url.pathname === `/api/models/${repo}/paths-info/${COMMIT}`) {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { paths } = JSON.parse(body) as { paths: string[] };
    return json(paths.filter((p) => options.files[p]).map((p) => factsOf(p, hub)));
  }
  const contents = `/${repo}/resolve/${COMMIT}/`;
  const path = url.pathname.startsWith(contents) ? url.pathname.slice(contents.length) : '';
  const bytes = options.files[path];
  if (!bytes) return refuse(404);
  if (!options.large?.includes(path)) return sendPart(request, response, { bytes, faults });
  // Another name of this computer: another origin, as that of a store of large files is.
  const { port } = request.socket.address() as AddressInfo;
  response.writeHead(302, { location: `http://localhost:${port}/large/${encodeURIComponent(path)}` }).end();
}

/** What the hub says of a file. */
function factsOf(path: string, { options, faults }: Hub): object {
  const bytes = options.files[path]!;
  const facts = { type: 'file', path, size: bytes.length, oid: faults.hash ?? gitHash(bytes) };
  if (!options.large?.includes(path)) return facts;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { ...facts, lfs: { oid: faults.hash ?? sha256, size: bytes.length, pointerSize: 134 } };
}

/** Git's name for a file: the SHA-1 of a header and its bytes. */
export function gitHash(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

function sendPart(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, faults }: { readonly bytes: Uint8Array; readonly faults: HubServer['faults'] },
): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const probe = from === '0' && to === '0';
  if (faults.status !== undefined && !probe) {
    response.writeHead(faults.status).end();
    return;
  }
  const contents = faults.other ?? bytes;
  const whole = from === undefined || (faults.ignoreRange === true && !probe);
  const part = whole ? contents : contents.subarray(Number(from), Number(to) + 1);
  const headers = { etag: '"etag"', 'content-length': part.length };
  if (whole) response.writeHead(200, headers);
  else response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${to}/${bytes.length}` });
  const { cut } = faults;
  if (!cut || cut.times < 1 || probe) {
    response.end(part);
    return;
  }
  cut.times -= 1;
  response.write(part.subarray(0, cut.after), () => setTimeout(() => response.destroy(), 20));
}
