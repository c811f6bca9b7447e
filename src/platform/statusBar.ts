/** The status bar: VS Code makes icons of `$(x)` in its texts. */
import * as vscode from 'vscode';
import { labelText, plainText } from '../core/plainText';
import { Disposable } from '../core/disposable';

/** The longest text that leaves room for what else is in the bar, in UTF-16 units. */
const LIMIT = { longest: 120 };

export interface StatusText {
  /** A codicon's name. */
  readonly icon: string;
  readonly text: string;
  readonly tooltip: readonly string[];
  readonly command: vscode.Command;
}

/** An item at the left of the status bar. */
export class StatusItem extends Disposable {
  private readonly item: vscode.StatusBarItem;

  /** @param name what the bar's context menu calls it */
  constructor(id: string, name: string, priority: number) {
    super();
    this.item = this._register(vscode.window.createStatusBarItem(id, vscode.StatusBarAlignment.Left, priority));
    this.item.name = plainText(name);
  }

  show({ icon, text, tooltip, command }: StatusText): void {
    this.item.text = labelText(text, icon, LIMIT);
    this.item.tooltip = tooltip.map((line) => plainText(line)).join('\n');
    this.item.command = { ...command, title: plainText(command.title) };
    this.item.show();
  }

  hide(): void {
    this.item.hide();
  }
}

/** Says in the status bar what goes on, until it is over. */
export function showStatus(icon: string, text: string, until: Promise<unknown>): void {
  vscode.window.setStatusBarMessage(labelText(text, icon, LIMIT), until);
}
