/** Typing into an editor, as a person does. */
import * as vscode from 'vscode';
import { eventually } from '../../eventually';

const TYPED_WITHIN_MS = 120_000;

/**
 * Types at the beginning of an editor's text, once the editor shows what is on disk. VS Code refuses what is typed into a text that it
 * is just reading anew, as after another program has written the file.
 *
 * @param shown what is on disk
 */
export async function typeBefore(editor: vscode.TextEditor, shown: string, text: string): Promise<void> {
  await eventually(`${text} typed before ${shown}`, TYPED_WITHIN_MS, async () => {
    if (editor.document.getText() !== shown) return undefined;
    const taken = await editor.edit((edit) => {
      edit.insert(new vscode.Position(0, 0), text);
    });
    return taken ? true : undefined;
  });
}
