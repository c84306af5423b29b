import { lstat, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { random } from '../../../src/core/random.ts';
import { type NodeHubOptions, nodeHub } from '../../../src/runtime/node/hub.ts';
import { temporaryFolder } from '../../../src/runtime/node/temporary.ts';
import type { HubFile, HubProgress, HubRequest } from '../../../src/weights/hub.ts';
import { parseHubReference } from '../../../src/weights/hub.ts';
import { gitHash, type HubServer, type HubServerOptions, startHubServer } from './hub-server.ts';

const draws = random(0, 'hub');
const WEIGHTS = Uint8Array.from({ length: 300_000 }, () => draws.integer(256));
const SMALL = new TextEncoder().encode('{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}');
const FILES = {
  'model.safetensors': WEIGHTS,
  'sharded/m.safetensors.index.json': SMALL,
  'sharded/m-1.safetensors': WEIGHTS.subarray(0, 1000),
  'sharded/m-2.safetensors': WEIGHTS.subarray(1000, 3000),
  'config.json': SMALL,
  'bad.safetensors.index.json': new TextEncoder().encode('{"weight_map": {"a": "config.json"}}'),
};
const ROOT = 'models--some--model';

let cache: Awaited<ReturnType<typeof temporaryFolder>>;
let server: HubServer;
const opened: HubServer[] = [];
const serve = async (options: Partial<HubServerOptions> = {}): Promise<HubServer> => {
  const made = await startHubServer({ files: FILES, large: ['model.safetensors'], ...options });
  opened.push(made);
  return made;
};

beforeEach(async () => {
  cache = await temporaryFolder();
  server = await serve();
});
afterEach(async () => {
  for (const s of opened.splice(0)) await s.close();
  await cache.remove();
});

const patience = { wait: 1, tries: 3, stall: 5000 };
const get = (text: string, options: NodeHubOptions = {}, request: HubRequest = {}): Promise<HubFile> =>
  nodeHub({ cache: cache.path, endpoint: server.url, patience, ...options }).fetch(parseHubReference(text)!, request);
const contents = (): string[] =>
  server.seen.filter((s) => s.path.startsWith('/large/') && s.range !== 'bytes=0-0').map((s) => s.range ?? 'whole');
/** Whether a byte stands at its place in a file. */
const sameAt = async (path: string): Promise<(byte: number, i: number) => boolean> => {
  const bytes = await readFile(path);
  return (byte, i) => bytes.length === WEIGHTS.length && bytes[i] === byte;
};
const blobs = async (): Promise<string[]> => (await readdir(join(cache.path, ROOT, 'blobs'))).sort();

describe('a file of the hub', () => {
  it('is downloaded behind a redirect into the cache of the hub’s own clients', async () => {
    const progress: HubProgress[] = [];
    const file = await get('hf:some/model', {}, { onProgress: (p) => progress.push(p) });
    expect(file).toMatchObject({ file: 'model.safetensors', commit: server.commit, cached: false, notes: [] });
    expect(WEIGHTS.every(await sameAt(file.path))).toBe(true);
    expect(file.path).toBe(join(cache.path, ROOT, 'snapshots', server.commit, 'model.safetensors'));
    expect((await lstat(file.path)).isSymbolicLink()).toBe(true);
    expect(await readlink(file.path)).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(await readFile(join(cache.path, ROOT, 'refs', 'main'), 'utf8')).toBe(server.commit);
    expect(progress.at(-1)).toEqual({
      repo: 'some/model',
      path: 'model.safetensors',
      received: 300_000,
      total: 300_000,
    });
    expect((await blobs()).filter((n) => !/^[0-9a-f]{64}$/.test(n))).toEqual([]);
  });

  it('is not downloaded twice', async () => {
    await get('hf:some/model/model.safetensors@v1');
    const again = await get('hf:some/model/model.safetensors@v1');
    expect(again.cached).toBe(true);
    expect(contents()).toEqual(['whole']);
  });

  it('of a commit that is here needs no question', async () => {
    await get(`hf:some/model/model.safetensors@${server.commit}`);
    const before = server.seen.length;
    expect(await get(`hf:some/model/model.safetensors@${server.commit}`)).toMatchObject({ cached: true });
    expect(server.seen.length).toBe(before);
  });

  it('that is an index comes with its shards beside it', async () => {
    const file = await get('hf:some/model/sharded/m.safetensors.index.json');
    expect((await readdir(dirname(file.path))).sort()).toEqual([
      'm-1.safetensors',
      'm-2.safetensors',
      'm.safetensors.index.json',
    ]);
    expect((await stat(join(dirname(file.path), 'm-2.safetensors'))).size).toBe(2000);
    expect(await blobs()).toContain(gitHash(WEIGHTS.subarray(0, 1000)));
  });

  it('asked for twice at once is downloaded once', async () => {
    await Promise.all([get('hf:some/model'), get('hf:some/model')]);
    expect(contents()).toEqual(['whole']);
  });

  it('is asked for with the token, which a redirect elsewhere does not get', async () => {
    server = await serve({ token: 'hf_secret' });
    await get('hf:some/model', { token: 'hf_secret' });
    const tokens = (large: boolean): Set<string | undefined> =>
      new Set(server.seen.filter((s) => s.path.startsWith('/large/') === large).map((s) => s.authorization));
    expect(tokens(false)).toEqual(new Set(['Bearer hf_secret']));
    expect(tokens(true)).toEqual(new Set([undefined]));
  });
});

describe('a download that is cut', () => {
  it('is gone on from where it stood', async () => {
    server.faults.cut = { after: 100_000, times: 2 };
    const file = await get('hf:some/model');
    expect(WEIGHTS.every(await sameAt(file.path))).toBe(true);
    expect(contents()).toEqual(['whole', 'bytes=100000-299999', 'bytes=200000-299999']);
  });

  it('for good keeps its part, from which the next goes on', async () => {
    server.faults.cut = { after: 50_000, times: 1 };
    const once = { patience: { ...patience, tries: 1 } };
    const stop = new AbortController();
    const onProgress = (): void => stop.abort();
    await expect(get('hf:some/model', once, { signal: stop.signal, onProgress })).rejects.toThrow();
    const part = (await blobs()).find((n) => n.endsWith('.incomplete'));
    expect(part).toBeDefined();
    const { size } = await stat(join(cache.path, ROOT, 'blobs', part!));
    const file = await get('hf:some/model');
    expect(contents().at(-1)).toBe(`bytes=${size}-299999`);
    expect(WEIGHTS.every(await sameAt(file.path))).toBe(true);
  });

  it('again and again without a byte is given up by name', async () => {
    server.faults.cut = { after: 0, times: 99 };
    await expect(get('hf:some/model')).rejects.toThrow(
      /hf:some\/model\/model.safetensors: expected 300000 bytes, got 0 before the connection ended .* try again/,
    );
    expect(contents()).toHaveLength(3);
  });

  it('begins anew where the server sends whole files only', async () => {
    server.faults.cut = { after: 100_000, times: 1 };
    server.faults.ignoreRange = true;
    const file = await get('hf:some/model');
    expect(WEIGHTS.every(await sameAt(file.path))).toBe(true);
    expect(contents()).toEqual(['whole', 'bytes=100000-299999', 'whole']);
  });

  it('is not gone on from a part of something else', async () => {
    const file = await get('hf:some/model');
    const [hash] = await blobs();
    await rm(file.path);
    await rm(join(cache.path, ROOT, 'blobs', hash!));
    await writeFile(join(cache.path, ROOT, 'blobs', `${hash}.incomplete`), new Uint8Array(1000));
    await get('hf:some/model');
    expect(contents()).toEqual(['whole', 'bytes=1000-299999', 'whole']);
    expect(WEIGHTS.every(await sameAt(file.path))).toBe(true);
  });

  it('is not disturbed by the lock of a process that is gone', async () => {
    const blob = join(cache.path, ROOT, 'blobs', gitHash(WEIGHTS.subarray(0, 1000)));
    await mkdir(dirname(blob), { recursive: true });
    await writeFile(`${blob}.lock`, '2147483646');
    await get('hf:some/model/sharded/m-1.safetensors');
    expect(await blobs()).toEqual([gitHash(WEIGHTS.subarray(0, 1000))]);
  });
});

describe('a file with a wrong hash', () => {
  const spoilt = WEIGHTS.slice();
  spoilt[123] = spoilt[123]! ^ 1;

  it('is refused and thrown away', async () => {
    server.faults.other = spoilt;
    await expect(get('hf:some/model')).rejects.toThrow(/expected the hash [0-9a-f]{12}\.\., got other bytes/);
    expect(await blobs()).toEqual([]);
    await expect(get('hf:some/model', { offline: true })).rejects.toThrow('downloaded before');
  });

  it('is refused where its hash is Git’s', async () => {
    server.faults.other = spoilt.subarray(0, 1000);
    await expect(get('hf:some/model/sharded/m-1.safetensors')).rejects.toThrow('got other bytes');
  });

  it('of no known form is refused before a byte comes', async () => {
    server.faults.hash = '../../evil';
    await expect(get('hf:some/model')).rejects.toThrow('a SHA-256');
    expect(contents()).toEqual([]);
  });

  it('is refused where more comes than was said', async () => {
    server.faults.other = new Uint8Array([...WEIGHTS, 1]);
    await expect(get('hf:some/model')).rejects.toThrow('expected 300000 bytes, got more');
  });
});

describe('a refusal', () => {
  it('of an unknown repository says what to check', async () => {
    await expect(get('hf:some/other')).rejects.toThrow(
      'hf:some/other: expected a file of the hub, got no such repository or revision (status 404). Check owner',
    );
  });

  it('of an unknown file lists what is like it', async () => {
    await expect(get('hf:some/model/model.safetensor')).rejects.toThrow('Did you mean "model.safetensors"');
  });

  it('without access speaks of the token', async () => {
    server = await serve({ token: 'hf_secret' });
    await expect(get('hf:some/model')).rejects.toThrow('no access (status 401). Check the name; for a private');
    await expect(get('hf:some/model', { token: 'secret' })).rejects.toThrow('begins with "hf_"');
  });

  it('of the contents is not asked again, that of a busy server is', async () => {
    server.faults.status = 403;
    await expect(get('hf:some/model')).rejects.toThrow('status 403');
    expect(contents()).toHaveLength(1);
    server.faults.status = 503;
    await expect(get('hf:some/model')).rejects.toThrow('expected 300000 bytes, got 0');
    expect(contents()).toHaveLength(4);
  });

  it('of anything but weights, and of a file that is too large, comes before the download', async () => {
    await expect(get('hf:some/model/config.json')).rejects.toThrow('expected a file of weights');
    await expect(get('hf:some/model/bad.safetensors.index.json')).rejects.toThrow('got "config.json"');
    await expect(get('hf:some/model', { maxBytes: 299_999 })).rejects.toThrow(
      'at most 299999 bytes, got a file of 300000',
    );
    expect(contents()).toEqual([]);
  });
});

describe('without the hub', () => {
  it('what was downloaded before is given', async () => {
    await get('hf:some/model');
    const before = server.seen.length;
    expect(await get('hf:some/model', { offline: true })).toMatchObject({ cached: true, file: 'model.safetensors' });
    expect(await get('hf:some/model', {}, { offline: true })).toMatchObject({ cached: true });
    expect(server.seen.length).toBe(before);
  });

  it('the environment may say so, and where the cache is', async () => {
    const before = { ...process.env };
    Object.assign(process.env, { FARSIGHT_CACHE: cache.path, HF_HUB_OFFLINE: '1', HF_ENDPOINT: server.url });
    try {
      await expect(nodeHub().fetch(parseHubReference('hf:some/model')!)).rejects.toThrow(`got none in ${cache.path}`);
    } finally {
      process.env = before;
    }
    expect(server.seen).toEqual([]);
  });

  it('what is not there is a fault that says how to get it', async () => {
    await expect(get('hf:some/model', { offline: true })).rejects.toThrow('Fetch it once online.');
  });

  it('an index of which a shard is missing counts as not there', async () => {
    const file = await get('hf:some/model/sharded/m.safetensors.index.json');
    await rm(join(dirname(file.path), 'm-2.safetensors'));
    const offline = get('hf:some/model/sharded/m.safetensors.index.json', { offline: true });
    await expect(offline).rejects.toThrow('downloaded before');
  });

  it('that cannot be reached, what is here is taken and the reason is said', async () => {
    await get('hf:some/model');
    await server.close();
    const file = await get('hf:some/model');
    expect(file.cached).toBe(true);
    expect(file.notes[0]).toMatch(/could not be reached/);
    await rm(cache.path, { recursive: true });
    await expect(get('hf:some/model')).rejects.toThrow('got no answer');
  });
});
