/** Editor tabs: their titles, and where they open. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { plainText } from '../core/plainText';

/** The longest title of a tab, in UTF-16 units. */
const LIMIT = { longest: 100 };

export function tabTitle(title: string): string {
  return plainText(title, LIMIT);
}

/** Two files side by side. */
export async function showDifference(left: string, right: string, title: string): Promise<void> {
  await vscode.commands.executeCommand('vscode.diff', vscode.Uri.file(left), vscode.Uri.file(right), tabTitle(title));
}

/** A line after any file's last: VS Code takes the last one then. */
const AFTER_THE_END = 1_000_000_000;

/** Opens a text file at its end. */
export async function openAtEnd(file: vscode.Uri, preview: boolean): Promise<void> {
  await openAtLine(file, AFTER_THE_END, preview);
}

/**
 * Opens a text file at a line, counted from 1. By a command: files above 50 MB, which logs come to, are not shown by VS Code's
 * API, which would hand their text to every extension.
 */
export async function openAtLine(file: vscode.Uri, line: number, preview: boolean): Promise<void> {
  const selection = new vscode.Range(line - 1, 0, line - 1, 0);
  await vscode.commands.executeCommand('vscode.open', file, { preview, selection });
}

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
