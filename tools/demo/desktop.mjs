/** The demo on a desktop: the user's own VS Code, with a user-data and an extensions folder of the demo's. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask, runLogged } from '../setup/command.mjs';
import { DEMO_SETTINGS, interpreterSettings } from './settings.mjs';

/** Whether there is a desktop to open a window on, and VS Code's `code` to open it. */
export function hasDesktopCode() {
  const desktop = process.platform === 'darwin' || Boolean(process.env.DISPLAY) || Boolean(process.env.WAYLAND_DISPLAY);
  return desktop && ask('code', ['--version']) !== null;
}

/**
 * Opens a folder in the user's VS Code; their own settings and extensions stay out of it, and it out of them.
 * @param {{ dataFolder: string, vsix: string, workspace: string, python: string }} demo
 * @throws {import('../setup/failure.mjs').SetupError}
 */
export async function openDesktop({ dataFolder, vsix, workspace, python }) {
  const userData = path.join(dataFolder, 'desktop');
  const settings = path.join(userData, 'User/settings.json');
  mkdirSync(path.dirname(settings), { recursive: true });
  writeFileSync(settings, `${JSON.stringify({ ...DEMO_SETTINGS, ...interpreterSettings(python) }, null, 2)}\n`);
  const folders = ['--user-data-dir', userData, '--extensions-dir', path.join(userData, 'extensions')];
  await runLogged('code --install-extension', ['code', ...folders, '--install-extension', vsix, '--force']);
  await runLogged('code', ['code', ...folders, '--new-window', workspace]);
}
