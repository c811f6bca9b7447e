/** Which of the folders that are open a command is about, where nothing else says so. */
import * as vscode from 'vscode';
import { pick } from '../platform/picks';
import type { FeatureDeps } from './deps';

/** The folder that trains: the only one, or the one picked; undefined where there is none or it was given up. */
export async function chooseRoot(deps: FeatureDeps, title: string): Promise<string | undefined> {
  await deps.workspaces.ready();
  const owners = deps.workspaces.all.map(({ root }) => root);
  const roots = owners.length > 0 ? owners : (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  if (roots.length <= 1) return roots[0];
  const picked = await pick(
    roots.map((root) => ({ label: vscode.workspace.asRelativePath(root), description: root, root })),
    { title, placeHolder: vscode.l10n.t('Which folder trains?'), matchOnDescription: true },
  );
  return picked?.root;
}
