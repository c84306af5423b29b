import { joinBytes } from '../../core/bytes.ts';
import { Fault, messageOf } from '../../core/fault.ts';

/** How far a download may go. */
export interface DownloadLimits {
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** The longest that the whole may take; 30,000. */
  readonly milliseconds?: number;
  /** Addresses that may be gone on to; 5. */
  readonly redirects?: number;
}

/** The bytes at an http or https address; a `data` fault that names it when they cannot be had within the limits. */
export async function download(address: string, limits: DownloadLimits): Promise<Uint8Array> {
  const { maxBytes, signal, milliseconds = 30_000, redirects = 5 } = limits;
  const ended = AbortSignal.timeout(milliseconds);
  const stop = signal ? AbortSignal.any([signal, ended]) : ended;
  try {
    return await bounded(await follow(address, redirects, stop), address, maxBytes);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof Fault) throw cause;
    const got = ended.aborted ? `nothing within ${milliseconds / 1000} s` : reason(cause);
    throw new Fault('data', `${address}: expected a picture, got ${got}. Check the address.`, { cause });
  }
}

async function follow(address: string, redirects: number, signal: AbortSignal): Promise<Response> {
  let at = URL.canParse(address) ? new URL(address) : null;
  for (let hop = 0; hop <= redirects; hop++) {
    if (at?.protocol !== 'http:' && at?.protocol !== 'https:') {
      throw new Fault(
        'data',
        `${address}: expected an http or https address, got ${at?.protocol ?? 'something else'}.`,
      );
    }
    const response = await fetch(at, { redirect: 'manual', signal });
    const next = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || next === null) return response;
    await response.body?.cancel();
    at = URL.canParse(next, at) ? new URL(next, at) : null;
  }
  throw new Fault('data', `${address}: expected at most ${redirects} redirections, got more.`);
}

async function bounded(response: Response, address: string, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): Fault =>
    new Fault('data', `${address}: expected at most ${maxBytes} bytes, got more. Is it the picture that you mean?`);
  if (!response.ok) {
    await response.body?.cancel();
    throw new Fault('data', `${address}: expected a picture, got status ${response.status}. Check the address.`);
  }
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw tooLarge();
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > maxBytes) throw tooLarge();
    pieces.push(piece);
  }
  return joinBytes(pieces);
}

/** What lay below "fetch failed". */
function reason(error: unknown): string {
  const { cause } = Object(error) as { readonly cause?: unknown };
  return `an error (${messageOf(cause ?? error)})`;
}
