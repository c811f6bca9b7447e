/** A served VS Code with a build of the extension in it, for measuring: a script of the caller's stands before its entry. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureVscodeHost } from '../setup/vscode-host.mjs';
import { startWorkbench } from '../vscode-host/server.mjs';
import { launchBrowser } from '../../test/vscode/browser';

const LIMIT_MS = 600_000;

/** An extensions folder with the clone's build in it, measured. */
function install(clone: string, extensions: string, script: string): void {
  const folder = path.join(extensions, 'npt-checkpoints.npt-checkpoints-0.1.0');
  mkdirSync(folder, { recursive: true });
  for (const part of ['dist', 'media', 'supervisor', 'package.nls.json'])
    cpSync(path.join(clone, part), path.join(folder, part), { recursive: true });
  const manifest = JSON.parse(readFileSync(path.join(clone, 'package.json'), 'utf8')) as { main: string };
  const entry = manifest.main;
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ ...manifest, main: './measured.js' }));
  writeFileSync(path.join(folder, 'measured.js'), script.replace('ENTRY', JSON.stringify(entry)));
}

/**
 * Opens a window on a folder.
 *
 * @param clone where `node esbuild.mjs --production` ran
 * @param script the extension's entry: it requires ENTRY, and gives what it measured to `report`; `spent` and `rest` help it
 * @param env variables of the server's, beside this process's
 * @returns what that was
 */
export async function measureInWindow<Figures>(
  clone: string,
  workspace: string,
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Figures> {
  const data = mkdtempSync(path.join(os.tmpdir(), 'npt-bench-window-'));
  const result = path.join(data, 'result.json');
  install(clone, path.join(data, 'extensions'), `${REPORT}${script}`);
  const workbench = await startWorkbench(await ensureVscodeHost(), data, {
    env: { ...env, NPT_BENCH_RESULT: result },
    args: ['--disable-workspace-trust'],
  });
  const browser = await launchBrowser();
  const watching = new AbortController();
  try {
    const written = new Promise<void>((resolve, reject) => {
      watch(data, { signal: watching.signal }, (_, name) => {
        if (name === path.basename(result)) resolve();
      });
      setTimeout(() => {
        reject(new Error(`Nothing was measured within ${LIMIT_MS / 1000} s: ${workbench.log().slice(-2000)}`));
      }, LIMIT_MS).unref();
    });
    await browser.page.goto(workbench.address(workspace));
    await written;
    return JSON.parse(readFileSync(result, 'utf8')) as Figures;
  } finally {
    watching.abort();
    await browser.close();
    await workbench.stop();
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  }
}

const REPORT = `
const report = (figures) => {
  const { writeFileSync, renameSync } = require('node:fs');
  const result = process.env.NPT_BENCH_RESULT;
  writeFileSync(result + '.part', JSON.stringify(figures));
  renameSync(result + '.part', result);
};
/** CPU time in ms since \`before\`. */
const spent = (before) => { const { user, system } = process.cpuUsage(before); return (user + system) / 1000; };
/** Resolves when the host has done next to nothing for a second. */
const rest = async () => {
  for (;;) {
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (spent(before) < 30) return;
  }
};
`;

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
