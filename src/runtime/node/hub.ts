import { readFile, stat } from 'node:fs/promises';
import { Fault, messageOf } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import {
  checkRepositoryPath,
  chooseWeightsFile,
  type Hub,
  type HubFile,
  type HubReference,
  type HubRequest,
  isWeightsFile,
  showHubReference,
} from '../../weights/hub.ts';
import { readShardIndex } from '../../weights/sharded.ts';
import { type HubStore, hubCacheFolder, hubStore, isCommit, isFile } from './hub-cache.ts';
import { type HubClient, hubClient, type RemoteFile } from './hub-client.ts';
import { download, type Patience, statusOf } from './hub-download.ts';

/** Options of {@link nodeHub}; what is absent is as the environment says. */
export interface NodeHubOptions {
  /** Folder of downloaded files; FARSIGHT_CACHE, or that of the hub's own clients. */
  readonly cache?: string;
  /** Address of the hub; HF_ENDPOINT, or the public one. */
  readonly endpoint?: string;
  /** What lets private files be read; HF_TOKEN. */
  readonly token?: string;
  /** Whether nothing may be downloaded; FARSIGHT_OFFLINE or HF_HUB_OFFLINE. */
  readonly offline?: boolean;
  /** The largest file that is downloaded, in bytes; 8 GiB. */
  readonly maxBytes?: number;
  readonly patience?: Partial<Patience>;
}

const PATIENCE: Patience = { tries: 5, stall: 60_000, wait: 500 };
const MAX_BYTES = 8 * 2 ** 30;
const MAX_INDEX = 16 * 2 ** 20;

interface Settings {
  readonly cache: string;
  readonly offline: boolean;
  readonly maxBytes: number;
  readonly patience: Patience;
  readonly client: HubClient;
}

/** The Hugging Face hub through its official client, with the cache that its other clients share. */
export function nodeHub(options: NodeHubOptions = {}): Hub {
  return { fetch: (reference, request = {}) => fetchFile(reference, request, settingsOf(options)) };
}

function settingsOf(options: NodeHubOptions): Settings {
  const { env } = process;
  const on = (name: string): boolean => /^(1|true|yes|on)$/i.test(env[name] ?? '');
  const endpoint = options.endpoint ?? env['HF_ENDPOINT'];
  const token = options.token ?? env['HF_TOKEN'];
  return {
    cache: options.cache ?? hubCacheFolder(env),
    offline: options.offline ?? (on('FARSIGHT_OFFLINE') || on('HF_HUB_OFFLINE')),
    maxBytes: options.maxBytes ?? MAX_BYTES,
    patience: { ...PATIENCE, ...options.patience },
    client: hubClient({ ...(endpoint && { endpoint }), ...(token && { token }) }),
  };
}

/** What is asked for, and where it may be. */
interface Search {
  readonly reference: HubReference;
  readonly revision: string;
  readonly request: HubRequest;
  readonly settings: Settings;
  readonly store: HubStore;
  /** The reference in words. */
  readonly where: string;
}

async function fetchFile(reference: HubReference, request: HubRequest, settings: Settings): Promise<HubFile> {
  const revision = reference.revision ?? 'main';
  const store = hubStore(settings.cache, reference.repo);
  const search = { reference, revision, request, settings, store, where: showHubReference(reference) };
  if (request.offline ?? settings.offline) return (await cachedFile(search, [])) ?? refuseOffline(search);
  // A commit never changes: what is here of it needs no question.
  const known = isCommit(revision) && reference.path !== null ? await cachedFile(search, []) : null;
  if (known) return known;
  const { client } = settings;
  let commit: string;
  let files: readonly string[];
  try {
    ({ commit, files } = await client.repository(reference.repo, revision, request.signal));
  } catch (error) {
    return await withoutHub(search, error);
  }
  const path = reference.path ?? chooseWeightsFile(files, where(reference));
  if (!files.includes(path)) throw missing(search, path, files);
  const cached = await fetchPath(search, commit, path);
  await store.remember(revision, commit);
  return fileOf(search, { commit, path, cached, notes: [] });
}

const where = (reference: HubReference): string => showHubReference({ ...reference, revision: null });

/** Downloads a file of a commit, and its shards, unless they are here; says whether they were. */
async function fetchPath(search: Search, commit: string, path: string): Promise<boolean> {
  let cached = await fetchOne(search, commit, path);
  for (const shard of await shardsOf(search, commit, path)) {
    cached = (await fetchOne(search, commit, shard)) && cached;
  }
  return cached;
}

/** Paths of the shards of a downloaded index; none for another file. */
async function shardsOf({ store, where: name }: Search, commit: string, path: string): Promise<readonly string[]> {
  if (!path.endsWith('.index.json')) return [];
  const index = store.snapshot(commit, path);
  if ((await stat(index)).size > MAX_INDEX) {
    throw new Fault('data', `${name}: expected an index of at most ${MAX_INDEX} bytes, got a larger one.`);
  }
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const { shards } = readShardIndex(await readFile(index, 'utf8'), `${name}: ${path}`);
  return shards.map((shard) => folder + shard);
}

/** Downloads one file of a commit unless it is here; says whether it was. */
async function fetchOne(search: Search, commit: string, path: string): Promise<boolean> {
  const { reference, request, settings, store } = search;
  checkRepositoryPath(path, search.where);
  if (!isWeightsFile(path)) {
    const wanted = 'a file of weights (.safetensors, .pth, .pt, .bin or an index of shards)';
    throw new Fault('data', `${search.where}: expected ${wanted}, got ${JSON.stringify(path)}.`);
  }
  if (await isFile(store.snapshot(commit, path))) return true;
  const name = showHubReference({ ...reference, path });
  const remote = await settings.client
    .file({ repo: reference.repo, commit, path }, request.signal)
    .catch((error: unknown) => {
      throw hubFault(search, error);
    });
  if (remote === null) throw missing(search, path, []);
  checkSize(name, remote, settings.maxBytes);
  const blob = store.blob(remote.hash.value);
  const had = await isFile(blob);
  if (!had) {
    const onProgress = (received: number): void =>
      request.onProgress?.({ repo: reference.repo, path, received, total: remote.size });
    const { size, hash, open } = remote;
    const wanted = {
      name,
      size,
      hash,
      path: blob,
      open,
      onProgress,
      ...(request.signal && { signal: request.signal }),
    };
    await download(wanted, settings.patience).catch((error: unknown) => {
      throw hubFault(search, error);
    });
  }
  await store.link(commit, path, remote.hash.value);
  return had;
}

function checkSize(name: string, { size }: RemoteFile, most: number): void {
  if (size <= most) return;
  throw new Fault(
    'data',
    `${name}: expected at most ${most} bytes, got a file of ${size}. Is it the one that you mean?`,
  );
}

/** The file as far as it was downloaded before, with all shards; null where something is missing. */
async function cachedFile(search: Search, notes: readonly string[]): Promise<HubFile | null> {
  const { reference, revision, store } = search;
  const commit = await store.commitOf(revision);
  if (commit === null) return null;
  const files = await store.files(commit);
  if (files.length === 0) return null;
  const path = reference.path ?? chooseWeightsFile(files, where(reference));
  if (!files.includes(path)) return null;
  const shards = await shardsOf(search, commit, path);
  if (!shards.every((shard) => files.includes(shard))) return null;
  return fileOf(search, { commit, path, cached: true, notes });
}

function fileOf(
  { reference, store }: Search,
  { commit, path, ...rest }: Pick<HubFile, 'commit' | 'cached' | 'notes'> & { readonly path: string },
): HubFile {
  return { path: store.snapshot(commit, path), repo: reference.repo, file: path, commit, ...rest };
}

function refuseOffline({ where: name, settings }: Search): never {
  throw new Fault(
    'data',
    `${name}: expected a file that was downloaded before, since offline nothing is fetched, got none in ${settings.cache}. Fetch it once online.`,
  );
}

/** What is here already where the hub cannot be reached; where it can but refuses, its refusal. */
async function withoutHub(search: Search, error: unknown): Promise<HubFile> {
  search.request.signal?.throwIfAborted();
  const fault = hubFault(search, error);
  if (error instanceof Fault || statusOf(error) !== null) throw fault;
  const note = `The hub could not be reached (${messageOf(error)}): what was downloaded before is taken.`;
  const cached = await cachedFile(search, [note]);
  if (cached) return cached;
  throw fault;
}

function missing({ where: name }: Search, path: string, files: readonly string[]): Fault {
  const weights = files.filter(isWeightsFile);
  const advice = weights.length === 0 ? 'Check the name.' : didYouMean(path, weights);
  return new Fault('data', `${name}: expected a file "${path}" in the repository, got none of that name. ${advice}`);
}

/** What the hub's client throws, as a sentence. */
function hubFault({ where: name, request }: Search, error: unknown): unknown {
  if (error instanceof Fault || request.signal?.aborted) return error;
  const status = statusOf(error);
  const say = (got: string, advice: string): Fault =>
    new Fault('data', `${name}: expected a file of the hub, got ${got}. ${advice}`, { cause: error });
  switch (status) {
    case 401:
    case 403: {
      const got = `no access (status ${status})`;
      return say(got, 'Check the name; for a private or gated repository set HF_TOKEN to a token that may read it.');
    }
    case 404:
      return say('no such repository or revision (status 404)', 'Check owner, name and revision.');
    case null:
      return say(`no answer (${causeOf(error)})`, 'Check the connection; HF_ENDPOINT names another address.');
    default:
      return say(`status ${status}`, 'Try again later.');
  }
}

/** The innermost message: fetch says only that it failed. */
function causeOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? causeOf(error.cause) : messageOf(error);
}
