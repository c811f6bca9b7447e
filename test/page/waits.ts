/**
 * Waiting for what a test of a page means. What a page does about a key or a click comes with a frame, and what it tells its host, and
 * the host it, comes later still: nothing may be read at once that such an answer changes.
 */
import assert from 'node:assert/strict';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { Page } from 'playwright-core';

/** As long as a busy machine may need. */
const LIMIT_MS = 120_000;
const PAUSE_MS = 30;

/** @param what is waited for, said where it never comes */
export async function until(
  check: () => boolean | Promise<boolean>,
  what: string | (() => string | Promise<string>),
): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await check())) {
    if (Date.now() > deadline) assert.fail(`Waited in vain: ${typeof what === 'string' ? what : await what()}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Waits until a value is what it is to be; where it never is, says both. */
export async function becomes<T>(read: () => T | Promise<T>, expected: T): Promise<void> {
  let value: T | undefined;
  await until(
    async () => isDeepStrictEqual((value = await read()), expected),
    () => `${inspect(expected)}; there is ${inspect(value)}`,
  );
}

/** Waits until the page has drawn what it had asked to draw, and what that changed. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((done) => {
        requestAnimationFrame(() => {
          requestAnimationFrame(() => {
            done();
          });
        });
      }),
  );
}
