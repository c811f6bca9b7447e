/** The page inside a webview editor. */
import type { Frame, Page } from 'playwright-core';

const POLL_MS = 100;

/**
 * The innermost frame of a webview whose page has an element for the selector: a webview is a frame in a frame, and a
 * hidden one keeps its frames for a moment.
 * @throws when none appears in time
 */
export async function webviewFrame(page: Page, selector: string, timeoutMs = 120_000): Promise<Frame> {
  const until = Date.now() + timeoutMs;
  while (Date.now() < until) {
    for (const frame of page.frames()) {
      if (frame.name() !== 'active-frame' && !frame.url().includes('fake.html')) continue;
      try {
        if ((await frame.locator(selector).count()) > 0) return frame;
      } catch {
        // Frames come and go while we look: the next round sees the new ones.
      }
    }
    await page.waitForTimeout(POLL_MS);
  }
  throw new Error(`No webview with ${selector} within ${timeoutMs / 1000} s.`);
}
