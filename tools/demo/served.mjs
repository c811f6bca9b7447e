/** The demo without a desktop's VS Code: the same workbench, served to the user's browser at a local address. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ask } from '../setup/command.mjs';
import { endWithProcess } from '../setup/ending.mjs';
import { SetupError } from '../setup/failure.mjs';
import { installExtension, startWorkbench } from '../vscode-host/server.mjs';
import { DEMO_SETTINGS, interpreterSettings } from './settings.mjs';
import { SHARED_CPU, stopTraining } from './training.mjs';

const STOP_TRAINING_MS = 8_000;

/** Opens the user's browser where there is a desktop; nothing is lost where that fails, the address is printed. */
function openBrowser(address) {
  const desktop = Boolean(process.env.DISPLAY) || Boolean(process.env.WAYLAND_DISPLAY);
  if (!desktop || ask('which', ['xdg-open']) === null) return;
  spawn('xdg-open', [address], { stdio: 'ignore', detached: true })
    .once('error', () => {})
    .unref();
}

/**
 * Serves the workbench on the demo's workspace until Ctrl+C.
 * @param {{ host: import('../vscode-host/server.mjs').VscodeHost, vsix: string, workspace: string, python: string }} demo
 * @returns {Promise<never>}
 */
export async function serve({ host, vsix, workspace, python }) {
  const data = mkdtempSync(path.join(os.tmpdir(), 'npt-demo-'));
  endWithProcess(() => rmSync(data, { recursive: true, force: true, maxRetries: 5 }));
  // Training outlives its window on purpose; at the demo's end nobody would look after it.
  endWithProcess(async () => {
    const names = await stopTraining(workspace, STOP_TRAINING_MS);
    if (names.length > 0) console.log(`Asked ${names.join(', ')} to save and stop.`);
  });
  installExtension(host, data, vsix);
  const workbench = await startWorkbench(host, data, {
    settings: DEMO_SETTINGS,
    env: SHARED_CPU,
    machineSettings: interpreterSettings(python),
    args: ['--disable-workspace-trust'],
  });
  const address = workbench.address(workspace);
  console.log(`\nVS Code ${host.version} with NPT Checkpoints is open at\n\n    ${address}\n`);
  console.log('Open it in a browser on this machine. Ctrl+C here ends it.');
  openBrowser(address);
  const how = await workbench.exited;
  throw new SetupError(`VS Code's server ended by itself (${how}): ${workbench.log().trim().split('\n').at(-1) ?? ''}`);
}
