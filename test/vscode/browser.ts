/** The Chromium whose page is the window of a served VS Code. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { findChromium } from '../../tools/setup/chromium.mjs';
import { endWithProcess } from '../../tools/setup/ending.mjs';

export interface Browser {
  readonly page: Page;
  close(): Promise<void>;
}

/**
 * A fresh, headless profile with one page.
 * @param size CSS pixels; the default is a small laptop's window
 * @throws where there is no Chromium
 */
export async function launchBrowser(size = { width: 1400, height: 900 }): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error('No Chromium found: set CHROMIUM, or start the tests with `npm test`.');
  const profile = mkdtempSync(path.join(os.tmpdir(), 'npt-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: size,
    // Signals are handled in one place (tools/setup/ending.mjs): server and browser end together.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    args: [
      // Chromium's sandbox refuses to start as root, which containers usually are.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Nothing in a test talks to any other machine, and what tries fails at once instead of waiting.
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    ],
  });
  const close = async (): Promise<void> => {
    forget();
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  const forget = endWithProcess(close);
  return { page: context.pages()[0] ?? (await context.newPage()), close };
}
