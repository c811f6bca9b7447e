/** Structural sharing: what did not change keeps its identity, so that "changed" is a comparison of references. */

/** `previous` when it holds the same as `next`, otherwise `next`. */
export function reuseEqual<T>(previous: T | undefined, next: T): T {
  return previous !== undefined && equal(previous, next) ? previous : next;
}

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) => key in b && equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}
