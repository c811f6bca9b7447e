/** Waiting for what a test means. */

/**
 * Waits until a value is there.
 * @param what names it in the failure
 */
export async function eventually<T>(
  what: string,
  limitMs: number,
  read: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const until = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > until) throw new Error(`Waited ${limitMs / 1000} s in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
