/**
 * Serves a real VS Code workbench on this machine: used by the demo where there is no desktop, and by the tests.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { endWithProcess, signalGroup } from '../setup/ending.mjs';
import { SetupError } from '../setup/failure.mjs';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;

/** What a workbench needs to be the same on every machine, and quiet: nothing here is about this extension. */
export const QUIET_SETTINGS = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'git.enabled': false,
  'terminal.integrated.defaultProfile.linux': 'bash',
  'remote.autoForwardPorts': false,
  // The page's own dialogs and text rows, instead of the browser's dialogs and a canvas: both can be read and clicked.
  'window.dialogStyle': 'custom',
  'terminal.integrated.gpuAcceleration': 'off',
};

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** VS Code's variables of a surrounding VS Code (this may run in its terminal) would make the server attach to that one. */
function environment(extra) {
  const env = { ...process.env, EXTENSIONS_GALLERY: '{}', ...extra };
  for (const name of Object.keys(env)) {
    if ((name.startsWith('VSCODE_') && !name.startsWith('VSCODE_TEST')) || name === 'ELECTRON_RUN_AS_NODE')
      delete env[name];
  }
  return env;
}

/** The folders of one installation: its data, the user's settings, the extensions. */
function folders(dataFolder, options) {
  const userData = options.userDataFolder ?? path.join(dataFolder, 'data');
  const extensions = options.extensionsFolder ?? path.join(dataFolder, 'extensions');
  return {
    userData,
    extensions,
    settingsFile: path.join(userData, 'User/settings.json'),
    machineSettingsFile: path.join(userData, 'Machine/settings.json'),
    args: ['--server-data-dir', dataFolder, '--user-data-dir', userData, '--extensions-dir', extensions],
  };
}

/** Writes settings unless there are some already: those are the user's. */
function writeOnce(file, settings) {
  if (existsSync(file)) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(settings, null, 2)}\n`);
}

/** See server.d.mts. */
export function installExtension(host, dataFolder, vsix, options = {}) {
  const { args } = folders(dataFolder, options);
  const result = spawnSync(host.node, [host.serverMain, ...args, '--install-extension', vsix, '--force'], {
    encoding: 'utf8',
    env: environment({}),
  });
  if (result.status === 0) return;
  // Where VS Code itself breaks, the last line is only Node's version.
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-12).join('\n');
  throw new SetupError(`VS Code refused ${vsix}: ${said}`);
}

/** See server.d.mts. */
export async function startWorkbench(host, dataFolder, options = {}) {
  const { userData, settingsFile, machineSettingsFile, args } = folders(dataFolder, options);
  writeOnce(settingsFile, { ...QUIET_SETTINGS, ...options.settings });
  writeOnce(machineSettingsFile, options.machineSettings ?? {});
  const port = await freePort();
  const token = randomBytes(16).toString('hex');
  const server = spawn(
    host.node,
    [
      host.serverMain,
      ...['--host', '127.0.0.1', '--port', String(port), '--connection-token', token, '--accept-server-license-terms'],
      ...args,
      ...['--telemetry-level', 'off', ...(options.args ?? [])],
    ],
    { env: environment(options.env), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  let log = '';
  const take = (chunk) => {
    log = (log + chunk.toString()).slice(-100_000);
  };
  server.stdout.on('data', take);
  server.stderr.on('data', take);
  const exited = new Promise((resolve) => {
    server.once('exit', (code, signal) => resolve(code ?? signal));
    server.once('error', (error) => resolve(error.message));
  });
  const stop = async () => {
    forget();
    signalGroup(server.pid, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(server.pid, 'SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(timer);
    // Extension host and terminals are in the same group and may outlive the server for a moment.
    signalGroup(server.pid, 'SIGKILL');
  };
  const forget = endWithProcess(stop);

  const address = (folder, extra = {}) => {
    const url = new URL(`http://127.0.0.1:${port}/`);
    url.searchParams.set('tkn', token);
    if (folder === undefined) url.searchParams.set('ew', 'true');
    else url.searchParams.set(folder.endsWith('.code-workspace') ? 'workspace' : 'folder', path.resolve(folder));
    for (const [name, value] of Object.entries(extra)) url.searchParams.set(name, value);
    return url.toString();
  };

  const started = performance.now();
  let ended;
  void exited.then((how) => {
    ended = how;
  });
  for (;;) {
    if (ended !== undefined)
      throw new SetupError(`VS Code's server ended at once (${ended}): ${log.trim().split('\n').at(-1) ?? ''}`);
    const up = await fetch(`http://127.0.0.1:${port}/version`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) break;
    if (performance.now() - started > START_LIMIT_MS) {
      await stop();
      throw new SetupError(`VS Code's server did not answer within ${START_LIMIT_MS / 1000} s.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { port, pid: server.pid, userData, settingsFile, exited, address, stop, log: () => log };
}
