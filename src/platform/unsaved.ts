/** What was typed into a file and is not on disk yet. */
import { readFile } from 'node:fs/promises';
import * as vscode from 'vscode';

/** How long a busy window may take to tell of what was typed, or of what another program wrote; ms. */
const TOLD_MS = 2000;
const ASKED_AGAIN_MS = 20;

/**
 * Whether somebody has typed into a file, in this window, what is not on disk. VS Code tells of a change before it says that
 * the file has one, so that for a moment one is saved whose text is not what is on disk.
 */
export async function isUnsaved(file: string): Promise<boolean> {
  const { fsPath } = vscode.Uri.file(file);
  const document = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'file' && uri.fsPath === fsPath);
  if (document === undefined) return false;
  for (const until = performance.now() + TOLD_MS; performance.now() < until;) {
    if (document.isDirty) return true;
    const saved = await readFile(file, 'utf8').catch(() => '');
    if (isSameText(document.getText(), saved)) return document.isDirty;
    await new Promise((resolve) => setTimeout(resolve, ASKED_AGAIN_MS));
  }
  // In another encoding the texts never are the same.
  return document.isDirty;
}

/** But for what an editor makes alike: the mark of the encoding and the ends of lines. */
function isSameText(one: string, other: string): boolean {
  const plain = (text: string): string => text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  return plain(one) === plain(other);
}
