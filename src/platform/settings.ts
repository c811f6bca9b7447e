/** The extension's settings (package.json, `contributes.configuration`), read in one place. */
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { LEVELS, type Level } from '../core/checkpoint/report/report';
import { EXPERIMENTS } from '../core/experiment/runLayout';
import { expandPath } from '../core/variables';
import type { LaunchRequest } from '../core/training/launchers';
import { launchFrom } from '../core/training/launchSettings';
import { readCpuSlots } from '../core/training/queue/queue';

const SECTION = 'npt';

function read<T>(name: string, scope: vscode.ConfigurationScope | undefined, fallback: T): T {
  return vscode.workspace.getConfiguration(SECTION, scope).get<T>(name, fallback);
}

/** A setting that is a path, with its variables expanded for a workspace folder; relative ones are that folder's. */
function readPath(name: string, folder: vscode.WorkspaceFolder, fallback: string): string {
  return expanded(read<unknown>(name, folder, fallback), folder.uri, fallback);
}

/** As `readPath`, for a file or folder within a workspace folder. */
function readPathAt(name: string, scope: vscode.Uri, fallback: string): string {
  const folder = vscode.workspace.getWorkspaceFolder(scope)?.uri ?? scope;
  return expanded(read<unknown>(name, scope, fallback), folder, fallback);
}

function expanded(text: unknown, folder: vscode.Uri, fallback: string): string {
  const folders = vscode.workspace.workspaceFolders ?? [];
  return expandPath(typeof text === 'string' ? text : fallback, {
    workspaceFolder: folder.fsPath,
    namedFolders: new Map(folders.map((each) => [each.name, each.uri.fsPath])),
    home: os.homedir(),
    env: process.env,
  });
}

/** As `readPathAt`, absolute; empty, or what is no text, as it is. */
function readFile(name: string, scope: vscode.Uri): unknown {
  const given = read<unknown>(name, scope, '');
  const folder = (vscode.workspace.getWorkspaceFolder(scope)?.uri ?? scope).fsPath;
  return given === '' || typeof given !== 'string' ? given : path.resolve(folder, readPathAt(name, scope, ''));
}

/** What a setting holds is taken as it is; VS Code hands out read-only objects. */
function plain(value: unknown): unknown {
  return typeof value === 'object' ? (JSON.parse(JSON.stringify(value)) as unknown) : value;
}

export const settings = {
  /** Folder that holds the runs, absolute or relative to the workspace folder; whether nobody chose another. */
  experimentsFolder: (folder: vscode.WorkspaceFolder): { readonly folder: string; readonly isDefault: boolean } => {
    const named = readPath('experimentsFolder', folder, EXPERIMENTS);
    return { folder: named, isDefault: named === '' || named === EXPERIMENTS };
  },
  /** Interpreter that trains; empty: found (see platform/python.ts). */
  pythonPath: (scope: vscode.Uri): string => readPathAt('pythonPath', scope, ''),
  setPythonPath: async (folder: vscode.WorkspaceFolder, python: string): Promise<void> => {
    const several = (vscode.workspace.workspaceFolders ?? []).length > 1;
    const target = several ? vscode.ConfigurationTarget.WorkspaceFolder : vscode.ConfigurationTarget.Workspace;
    await vscode.workspace.getConfiguration(SECTION, folder).update('pythonPath', python, target);
  },
  /** Training script, relative to the workspace folder. */
  trainScript: (scope: vscode.Uri): string => readPathAt('trainScript', scope, 'scripts/train_multi_layer_npt.py'),
  /** A conda environment, absolute; undefined where none is set. */
  condaEnvironment: (scope: vscode.Uri): string | undefined => {
    const conda = readFile('environment.conda', scope);
    return typeof conda === 'string' && conda !== '' ? conda : undefined;
  },
  /** How training is started. @param chosen a launcher instead of the one that is set, with values on top of its settings */
  launch: (scope: vscode.Uri, chosen?: Pick<LaunchRequest, 'kind' | 'options'>): LaunchRequest =>
    launchFrom(
      (name) => plain(read<unknown>(name, scope, undefined)),
      (name) => readFile(name, scope),
      chosen,
    ),
  /** How many runs of a workspace's queue train on the CPU at once; undefined where nobody set it. @param root absolute */
  cpuSlots: (root: string): number | undefined => {
    const set = vscode.workspace.getConfiguration(SECTION, vscode.Uri.file(root)).inspect<unknown>('queue.cpuSlots');
    return readCpuSlots(set?.workspaceFolderValue ?? set?.workspaceValue ?? set?.globalValue);
  },
  /** Where backups of checkpoints go; empty where nobody said. */
  backupFolder: (scope: vscode.Uri): string => readPathAt('backup.folder', scope, ''),
  setBackupFolder: async (folder: string): Promise<void> => {
    await vscode.workspace.getConfiguration(SECTION).update('backup.folder', folder, vscode.ConfigurationTarget.Global);
  },
  /** Steps that Extend and the resume script add unless told otherwise. */
  additionalSteps: (scope?: vscode.ConfigurationScope): number => read('additionalSteps', scope, 15000),
  /** A threshold of an alert, as it was set. */
  alert: (name: string): unknown => read<unknown>(`alerts.${name}`, undefined, undefined),
  /** What is told without being asked for: nothing, what ends or spoils runs, or all alerts. */
  notifications: (): string => read('notifications', undefined, 'all'),
  openDashboardOnResume: (): boolean => read('openDashboardOnResume', undefined, true),
  /** How deep a validation looks that was asked for in the window. */
  validationLevel: (): Level => {
    const level = read<string>('validationLevel', undefined, 'numbers');
    // A word that is no level would look at nothing, and find nothing wrong.
    return LEVELS.find((each) => each === level && each !== 'files') ?? 'numbers';
  },
  /** True when a change of configuration touches the setting. */
  affects: (event: vscode.ConfigurationChangeEvent, name: string): boolean =>
    event.affectsConfiguration(`${SECTION}.${name}`),
};

/** Shows a setting. In a remote window the user's own settings do not show those of that machine. */
export async function openSetting(name: string): Promise<void> {
  const remote = vscode.env.remoteName !== undefined;
  await vscode.commands.executeCommand(
    remote ? 'workbench.action.openRemoteSettings' : 'workbench.action.openSettings',
    { query: `@id:${name}` },
  );
}
