/** Number of single-letter insertions, deletions and replacements that turn `a` into `b` (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** The names nearest to `name`, best first; empty when none is near. */
export function nearest(name: string, names: readonly string[], most = 3): readonly string[] {
  const wanted = name.toLowerCase();
  return names
    .map((n) => ({ n, d: editDistance(wanted, n.toLowerCase()) }))
    .filter(({ n, d }) => d <= Math.max(2, Math.ceil(Math.min(n.length, wanted.length) / 3)))
    .sort((x, y) => x.d - y.d)
    .slice(0, most)
    .map(({ n }) => n);
}

/** `Did you mean "a" or "b"?`, or the names to choose from when none is near. */
export function didYouMean(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  if (near.length > 0) return `Did you mean ${near.map((n) => `"${n}"`).join(' or ')}?`;
  const shown = names.slice(0, 12).join(', ');
  return names.length > 12 ? `Known: ${shown}, and ${names.length - 12} more.` : `Known: ${shown}.`;
}
