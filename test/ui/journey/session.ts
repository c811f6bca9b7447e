/** A window on the demo's workspace with the packaged extension installed, and its pictures. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DEMO_SETTINGS, interpreterSettings } from '../../../tools/demo/settings.mjs';
import { SHARED_CPU, stopTraining } from '../../../tools/demo/training.mjs';
import { endWithProcess, signalGroup } from '../../../tools/setup/ending.mjs';
import { ensureVscodeHost } from '../../../tools/setup/vscode-host.mjs';
import { installExtension, startWorkbench, type Workbench } from '../../../tools/vscode-host/server.mjs';
import { launchBrowser } from '../../vscode/browser';
import { switchTheme, THEME_SETTINGS, type ThemeName } from '../../vscode/theme';
import { TreePage } from '../../vscode/tree';
import { WorkbenchPage } from '../../vscode/workbench';
import { eventually } from '../../eventually';
import { waitingRun } from './disk';

/** What a journey starts from. */
export interface JourneyInput {
  /** The packaged extension. */
  readonly vsix: string;
  /** A demo workspace (tools/demo/workspace.mjs) with a run that was interrupted in its mixed stage. */
  readonly workspace: string;
  /** Interpreter with the trainer's requirements. */
  readonly python: string;
  /** Folder for the pictures. */
  readonly screenshots: string;
}

export interface JourneySession {
  readonly input: JourneyInput;
  /** Folder of the run that waits to be resumed. */
  readonly run: string;
  /** Folder of the run that the journey branches off it, once it has. */
  branch: string | undefined;
  readonly window: WorkbenchPage;
  readonly tree: TreePage;
  /** Where the packaged extension is installed. */
  readonly extension: string;
  /** Leaves `<number>-<name>-<theme>.png` for each theme (light and dark unless said); the window is dark afterwards. */
  readonly shot: (name: string, themes?: readonly ThemeName[]) => Promise<void>;
  /** Changes a setting of the user's, and opens the window anew so that it surely applies. */
  setSetting(name: string, value: unknown): Promise<void>;
  /** Reloads the window; the tree is shown again when it resolves. */
  reload(): Promise<void>;
  /** Kills the process that runs the extension (SIGKILL); resolves when VS Code has started another. */
  killExtensionHost(): Promise<void>;
  /** Kills VS Code's server with all that belongs to it (SIGKILL), starts it anew, and opens the workspace in the window. */
  killServer(): Promise<void>;
  /** Leaves one picture of the window as it is, for a failure. */
  failureShot(): Promise<void>;
  close(): Promise<void>;
}

const SHOT_THEMES: readonly ThemeName[] = ['light', 'dark'];
/** Colours fade for this long after a theme change. */
const FADE_MS = 400;

const RESTARTS_WITHIN_MS = 120_000;
/** VS Code does by itself, or not at all. */
const RESTARTS_ITSELF_MS = 30_000;

/** The extension hosts of a server, which is the leader of their process group (Linux). */
function extensionHosts(server: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state = '', , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8');
        return !'ZX'.includes(state) && Number(group) === server && words.includes('--type=extensionHost');
      } catch {
        return false; // it has just ended
      }
    })
    .map(Number);
}

/** Installs the extension in a VS Code of its own and opens the workspace in it. */
export async function openSession(input: JourneyInput): Promise<JourneySession> {
  const run = waitingRun(input.workspace);
  mkdirSync(input.screenshots, { recursive: true });
  const data = mkdtempSync(path.join(os.tmpdir(), 'npt-journey-'));
  const removeData = (): void => {
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  };
  const forget = endWithProcess(removeData);
  try {
    return await openWindow(input, run, data, () => {
      forget();
      removeData();
    });
  } catch (error) {
    forget();
    removeData();
    throw error;
  }
}

function installedExtension(data: string): string {
  const extensions = path.join(data, 'extensions');
  const folder = readdirSync(extensions).find((name) => name.startsWith('npt-checkpoints.'));
  if (folder === undefined) throw new Error(`The extension is not in ${extensions}.`);
  return path.join(extensions, folder);
}

async function openWindow(
  input: JourneyInput,
  run: string,
  data: string,
  removeData: () => void,
): Promise<JourneySession> {
  const host = await ensureVscodeHost();
  installExtension(host, data, input.vsix);
  const serve = (): Promise<Workbench> =>
    startWorkbench(host, data, {
      settings: {
        ...DEMO_SETTINGS,
        ...THEME_SETTINGS,
        'workbench.reduceMotion': 'on',
      },
      machineSettings: interpreterSettings(input.python),
      env: SHARED_CPU,
      args: ['--disable-workspace-trust'],
    });
  let workbench = await serve();
  const browser = await launchBrowser();
  const { page } = browser;
  page.setDefaultTimeout(180_000);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(workbench.address(input.workspace));
  const window = new WorkbenchPage(page);
  await window.waitReady();
  const tree = new TreePage(page, 'Experiments');
  const ready = async (): Promise<void> => {
    await window.waitReady();
    await window.showContainer('NPT');
    await tree.row(path.basename(run)).waitFor({ timeout: 180_000 });
  };
  const reload = async (): Promise<void> => {
    await Promise.all([page.waitForEvent('load'), window.runCommand('Developer: Reload Window')]);
    await ready();
  };
  let number = 0;
  return {
    input,
    run,
    branch: undefined,
    extension: installedExtension(data),
    window,
    tree,
    async setSetting(name, value) {
      const { settingsFile } = workbench;
      const known = JSON.parse(readFileSync(settingsFile, 'utf8')) as Record<string, unknown>;
      writeFileSync(settingsFile, `${JSON.stringify({ ...known, [name]: value }, null, 2)}\n`);
      await reload();
    },
    reload,
    async killExtensionHost() {
      const before = extensionHosts(workbench.pid);
      if (before.length === 0) throw new Error('No extension host runs.');
      for (const pid of before) process.kill(pid, 'SIGKILL');
      const another = (withinMs: number): Promise<number> =>
        eventually('another extension host', withinMs, () =>
          extensionHosts(workbench.pid).find((pid) => !before.includes(pid)),
        );
      try {
        await another(RESTARTS_ITSELF_MS);
      } catch {
        // VS Code asks its server how the host ended, and where that takes longer than two seconds it gives up: a person
        // restarts it.
        await window.runCommand('Developer: Restart Extension Host');
        await another(RESTARTS_WITHIN_MS);
      }
    },
    async killServer() {
      signalGroup(workbench.pid, 'SIGKILL');
      await workbench.exited;
      await workbench.stop();
      workbench = await serve();
      await page.goto(workbench.address(input.workspace));
      await ready();
    },
    async shot(name, themes = SHOT_THEMES) {
      number += 1;
      for (const theme of themes) {
        await switchTheme(page, theme);
        await page.waitForTimeout(FADE_MS);
        const file = `${String(number).padStart(2, '0')}-${name}-${theme}.png`;
        await page.screenshot({ path: path.join(input.screenshots, file) });
      }
      await switchTheme(page, 'dark');
    },
    async failureShot() {
      number += 1;
      await page.screenshot({ path: path.join(input.screenshots, `${String(number).padStart(2, '0')}-failed.png`) });
    },
    async close() {
      await browser.close();
      await workbench.stop();
      await stopTraining(input.workspace, 15_000);
      removeData();
    },
  };
}
