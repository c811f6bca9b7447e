/** The Chromium that drives the workbench in tests and in the headless demo. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from './cache.mjs';
import { ask, onPath, runLogged } from './command.mjs';
import { SetupError } from './failure.mjs';
import { step } from './progress.mjs';

const NAMES = [
  'chromium',
  'google-chrome-stable',
  'google-chrome',
  'chromium-browser',
  'chrome',
  'microsoft-edge-stable',
];
const MAC = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Ubuntu's chromium packages only start a snap, whose confinement cannot use a profile folder of ours. */
function isSnap(file) {
  const real = realpathSync(file);
  if (path.basename(real) === 'snap' || real.startsWith('/snap/')) return true;
  const head = readFileSync(real).subarray(0, 4096).toString('latin1');
  return head.startsWith('#!') && head.includes('/snap/bin');
}

/** Where Playwright's own browser goes: beside our other tools rather than into the user's own Playwright cache. */
const playwrightFolder = () => process.env.PLAYWRIGHT_BROWSERS_PATH ?? path.join(cacheFolder(), 'playwright-browsers');

async function playwrightBrowser() {
  process.env.PLAYWRIGHT_BROWSERS_PATH = playwrightFolder();
  const { chromium } = await import('playwright-core');
  const file = chromium.executablePath();
  return existsSync(file) ? file : undefined;
}

/**
 * A Chromium that works, or undefined.
 * @returns {string | undefined} the executable
 * @throws {SetupError} when $CHROMIUM names one that does not run
 */
export function findChromium() {
  const named = process.env.CHROMIUM;
  if (named !== undefined && named !== '') {
    if (ask(named, ['--version']) === null)
      throw new SetupError(`CHROMIUM is set to ${named}, which does not run: correct or unset it.`);
    return named;
  }
  const candidates = [...NAMES.map((name) => onPath(name)), ...MAC].filter(
    (file) => file !== undefined && existsSync(file),
  );
  return candidates.find((file) => !isSnap(file) && ask(file, ['--version']) !== null);
}

/**
 * The Chromium to use, after the system's packages had their turn. Where a distribution has no real Chromium package,
 * Playwright's build is downloaded.
 * @param {string} root the clone, with node_modules
 * @returns {Promise<string>} the executable
 * @throws {SetupError}
 */
export async function ensureChromium(root) {
  const found = findChromium() ?? (await playwrightBrowser());
  if (found !== undefined) return found;
  const cli = path.join(root, 'node_modules/playwright-core/cli.js');
  const advice = 'install Google Chrome or Chromium (not the snap), or set CHROMIUM to its executable.';
  await step(
    'Chromium',
    "downloading Playwright's build, since the system has none that can be driven (about a minute)",
    async (report) => {
      // The libraries that it needs come as Debian packages; elsewhere, and without root, they have to be there.
      const withLibraries =
        ask('apt-get', ['--version']) !== null && (process.getuid?.() === 0 || ask('sudo', ['-n', 'true']) !== null);
      try {
        await runLogged(
          'the download of Chromium',
          [process.execPath, cli, 'install', ...(withLibraries ? ['--with-deps'] : []), 'chromium'],
          {
            env: { ...process.env, PLAYWRIGHT_BROWSERS_PATH: playwrightFolder() },
            report,
          },
        );
      } catch (error) {
        throw new SetupError(`No Chromium to drive: ${advice} (${error.message})`);
      }
    },
  );
  const downloaded = await playwrightBrowser();
  if (downloaded === undefined) throw new SetupError(`No Chromium to drive: ${advice}`);
  return downloaded;
}
