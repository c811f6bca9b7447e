/** What stands in a terminal, read as a person reads it. */
import * as vscode from 'vscode';
import { eventually } from '../../eventually';

const SAYS_WITHIN_MS = 300_000;

/** What the terminal in front shows, its lines joined where they were wrapped. */
async function terminalText(): Promise<string> {
  await vscode.commands.executeCommand('workbench.action.terminal.selectAll');
  await vscode.commands.executeCommand('workbench.action.terminal.copySelection');
  return (await vscode.env.clipboard.readText()).replace(/\s*\n\s*/g, '');
}

/** Waits until the terminal in front says so. */
export async function inFront(what: RegExp): Promise<void> {
  let text = '';
  const says = async (): Promise<true | undefined> => {
    text = await terminalText();
    return what.test(text) ? true : undefined;
  };
  await eventually(`${what} in the terminal in front`, SAYS_WITHIN_MS, says).catch((error: unknown) => {
    throw new Error(`It says: ${text}`, { cause: error });
  });
}
