/**
 * A page as slow as on a busy machine. With NPT_TEST_SLOW_PAGE=300 every frame, timer and change of size reaches the page's script 300 ms
 * late, and every message its receiver: a test that reads before the page could answer then fails each time, not one time in fifty.
 */
import type { Page } from 'playwright-core';

const LATE_MS = Number(process.env['NPT_TEST_SLOW_PAGE'] ?? 0);

/** Calls at once, or late; in the order of the calls. */
export function late(act: () => void): void {
  if (LATE_MS === 0) act();
  else setTimeout(act, LATE_MS);
}

/** Makes a page slow whose script has not run yet. */
export async function slowDown(page: Page): Promise<void> {
  if (LATE_MS === 0) return;
  await page.addInitScript((ms) => {
    const frame = window.requestAnimationFrame.bind(window);
    const timer = window.setTimeout.bind(window);
    const Observer = window.ResizeObserver;
    window.requestAnimationFrame = (act) => timer(() => frame(act), ms);
    window.setTimeout = ((act: () => void, after = 0) => timer(act, after + ms)) as typeof setTimeout;
    window.ResizeObserver = class extends Observer {
      constructor(act: ResizeObserverCallback) {
        super((entries, observer) => {
          timer.call(
            window,
            () => {
              act(entries, observer);
            },
            ms,
          );
        });
      }
    };
  }, LATE_MS);
}
