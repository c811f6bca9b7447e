/** Runs an extension and its test entry as VS Code's executable would, in a served VS Code with Chromium as the window. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { format } from 'node:util';
import { endWithProcess } from '../../tools/setup/ending.mjs';
import { ensureVscodeHost } from '../../tools/setup/vscode-host.mjs';
import { startWorkbench } from '../../tools/vscode-host/server.mjs';
import { parseArguments } from './arguments';
import { launchBrowser } from './browser';

/** Ends what hangs: on a machine with other work in-host suites have taken twenty minutes. */
const LIMIT_MS = 55 * 60_000;
/** The workbench's own log lines, between which the tests' output would be lost. */
const NOISE =
  /^(Resolv(ing|ed) connection token|Creating a socket|\[(reconnection-grace-time|AgentHost|AccountPolicyGate|Service Worker)|Updating additional builtin|Ignoring fetching additional|%c)/;

/** Exits with the tests' exit code, 1 when VS Code ends before they do, 124 when they take too long. */
async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2));
  const data = mkdtempSync(path.join(os.tmpdir(), 'npt-vscode-'));
  endWithProcess(() => {
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  });
  try {
    process.exitCode = await runTests(options, data);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runTests(options: ReturnType<typeof parseArguments>, data: string): Promise<number> {
  const resolved = (folder: string | undefined): string | undefined =>
    folder === undefined ? undefined : path.resolve(folder);
  const release = process.env.NPT_TEST_VSCODE === 'oldest' ? 'oldest' : 'newest';
  const workbench = await startWorkbench(await ensureVscodeHost(release), data, {
    userDataFolder: resolved(options.userDataFolder),
    extensionsFolder: resolved(options.extensionsFolder),
    // Only with the driver is a development payload honoured; it also brings the two functions below.
    args: ['--enable-smoke-test-driver', ...(options.disableWorkspaceTrust ? ['--disable-workspace-trust'] : [])],
  });
  const browser = await launchBrowser();
  let timer: NodeJS.Timeout | undefined;
  try {
    const { page } = browser;
    // What the extension host prints (a reporter's lines) arrives in the page's console, unformatted.
    await page.exposeFunction('codeAutomationLog', (type: string, parts: unknown[]) => {
      const line = format(...parts);
      if (NOISE.test(line)) return;
      if (type === 'error' || type === 'warn') console.error(line);
      else console.log(line);
    });
    const ended = new Promise<number>((resolve, reject) => {
      void page.exposeFunction('codeAutomationExit', resolve);
      page.once('crash', () => {
        reject(new Error("VS Code's window crashed."));
      });
      void workbench.exited.then((how) => {
        reject(new Error(`VS Code's server ended before the tests did (${how}): ${workbench.log().slice(-2000)}`));
      });
      timer = setTimeout(() => {
        resolve(124);
      }, LIMIT_MS);
    });
    const remote = (file: string): string => `vscode-remote://127.0.0.1:${workbench.port}${path.resolve(file)}`;
    const payload = [
      ...options.extensionDevelopmentPaths.map((folder) => ['extensionDevelopmentPath', remote(folder)]),
      ...(options.extensionTestsPath === undefined ? [] : [['extensionTestsPath', remote(options.extensionTestsPath)]]),
      ['skipWelcome', 'true'],
      ['skipReleaseNotes', 'true'],
      ...(options.disableExtensions ? [['disableExtensions', 'true']] : []),
    ];
    await page.goto(workbench.address(options.open, { payload: JSON.stringify(payload) }));
    return await ended;
  } finally {
    clearTimeout(timer);
    await browser.close();
    await workbench.stop();
  }
}

void main();
