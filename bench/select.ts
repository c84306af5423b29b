/**
 * Whether an id is meant by a pattern: alternatives apart by commas, each with `*` for anything; one without `*` means
 * the id itself and what begins with it and a dot (`resnet50.inference` means `resnet50.inference.b1`).
 */
export function selects(pattern: string, id: string): boolean {
  return pattern.split(',').some((part) => {
    const each = part.trim();
    if (each === '') return false;
    const source = each.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${source.join('.*')}${each.includes('*') ? '' : '(\\..*)?'}$`).test(id);
  });
}
