import { Fault } from '../../core/fault.ts';
import { checkRepositoryPath } from '../../weights/hub.ts';
import { isCommit } from './hub-cache.ts';
import { type Download, RangeIgnored, StatusError } from './hub-download.ts';

/** A file on the hub: what is known of it, and how its bytes are asked for. */
export type RemoteFile = Pick<Download, 'size' | 'hash' | 'open'>;

/** Where in the hub a file is. */
interface Place {
  readonly repo: string;
  readonly commit: string;
  readonly path: string;
}

/** The questions that are asked of the hub; each throws what the official client throws. */
export interface HubClient {
  /** The commit of a revision, and all paths of its files. */
  repository(
    repo: string,
    revision: string,
    signal?: AbortSignal,
  ): Promise<{ readonly commit: string; readonly files: readonly string[] }>;
  /** A file of a commit; null where there is none. */
  file(place: Place, signal?: AbortSignal): Promise<RemoteFile | null>;
}

/** Time that a question without a large answer may take, in milliseconds. */
const ANSWER = 30_000;

type Fetch = typeof fetch;

/** The official client, asked in the three ways that downloads need. Its module is loaded with the first question. */
export function hubClient(settings: HubAddress): HubClient {
  return {
    repository: async (repo, revision, signal) => {
      const { modelInfo, HUB_URL } = await import('@huggingface/hub');
      const options = checked(settings, HUB_URL);
      const fields = { additionalFields: ['sha', 'filePaths'] as ('sha' | 'filePaths')[] };
      const fetching = guarded(within(signal), options.hubUrl);
      const info = await modelInfo({ ...options, ...fields, name: repo, revision, fetch: fetching });
      const files = Array.isArray(info.filePaths) ? info.filePaths.filter((p) => typeof p === 'string') : [];
      if (typeof info.sha !== 'string' || !isCommit(info.sha)) throw strange(repo, 'a commit', info.sha);
      return { commit: info.sha, files };
    },
    file: async (place, signal) => {
      const { downloadFile, pathsInfo, HUB_URL } = await import('@huggingface/hub');
      const options = checked(settings, HUB_URL);
      const { repo, commit, path } = place;
      checkRepositoryPath(path, repo);
      const fetching = guarded(within(signal), options.hubUrl);
      const [info] = await pathsInfo({ ...options, repo, revision: commit, paths: [path], fetch: fetching });
      if (info?.type !== 'file') return null;
      const { size, hash } = factsOf(place, info);
      const open: RemoteFile['open'] = async (offset, until) => {
        const reading = guarded(until, options.hubUrl);
        // Without Xet a file is one stream of bytes, which can be taken up at any place.
        const blob = await downloadFile({ ...options, repo, path, revision: commit, xet: false, fetch: reading });
        if (!blob) throw new StatusError(404);
        if (blob.size !== size) throw strange(`${repo}/${path}`, `${size} bytes`, blob.size);
        return streamOf(offset === 0 ? blob : blob.slice(offset), reading);
      };
      return { size, hash, open };
    },
  };
}

/** Where the hub is and what lets private files be read. */
export interface HubAddress {
  readonly endpoint?: string;
  readonly token?: string;
}

function checked({ endpoint, token }: HubAddress, usual: string): { hubUrl: string; accessToken?: string } {
  if (token !== undefined && !token.startsWith('hf_')) {
    throw new Fault('config', 'HF_TOKEN: expected a token that begins with "hf_", got something else.');
  }
  const hubUrl = (endpoint ?? usual).replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]/.test(hubUrl) || !URL.canParse(hubUrl)) {
    throw new Fault('config', `HF_ENDPOINT: expected an address that begins with https://, got "${hubUrl}".`);
  }
  return { hubUrl, ...(token && { accessToken: token }) };
}

function within(signal: AbortSignal | undefined): AbortSignal {
  const limit = AbortSignal.timeout(ANSWER);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

function strange(where: string, expected: string, got: unknown): Fault {
  const said = JSON.stringify(got)?.slice(0, 100) ?? 'nothing';
  return new Fault('data', `${where}: expected ${expected} in the hub's answer, got ${said}.`);
}

/** Size and hash of a file, as the hub tells them before it is downloaded. */
function factsOf(
  { repo, path }: Place,
  info: {
    readonly size: number;
    readonly oid?: string;
    readonly lfs?: { readonly oid: string; readonly size: number };
  },
): Pick<RemoteFile, 'size' | 'hash'> {
  const size = info.lfs?.size ?? info.size;
  const where = `${repo}/${path}`;
  if (!Number.isSafeInteger(size) || size < 0) throw strange(where, 'a size', size);
  if (info.lfs) {
    const value = String(info.lfs.oid).replace(/^sha256:/, '');
    if (!/^[0-9a-f]{64}$/.test(value)) throw strange(where, 'a SHA-256', info.lfs.oid);
    return { size, hash: { kind: 'sha256', value } };
  }
  if (typeof info.oid !== 'string' || !isCommit(info.oid)) throw strange(where, "a blob's hash", info.oid);
  return { size, hash: { kind: 'git', value: info.oid } };
}

/** What stopped the last request of a {@link guarded} fetch; the client's streams keep only its message. */
const failures = new WeakMap<Fetch, unknown>();

/**
 * A fetch that ends with `signal`, sends a token to the hub alone, and tells errors that no second try mends and
 * servers that ignore the range asked for.
 */
function guarded(signal: AbortSignal, endpoint: string): Fetch {
  const asking: Fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (url.origin !== new URL(endpoint).origin) headers.delete('authorization');
    const range = headers.get('range');
    if (range) headers.set('accept-encoding', 'identity');
    try {
      const response = await fetch(input, { ...init, headers, signal });
      if (range && !range.startsWith('bytes=0-') && response.status === 200) {
        await response.body?.cancel();
        throw new RangeIgnored('the server sends whole files only');
      }
      if (!response.ok) failures.set(asking, new StatusError(response.status));
      return response;
    } catch (error) {
      failures.set(asking, error);
      throw error;
    }
  };
  return asking;
}

/** The bytes of a blob of the client, whose errors are those of its request. */
async function streamOf(blob: Blob, fetching: Fetch): Promise<ReadableStream<Uint8Array>> {
  const reader = blob.stream().getReader();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        const cause = failures.get(fetching);
        throw cause ?? (error instanceof Error ? error : new Error(String(error)));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
