/** What kind of thing went wrong. */
export type FaultCode = 'shape' | 'config' | 'graph' | 'engine' | 'data';

/**
 * The one error of this library. Its sentence says where, what was expected, what was got, and what to do:
 * `stage3.5.context: expected a reduction that divides 6 channels, got 4. Use 1, 2, 3 or 6.`
 */
export class Fault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'Fault';
    this.code = code;
  }
}

/** Throws a {@link Fault} unless `claim` holds. */
export function expect(claim: boolean, code: FaultCode, message: string | (() => string)): asserts claim {
  if (!claim) throw new Fault(code, typeof message === 'string' ? message : message());
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
