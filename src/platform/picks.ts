/** Quick picks and input boxes: VS Code makes icons, and links in prompts, of what they are given. */
import * as vscode from 'vscode';
import { labelText, plainText } from '../core/plainText';

/** A row; the texts may come from anywhere. */
export interface PickRow {
  readonly label: string;
  /** A codicon's name. */
  readonly icon?: string;
  readonly description?: string | undefined;
  readonly detail?: string | undefined;
  /** A heading: it cannot be chosen. */
  readonly heading?: true;
}

export interface PickOptions {
  readonly title: string;
  readonly placeHolder: string;
  readonly matchOnDescription?: boolean;
  readonly matchOnDetail?: boolean;
  /** Stays when the window loses the focus. */
  readonly ignoreFocusOut?: boolean;
}

interface Item<T> extends vscode.QuickPickItem {
  readonly row: T;
}

function item<T extends PickRow>(row: T): Item<T> {
  if (row.heading === true) return { label: plainText(row.label), kind: vscode.QuickPickItemKind.Separator, row };
  return {
    label: labelText(row.label, row.icon),
    ...(row.description === undefined ? {} : { description: plainText(row.description) }),
    ...(row.detail === undefined ? {} : { detail: plainText(row.detail) }),
    row,
  };
}

/** @returns the row that was chosen; undefined for Escape */
export async function pick<T extends PickRow>(rows: readonly T[], options: PickOptions): Promise<T | undefined> {
  return pickUntil(rows, options, () => true);
}

/**
 * A quick pick in which some rows do something and leave it open.
 *
 * @param isChoice is told of each row that is accepted; false keeps the pick open
 * @returns the row that ended it; undefined for Escape
 */
export async function pickUntil<T extends PickRow>(
  rows: readonly T[],
  options: PickOptions,
  isChoice: (row: T) => boolean,
): Promise<T | undefined> {
  const picker = vscode.window.createQuickPick<Item<T>>();
  picker.title = plainText(options.title);
  picker.placeholder = plainText(options.placeHolder);
  picker.items = rows.map(item);
  picker.matchOnDescription = options.matchOnDescription ?? false;
  picker.matchOnDetail = options.matchOnDetail ?? false;
  picker.ignoreFocusOut = options.ignoreFocusOut ?? false;
  return new Promise((resolve) => {
    picker.onDidAccept(() => {
      const row = picker.selectedItems[0]?.row;
      if (row === undefined || !isChoice(row)) return;
      resolve(row);
      picker.hide();
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
    picker.show();
  });
}

export interface QuestionOptions {
  readonly title: string;
  readonly prompt: string;
  /** What the box holds at first, character by character: it is typed text, not shown text. */
  readonly value: string;
  readonly ignoreFocusOut?: boolean;
  /** What is wrong with the text, in one line; undefined where it will do. */
  readonly problem: (text: string) => string | undefined;
}

/** @returns what was typed; undefined for Escape */
export async function askText(options: QuestionOptions): Promise<string | undefined> {
  return vscode.window.showInputBox({
    title: plainText(options.title),
    prompt: plainText(options.prompt),
    value: options.value,
    ignoreFocusOut: options.ignoreFocusOut ?? false,
    validateInput: (text) => {
      const problem = options.problem(text);
      return problem === undefined ? undefined : plainText(problem);
    },
  });
}
