/** Quick picks and input boxes: VS Code makes icons, and links in prompts, of what they are given. */
import * as vscode from 'vscode';
import { labelText, plainText } from '../core/plainText';
import { wrapText } from '../core/wrapText';

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
  /** The row that Enter chooses at first; the first one unless given. */
  readonly active?: PickRow | undefined;
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

/** A row's text is cut at the widget's edge, which is 600 pixels wide at most. */
const COLUMNS = 76;

/** A text whose every word is to be read: as many rows as it needs, the icon before the first. */
export function messageRows(icon: string, message: string): PickRow[] {
  return wrapText(message, COLUMNS).map((label, at) => ({ label, icon: at === 0 ? icon : 'blank' }));
}

/** A row whose every word is to be read, as many rows as it needs: each can be chosen, the icon is before the first. */
export function longRows<T extends PickRow>(row: T): T[] {
  return wrapText(row.label, COLUMNS).map((label, at) => ({ ...row, label, ...(at === 0 ? {} : { icon: 'blank' }) }));
}

/** Whether a text can stand behind a row's, in smaller letters, and be read to its end. */
function fitsBehind({ label }: PickRow, text: string): boolean {
  return label.length + text.length < COLUMNS;
}

/** A row with a text behind it where that fits; else every word of it in rows below. */
export function factRows(row: PickRow, text: string): PickRow[] {
  return fitsBehind(row, text) ? [{ ...row, description: text }] : [row, ...messageRows('blank', text)];
}

/** A row that tells of a change, likewise. */
export function changeRows(row: PickRow, before: string, after: string): PickRow[] {
  const text = `${before} → ${after}`;
  return fitsBehind(row, text)
    ? [{ ...row, description: text }]
    : [row, ...messageRows('blank', before), ...messageRows('arrow-right', after)];
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
  const active = picker.items.find(({ row }) => row === options.active);
  if (active !== undefined) picker.activeItems = [active];
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

export interface ManyOptions<T extends PickRow> {
  /** The pick's title, of the rows that are ticked. */
  readonly titleOf: (ticked: readonly T[]) => string;
  readonly placeHolder: string;
  /** Ticked at first; all of them unless given. */
  readonly ticked?: readonly T[];
  /** What a text that is none of the rows stands for: a row of its own, or what is wrong with it, in one line. */
  readonly typed?: (text: string) => { readonly row?: T; readonly problem?: string };
}

/**
 * A quick pick of which several rows may be ticked. It stays open while somebody reads elsewhere.
 *
 * @returns those that are ticked at the end; undefined for Escape
 */
export async function pickMany<T extends PickRow>(
  rows: readonly T[],
  { titleOf, placeHolder, ticked = rows, typed = () => ({}) }: ManyOptions<T>,
): Promise<readonly T[] | undefined> {
  const picker = vscode.window.createQuickPick<Item<T>>();
  const rowsOf = (items: readonly Item<T>[]): T[] => items.map(({ row }) => row);
  // Of the picker's places the only one that is always seen and cannot be ticked.
  const entitle = (chosen: readonly Item<T>[]): void => {
    picker.title = plainText(typed(picker.value).problem ?? titleOf(rowsOf(chosen)));
  };
  picker.placeholder = plainText(placeHolder);
  picker.canSelectMany = true;
  picker.ignoreFocusOut = true;
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  const known = rows.map(item);
  picker.items = known;
  picker.selectedItems = known.filter(({ row }) => row.heading !== true && ticked.includes(row));
  entitle(picker.selectedItems);
  const offer = (text: string): void => {
    const { row } = typed(text);
    const chosen = picker.selectedItems;
    entitle(chosen);
    // A row that was typed earlier and ticked stays.
    const kept = chosen.filter((each) => !known.includes(each));
    const isKept = kept.some(({ row: each }) => each.label === row?.label);
    const more = row === undefined || isKept ? [] : [{ ...item(row), alwaysShow: true }];
    const items = [...more, ...kept, ...known];
    if (items.length === picker.items.length && items.every((each) => picker.items.includes(each))) return;
    picker.items = items;
    // VS Code forgets the ticks of what it is given anew.
    picker.selectedItems = chosen;
  };
  return new Promise((resolve) => {
    picker.onDidChangeSelection(entitle);
    picker.onDidChangeValue(offer);
    picker.onDidAccept(() => {
      const { row, problem } = typed(picker.value);
      if (problem !== undefined) return;
      const chosen = rowsOf(picker.selectedItems).filter((each) => each.label !== row?.label);
      // What was typed is meant, whether or not it was ticked, too.
      resolve(row === undefined ? chosen : [...chosen, row]);
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
  readonly problem: (text: string) => string | undefined | Promise<string | undefined>;
  /** What there is to know about a text that will do, in one line. */
  readonly note?: (text: string) => string | undefined;
}

/** @returns what was typed; undefined for Escape */
export async function askText(options: QuestionOptions): Promise<string | undefined> {
  return vscode.window.showInputBox({
    title: plainText(options.title),
    prompt: plainText(options.prompt),
    value: options.value,
    ignoreFocusOut: options.ignoreFocusOut ?? false,
    validateInput: async (text) => {
      const problem = await options.problem(text);
      if (problem !== undefined) return plainText(problem);
      const note = options.note?.(text);
      return note === undefined
        ? undefined
        : { message: plainText(note), severity: vscode.InputBoxValidationSeverity.Info };
    },
  });
}

export interface LiveQuestionOptions extends Omit<QuestionOptions, 'prompt' | 'note' | 'problem'> {
  readonly problem: (text: string) => string | undefined;
  readonly placeHolder: string;
  /** What is shown under the box of the text in it, anew at every change: what it means, or what is wrong with it. */
  readonly rows: (text: string) => readonly PickRow[];
}

/** As `askText`, with rows under the box that say what the text means. @returns what was typed; undefined for Escape */
export async function askLive(options: LiveQuestionOptions): Promise<string | undefined> {
  const picker = vscode.window.createQuickPick<Item<PickRow>>();
  picker.title = plainText(options.title);
  picker.placeholder = plainText(options.placeHolder);
  picker.value = options.value;
  picker.ignoreFocusOut = options.ignoreFocusOut ?? false;
  const show = (text: string): void => {
    // Whatever is typed, these rows are about it.
    picker.items = options.rows(text).map((row) => ({ ...item(row), alwaysShow: true }));
  };
  show(options.value);
  return new Promise((resolve) => {
    picker.onDidChangeValue(show);
    picker.onDidAccept(() => {
      if (options.problem(picker.value) !== undefined) return;
      resolve(picker.value);
      picker.hide();
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
    picker.show();
  });
}
