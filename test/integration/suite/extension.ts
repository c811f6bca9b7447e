/** The extension under test, and the workspace that it is open on. */
import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import type { NptApi } from '../../../src/extension';
import type { Run } from '../../../src/core/experiment/model';

export const EXTENSION_ID = 'npt-checkpoints.npt-checkpoints';

export function workspaceRoot(): string {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder, 'the suite opens a folder');
  return folder.uri.fsPath;
}

/** The run that the trainer made before the suite started. */
export const mainRun = (): string => path.join(workspaceRoot(), 'experiments/main');

export async function activated(): Promise<NptApi> {
  const extension = vscode.extensions.getExtension<NptApi>(EXTENSION_ID);
  assert.ok(extension, `${EXTENSION_ID} is installed`);
  const api = await extension.activate();
  await api.workspaces.ready();
  return api;
}

/**
 * Waits until the extension's model has what is asked for, without asking it to look again.
 * @param what names it in the failure
 * @returns what `find` returned
 */
export async function modelShows<T>(
  api: NptApi,
  what: string,
  limitMs: number,
  find: (runs: readonly Run[]) => T | undefined,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const check = (): void => {
      const found = find(api.workspaces.runs);
      if (found === undefined) return;
      clearTimeout(timer);
      listener.dispose();
      resolve(found);
    };
    const timer = setTimeout(() => {
      listener.dispose();
      reject(
        new Error(
          `The model did not show ${what} within ${limitMs / 1000} s: ${JSON.stringify(api.workspaces.runs.map((run) => [run.name, run.state, run.checkpoints.map((each) => each.name)]))}`,
        ),
      );
    }, limitMs);
    const listener = api.workspaces.onDidChange(check);
    check();
  });
}
