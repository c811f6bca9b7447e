/** The extension's settings (package.json, `contributes.configuration`), read in one place. */
import * as vscode from 'vscode';
import { LEVELS, type Level } from '../core/checkpoint/report/report';
import type { LauncherKind } from '../core/training/plan/plan';

const SECTION = 'npt';

function read<T>(name: string, scope: vscode.ConfigurationScope | undefined, fallback: T): T {
  return vscode.workspace.getConfiguration(SECTION, scope).get<T>(name, fallback);
}

export const settings = {
  /** Folder that holds the runs, relative to the workspace folder. */
  experimentsFolder: (scope?: vscode.ConfigurationScope): string => read('experimentsFolder', scope, 'experiments'),
  /** Interpreter that trains; empty: found (see platform/python.ts). */
  pythonPath: (scope?: vscode.ConfigurationScope): string => read('pythonPath', scope, ''),
  /** Training script, relative to the workspace folder. */
  trainScript: (scope?: vscode.ConfigurationScope): string =>
    read('trainScript', scope, 'scripts/train_multi_layer_npt.py'),
  launcher: (scope?: vscode.ConfigurationScope): LauncherKind => read('launcher', scope, 'local'),
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
