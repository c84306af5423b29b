/** Cycles from one product of two 32-bit integers to the next that needs it, on x86 processors since 2010. */
const PRODUCT_CYCLES = 3;
const PRODUCTS = 4e7;

/**
 * The clock at which a core runs, in MHz: the pace of a chain of integer products, the best of five. It does not say
 * how far the clock falls when all cores work on wide vectors.
 */
export function measuredClock(): number {
  chain(1e6, 0x9e3779b1);
  const paces = [1, 3, 5, 7, 9].map((factor) => {
    const start = performance.now();
    chain(PRODUCTS, factor);
    return (PRODUCT_CYCLES * PRODUCTS) / (performance.now() - start) / 1000;
  });
  return Math.max(...paces);
}

/** x factor^n modulo 2^32, each product waiting for the one before. */
function chain(n: number, factor: number): number {
  let x = 12345;
  for (let i = 0; i < n; i += 4) {
    x = Math.imul(x, factor);
    x = Math.imul(x, factor);
    x = Math.imul(x, factor);
    x = Math.imul(x, factor);
  }
  return x;
}
