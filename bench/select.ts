/**
 * Whether an id is meant by a pattern: alternatives apart by commas, each with `*` for anything; one without `*` means
 * the id itself and what begins with it and a dot (`resnet50.inference` means `resnet50.inference.b1`).
 * After an `@` comes the peer that is meant, all of them where there is none.
 */
export function selects(pattern: string, id: string, peer: string): boolean {
  return pattern.split(',').some((part) => {
    const [each = '', against = peer] = part.trim().split('@');
    if (each === '' || against !== peer) return false;
    const source = each.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${source.join('.*')}${each.includes('*') ? '' : '(\\..*)?'}$`).test(id);
  });
}
