/** Editor tabs: their titles, and where they open. */
import * as vscode from 'vscode';
import { plainText } from '../core/plainText';

/** The longest title of a tab, in UTF-16 units. */
const LIMIT = { longest: 100 };

export function tabTitle(title: string): string {
  return plainText(title, LIMIT);
}

/** Two files side by side. */
export async function showDifference(
  left: vscode.Uri,
  right: vscode.Uri,
  title: string,
  options: vscode.TextDocumentShowOptions = {},
): Promise<void> {
  await vscode.commands.executeCommand('vscode.diff', left, right, tabTitle(title), options);
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
