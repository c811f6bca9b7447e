/** Editors with files of a folder that gets another name. */
import * as path from 'node:path';
import * as vscode from 'vscode';

/** The name of a file in a folder that is edited and not saved; undefined where none is. */
export function unsavedIn(folder: string): string | undefined {
  const dirty = vscode.workspace.textDocuments.find(
    ({ uri, isDirty }) => isDirty && uri.scheme === 'file' && isIn(uri.fsPath, folder),
  );
  return dirty === undefined ? undefined : path.relative(folder, dirty.uri.fsPath);
}

/** Tabs with files of a folder that got another name show them where they are now. */
export async function moveEditors(from: string, to: string): Promise<void> {
  for (const group of vscode.window.tabGroups.all) {
    for (const tab of group.tabs) {
      const { input } = tab;
      if (!(input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom)) continue;
      const { uri } = input;
      if (uri.scheme !== 'file' || !isIn(uri.fsPath, from)) continue;
      const moved = vscode.Uri.file(path.join(to, path.relative(from, uri.fsPath)));
      const options = { viewColumn: group.viewColumn, preview: tab.isPreview, preserveFocus: true };
      if (input instanceof vscode.TabInputText) await vscode.commands.executeCommand('vscode.open', moved, options);
      else await vscode.commands.executeCommand('vscode.openWith', moved, input.viewType, options);
      await vscode.window.tabGroups.close(tab, true);
    }
  }
}

function isIn(file: string, folder: string): boolean {
  return file.startsWith(folder + path.sep);
}
