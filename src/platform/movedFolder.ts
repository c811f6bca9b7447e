/** Editors with files of a folder that gets another name. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { showDifference } from './editors';

/** The name of a file in a folder that is edited and not saved; undefined where none is. */
export function unsavedIn(folder: string): string | undefined {
  const dirty = vscode.workspace.textDocuments.find(
    ({ uri, isDirty }) => isDirty && uri.scheme === 'file' && isIn(uri.fsPath, folder),
  );
  return dirty === undefined ? undefined : path.relative(folder, dirty.uri.fsPath);
}

/** Tabs with files of a folder that got another name show them where they are now. */
export async function moveEditors(from: string, to: string): Promise<void> {
  const moved = (uri: vscode.Uri): vscode.Uri =>
    isFileIn(uri, from) ? vscode.Uri.file(path.join(to, path.relative(from, uri.fsPath))) : uri;
  for (const { tab, input } of tabsIn(from)) {
    const options = { viewColumn: tab.group.viewColumn, preview: tab.isPreview, preserveFocus: true };
    if (input instanceof vscode.TabInputTextDiff)
      await showDifference(moved(input.original), moved(input.modified), tab.label, options);
    else if (input instanceof vscode.TabInputText)
      await vscode.commands.executeCommand('vscode.open', moved(input.uri), options);
    else await vscode.commands.executeCommand('vscode.openWith', moved(input.uri), input.viewType, options);
  }
  // Looked for anew: VS Code may have made new objects of its tabs as others opened, and closes no old one.
  await vscode.window.tabGroups.close(
    tabsIn(from).map(({ tab }) => tab),
    true,
  );
}

interface FileTab {
  readonly tab: vscode.Tab;
  readonly input: vscode.TabInputText | vscode.TabInputCustom | vscode.TabInputTextDiff;
}

function tabsIn(folder: string): FileTab[] {
  return vscode.window.tabGroups.all
    .flatMap(({ tabs }) => tabs)
    .flatMap((tab): FileTab[] => {
      const { input } = tab;
      if (input instanceof vscode.TabInputTextDiff)
        return [input.original, input.modified].some((uri) => isFileIn(uri, folder)) ? [{ tab, input }] : [];
      if (!(input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom)) return [];
      return isFileIn(input.uri, folder) ? [{ tab, input }] : [];
    });
}

function isFileIn({ scheme, fsPath }: vscode.Uri, folder: string): boolean {
  return scheme === 'file' && isIn(fsPath, folder);
}

function isIn(file: string, folder: string): boolean {
  return file.startsWith(folder + path.sep);
}
