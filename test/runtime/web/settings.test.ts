import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/tensor.ts';
import { createSession, type Session } from '../../../src/engine/session.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { input } from '../../../src/graph/trace.ts';
import { webDownload } from '../../../src/runtime/web/download.ts';
import { hasWebGpu, wasmRuntime, webRuntime } from '../../../src/runtime/web/onnx.ts';
import { addressOf, threadCount } from '../../../src/runtime/web/settings.ts';

describe('options of the runtime for the web', () => {
  test('say where a file lies, by its folder or by a function', () => {
    const file = 'ort-wasm-simd-threaded.wasm';
    expect(addressOf(file, {})).toBeUndefined();
    expect(addressOf(file, { locateFile: '/ort/' })).toBe('/ort/ort-wasm-simd-threaded.wasm');
    expect(addressOf(file, { locateFile: (name) => new URL(name, 'https://example.org/a/') })).toBe(
      'https://example.org/a/ort-wasm-simd-threaded.wasm',
    );
    expect(() => addressOf(file, { locateFile: '/ort' })).toThrow('address of a folder, ending in "/", got "/ort"');
  });
  test('mean one thread where nothing is said and memory is not shared', () => {
    expect(threadCount({})).toBe(1);
    expect(() => threadCount({ threads: 0 })).toThrow('threads: expected a whole number of at least 1, got 0.');
  });
  test('must stay the same once it is loaded', async () => {
    await (await double()).release();
    const other = wasmRuntime({ threads: 2 });
    await expect(double(other)).rejects.toThrow('that ONNX Runtime was loaded with here (1 threads and no address)');
  });
});

const shared = wasmRuntime();

function double(runtime = shared): Promise<Session> {
  const x = input('x', 'float32', [2]);
  return createSession(runtime, new Map([['y', op.add(x, x)]]), { provider: 'wasm' });
}

describe('the runtime for the web', () => {
  test('makes and runs sessions one after the other, however they are asked for', async () => {
    const sessions = await Promise.all([double(), double(), double()]);
    const results = await Promise.all(sessions.map((s, i) => s.run({ x: float32([2], [i, 1]) })));
    expect(results.map((r) => [...(r['y']!.data as Float32Array)])).toEqual([
      [0, 2],
      [2, 2],
      [4, 2],
    ]);
    await Promise.all(sessions.map((s) => s.release()));
  });
  test('goes on after a graph that it refuses', async () => {
    const bad = shared.load(new Uint8Array([1, 2, 3]), { provider: 'wasm' });
    const good = double();
    await expect(bad).rejects.toThrow('the runtime refused the graph (provider wasm)');
    await (await good).release();
  });
  test('releases what it still holds', async () => {
    const runtime = wasmRuntime();
    const session = await double(runtime);
    await runtime.dispose();
    await expect(session.run({ x: float32([2], [0, 1]) })).rejects.toThrow();
    await runtime.dispose();
  });
  test('names the providers that there are where another is asked for', async () => {
    expect(await hasWebGpu()).toBe(false);
    await expect(webRuntime().load(new Uint8Array(), { provider: 'webgpu' })).rejects.toThrow(
      'provider: expected one that this browser has (wasm), got "webgpu". WebGPU needs a browser and device that have it, and https or localhost.',
    );
  });
});

describe('an address that a page reads', () => {
  let server: Server;
  let address = '';
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/ten') response.end('0123456789');
      else if (request.url === '/endless') {
        const more = setInterval(() => response.write(new Uint8Array(1000)), 1);
        response.on('close', () => clearInterval(more));
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('gives its bytes, and says how many there are', async () => {
    const seen: unknown[] = [];
    const bytes = await webDownload(`${address}/ten`, { maxBytes: 10, onBytes: (...said) => seen.push(said) });
    expect(new TextDecoder().decode(bytes)).toBe('0123456789');
    expect(seen).toEqual([[10, 10]]);
  });
  test.each([
    ['/ten', 'expected a file, got more than 9 bytes'],
    ['/endless', 'expected a file, got more than 9 bytes'],
    ['/none', 'expected a file, got status 404. Check the address'],
  ])('%s is refused: %s', async (path, message) => {
    await expect(webDownload(address + path, { maxBytes: 9 })).rejects.toThrow(message);
  });
  test('is given up when told to', async () => {
    const stop = new AbortController();
    const onBytes = (): void => stop.abort(new Error('enough'));
    const work = webDownload(`${address}/endless`, { maxBytes: 1e9, signal: stop.signal, onBytes });
    await expect(work).rejects.toThrow('enough');
  });
});
