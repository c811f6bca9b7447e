/** Editor tabs: their titles. */
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
