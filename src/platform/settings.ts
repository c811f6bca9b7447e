/** The extension's settings (package.json, `contributes.configuration`), read in one place. */
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { LEVELS, type Level } from '../core/checkpoint/report/report';
import { EXPERIMENTS } from '../core/experiment/runLayout';
import { expandPath } from '../core/variables';
import {
  DEFAULT_LAUNCHER,
  LAUNCHERS,
  type EnvironmentRequest,
  type LaunchRequest,
  launcherOf,
} from '../core/training/launchers';

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

/** The environment that training starts in; paths are absolute. */
function environmentOf(scope: vscode.Uri): EnvironmentRequest {
  const folder = (vscode.workspace.getWorkspaceFolder(scope)?.uri ?? scope).fsPath;
  const file = (name: string): unknown => {
    const given = read<unknown>(name, scope, '');
    return given === '' || typeof given !== 'string' ? given : path.resolve(folder, readPathAt(name, scope, ''));
  };
  return {
    // What it holds is taken as it is; VS Code hands out read-only objects.
    variables: JSON.parse(JSON.stringify(read<unknown>('environment.variables', scope, {}))) as unknown,
    envFile: file('environment.envFile'),
    modules: read<unknown>('environment.modules', scope, []),
    conda: file('environment.conda'),
  };
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
    const { conda } = environmentOf(scope);
    return typeof conda === 'string' && conda !== '' ? conda : undefined;
  },
  /** How training is started. @param chosen a launcher instead of the one that is set, with values on top of its settings */
  launch: (scope: vscode.Uri, chosen?: Pick<LaunchRequest, 'kind' | 'options'>): LaunchRequest => {
    const named = chosen?.kind ?? read<unknown>('launcher', scope, DEFAULT_LAUNCHER);
    const { kind, options } = LAUNCHERS.find((known) => known.kind === named) ?? launcherOf(DEFAULT_LAUNCHER);
    const set = options.map(({ name }) => [name, read<unknown>(`${kind}.${name}`, scope, undefined)]);
    return {
      kind,
      options: { ...(Object.fromEntries(set) as Record<string, unknown>), ...chosen?.options },
      environment: environmentOf(scope),
      restarts: read<unknown>('restarts', scope, undefined),
    };
  },
  /** Steps that Extend and the resume script add unless told otherwise. */
  additionalSteps: (scope?: vscode.ConfigurationScope): number => read('additionalSteps', scope, 15000),
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
