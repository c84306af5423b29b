/** The value of a promise, or the reason of a signal that comes first; keeps nothing once it is settled. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let stop = (): void => undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      stop = () => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      promise.then(resolve, reject);
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
