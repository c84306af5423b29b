import type { Prediction } from './predictor.ts';

/**
 * Predictions as CSV (RFC 4180), a row each: the picture, `top` classes with their probabilities, and why there are none.
 */
export function predictionsCsv(predictions: readonly Prediction[], top: number): string {
  const places = Array.from({ length: top }, (_, i) => i);
  const head = ['picture', ...places.flatMap((i) => [`class ${i + 1}`, `probability ${i + 1}`]), 'reason'];
  const rows = predictions.map(({ path, classes, reason }) => [
    path,
    ...places.flatMap((i) => [classes[i]?.name ?? '', classes[i]?.probability.toPrecision(6) ?? '']),
    reason ?? '',
  ]);
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
