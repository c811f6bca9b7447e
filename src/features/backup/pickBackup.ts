/** Where backups are, and which one is meant. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { BackupError, bytesOfRecord, listBackups, type ListedBackup } from '../../core/checkpoint/backup';
import { formatAge, formatBytes, formatCount } from '../../core/format';
import { showError } from '../../platform/messages';
import { pick, type PickRow } from '../../platform/picks';
import { withStatus } from '../../platform/progress';
import { openSetting, settings } from '../../platform/settings';
import type { FeatureDeps } from '../deps';

const SETTING = 'npt.backup.folder';

/** The folder for backups that is set, else one that is asked for and remembered; undefined where none can be used. */
export async function backupFolder(scope: vscode.Uri): Promise<string | undefined> {
  const set = settings.backupFolder(scope);
  if (set === '') {
    const chosen = await askFolder(vscode.l10n.t('Back Up Here'));
    if (chosen !== undefined) await settings.setBackupFolder(chosen);
    return chosen;
  }
  if (path.isAbsolute(set)) return set;
  tellWithSetting(vscode.l10n.t('{0} is to be an absolute path, or one with ~: {1}', SETTING, set));
  return undefined;
}

/** What is wrong, with the setting a click away. Not awaited: the notification stays as long as it likes. */
export function tellWithSetting(message: string): void {
  const show = vscode.l10n.t('Change Folder');
  void showError(message, show).then((answer) => (answer === show ? openSetting(SETTING) : undefined));
}

async function askFolder(openLabel: string): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    canSelectMany: false,
    openLabel,
    title: openLabel,
  });
  return chosen?.[0]?.fsPath;
}

interface BackupRow extends PickRow {
  readonly backup?: ListedBackup;
}

/** Asks for one of the backups in the folder that is set, or in another one. */
export async function pickBackup(deps: FeatureDeps, title: string): Promise<ListedBackup | undefined> {
  const open = vscode.workspace.workspaceFolders?.[0]?.uri;
  let folder: string | undefined = open === undefined ? '' : settings.backupFolder(open);
  if (!path.isAbsolute(folder)) folder = await askFolder(vscode.l10n.t('Show Backups'));
  while (folder !== undefined) {
    const chosen: BackupRow | undefined = await pick(await rowsOf(deps, folder), {
      title,
      placeHolder: vscode.l10n.t('Choose a backup in {0}', folder),
      matchOnDescription: true,
    });
    if (chosen === undefined || chosen.backup !== undefined) return chosen?.backup;
    folder = await askFolder(vscode.l10n.t('Show Backups'));
  }
  return undefined;
}

async function rowsOf(deps: FeatureDeps, folder: string): Promise<BackupRow[]> {
  const listed = await withStatus(vscode.l10n.t('Looking for backups in {0}', folder), backupsIn(folder));
  const now = Date.now() / 1000;
  const byRun = new Map<string, BackupRow[]>();
  for (const backup of listed) {
    const { source, time } = backup.record;
    const key = path.dirname(backup.folder);
    const rows = byRun.get(key) ?? [{ label: source.run, heading: true }];
    const here = deps.workspaces.runs.some(
      (run) =>
        run.id !== null && run.id === source.id && run.checkpoints.some(({ name }) => name === source.checkpoint),
    );
    rows.push({
      label: path.basename(backup.folder),
      description: source.run,
      detail: [
        vscode.l10n.t('step {0}', formatCount(source.step)),
        formatBytes(bytesOfRecord(backup.record)),
        formatAge(time, now),
        here ? vscode.l10n.t('its checkpoint is here, too') : null,
      ]
        .filter((part) => part !== null)
        .join(' · '),
      backup,
    });
    byRun.set(key, rows);
  }
  const other = { label: vscode.l10n.t('Another Folder…'), icon: 'folder-opened' };
  const none = { label: vscode.l10n.t('No backup in {0}', folder), heading: true as const };
  return [...(listed.length === 0 ? [none] : [...byRun.values()].flat()), other];
}

async function backupsIn(folder: string): Promise<readonly ListedBackup[]> {
  try {
    return await listBackups(folder);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    void showError(error.message);
    return [];
  }
}
