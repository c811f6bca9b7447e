/** Links from a train.log to the code that its tracebacks name: to what exists, and in trusted folders alone. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { tracebackPlaces } from '../../core/experiment/tracebackPlaces';
import { exists } from '../../core/files';
import type { FeatureDeps } from '../deps';

export async function logLinks(deps: FeatureDeps, log: vscode.TextDocument): Promise<vscode.DocumentLink[]> {
  // A log comes with its folder, and may name any file of this machine.
  if (!vscode.workspace.isTrusted) return [];
  const { fsPath } = log.uri;
  const run = deps.workspaces.runAt(fsPath);
  const root = run === undefined ? path.dirname(fsPath) : deps.workspaces.rootOf(run);
  const known = new Map<string, Promise<boolean>>();
  const links: vscode.DocumentLink[] = [];
  for (const { file, line, from, to } of tracebackPlaces(log.getText())) {
    const target = path.resolve(root, file);
    const there = known.get(target) ?? exists(target);
    known.set(target, there);
    if (!(await there)) continue;
    const range = new vscode.Range(log.positionAt(from), log.positionAt(to));
    links.push(new vscode.DocumentLink(range, vscode.Uri.file(target).with({ fragment: `L${line}` })));
  }
  return links;
}
