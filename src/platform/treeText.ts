/** Trees: rows, their tooltips (Markdown), a view's message and badge. */
import * as vscode from 'vscode';
import { markdownText, plainText } from '../core/plainText';

/** The longest label and description, in UTF-16 units; the tooltip says more. */
const LIMIT = { longest: 200 };

/** A title over a table of names and values; rows without a value are left out. */
export interface Tooltip {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, value: string | null])[];
}

export interface TreeRowText {
  readonly label: string;
  /** What is read out in place of the label, where that is shortened. */
  readonly name?: string;
  readonly description: string;
  /** Read out after the description: what is shown otherwise, as by the icon. */
  readonly spoken?: string;
}

/** A row of a tree; what is no text (icon, id, command) is the caller's to set. */
export function treeRow(text: TreeRowText, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const label = plainText(text.label, LIMIT);
  const item = new vscode.TreeItem(label, state);
  item.description = plainText(text.description, LIMIT);
  const said = [text.name ?? text.label, text.description, text.spoken ?? ''].filter((part) => part !== '');
  item.accessibilityInformation = { label: said.map((part) => plainText(part, LIMIT)).join(', ') };
  return item;
}

/** For a row that is pointed at: of all others VS Code would take the Markdown apart for nothing. */
export function addTooltip(item: vscode.TreeItem, { title, rows }: Tooltip): void {
  const lines = rows.flatMap(([name, value]) =>
    value === null ? [] : [`| ${markdownText(name)} | ${markdownText(value)} |`],
  );
  item.tooltip = new vscode.MarkdownString(
    [`**${markdownText(title)}**`, '', '| | |', '|---|---|', ...lines].join('\n'),
  );
}

/** What a tree's view shows beside its rows. */
export class TreeViewText {
  constructor(private readonly view: vscode.TreeView<unknown>) {}

  /** The line above the rows; undefined for none. */
  setMessage(message: string | undefined): void {
    this.view.message = message === undefined ? undefined : plainText(message);
  }

  /** The number at the view's icon; none for 0. */
  setBadge(value: number, tooltip: string): void {
    this.view.badge = value === 0 ? undefined : { value, tooltip: plainText(tooltip) };
  }
}
