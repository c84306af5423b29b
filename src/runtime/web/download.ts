import { joinBytes } from '../../core/bytes.ts';
import { Fault, messageOf } from '../../core/fault.ts';

/** How an address is read. */
export interface WebDownload {
  /** More is refused, before it is read where the server says its size. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** Told how many bytes there are, of how many: null where the server does not say. */
  readonly onBytes?: (received: number, total: number | null) => void;
}

/** The bytes at an address that a page may read; a `data` fault that names it when they cannot be had. */
export async function webDownload(address: string | URL, options: WebDownload): Promise<Uint8Array> {
  const { maxBytes, signal, onBytes } = options;
  const where = String(address);
  try {
    const response = await fetch(address, signal ? { signal } : {});
    if (!response.ok) throw wrong(where, `status ${response.status}`);
    const said = response.headers.get('content-encoding') === null ? response.headers.get('content-length') : null;
    const total = said === null ? null : Number(said);
    const tooLarge = wrong(where, `more than ${maxBytes} bytes`);
    if (total !== null && total > maxBytes) throw tooLarge;
    return await gathered(response, (received) => {
      if (received > maxBytes) throw tooLarge;
      onBytes?.(received, total);
    });
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof Fault) throw cause;
    throw wrong(where, `an error (${messageOf(cause)})`, cause);
  }
}

function wrong(where: string, got: string, cause?: unknown): Fault {
  const advice = 'Check the address, and whether its server allows this page to read it.';
  return new Fault('data', `${where}: expected a file, got ${got}. ${advice}`, { cause });
}

async function gathered(response: Response, count: (received: number) => void): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array(await response.arrayBuffer());
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      length += piece.value.length;
      count(length);
      pieces.push(piece.value);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
  return joinBytes(pieces);
}
