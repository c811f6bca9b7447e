/** Answers what quick picks and input boxes ask, as a person would: real ones are shown, and rows are chosen in them. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';

type Picker = vscode.QuickPick<vscode.QuickPickItem>;

/** A row's text without the icon before it. */
const textOf = ({ label }: vscode.QuickPickItem): string => label.replace(/^\$\([^)]*\) /, '');

/** One question and its answer, in the order in which they are asked. */
export type Answer =
  /** Chooses the row whose text fits; `rows` may look at all of them first. */
  | { readonly choose: RegExp; readonly rows?: (rows: readonly string[]) => void }
  /** Unticks the rows that fit, as the space bar does, and goes on; `titles` gets the pick's title before and after. Null: none. */
  | {
      readonly untick: RegExp | null;
      readonly rows?: (rows: readonly string[]) => void;
      readonly titles?: (titles: readonly string[]) => void;
    }
  /** Types into an input box, or a pick's own, which has to accept it; `refuses` are texts that an input box must not. */
  | { readonly type: string; readonly refuses?: readonly [string, RegExp][] }
  /** Leaves with Escape. */
  | { readonly escape: true };

/**
 * Runs something that asks questions and answers them.
 *
 * @throws when it asks for more, less or something else
 */
export async function answering<T>(answers: readonly Answer[], action: () => Thenable<T>): Promise<T> {
  const { createQuickPick, showInputBox } = vscode.window;
  const left = [...answers];
  let failure: unknown;
  const next = (what: string): Answer => {
    const answer = left.shift();
    if (answer === undefined) throw new Error(`asked once more: ${what}`);
    return answer;
  };
  const fail = (error: unknown): void => {
    failure ??= error;
  };
  const open = createQuickPick as () => Picker;
  vscode.window.createQuickPick = (() => {
    const picker = open();
    const show = picker.show.bind(picker);
    picker.show = (): void => {
      show();
      void pressIn(picker, next).catch((error: unknown) => {
        fail(error);
        picker.hide();
      });
    };
    return picker;
  }) as typeof createQuickPick;
  vscode.window.showInputBox = async (options) => {
    try {
      return await typeInto(options ?? {}, next(options?.title ?? ''));
    } catch (error) {
      fail(error);
      return undefined;
    }
  };
  try {
    const result = await action();
    if (failure instanceof Error) throw failure;
    assert.deepEqual(left, [], 'every question was asked');
    return result;
  } finally {
    vscode.window.createQuickPick = createQuickPick;
    vscode.window.showInputBox = showInputBox;
  }
}

async function pressIn(picker: Picker, next: (what: string) => Answer): Promise<void> {
  const rows = picker.items.map((item) => `${textOf(item)} ${item.description ?? ''} ${item.detail ?? ''}`.trim());
  const answer = next(`${picker.title ?? ''}: ${rows.join(' | ')}`);
  if ('escape' in answer) {
    picker.hide();
    return;
  }
  if ('type' in answer) {
    await typeIntoPick(picker, answer.type);
    return;
  }
  answer.rows?.(rows);
  const fitting = (fits: RegExp): vscode.QuickPickItem[] => {
    const found = picker.items.filter(
      ({ kind }, index) => kind !== vscode.QuickPickItemKind.Separator && fits.test(rows[index] ?? ''),
    );
    if (found.length === 0) throw new Error(`no row fits ${String(fits)}: ${rows.join(' | ')}`);
    return found;
  };
  if ('untick' in answer) {
    const before = picker.title ?? '';
    for (const item of answer.untick === null ? [] : fitting(answer.untick)) await untick(picker, item);
    answer.titles?.([before, picker.title ?? '']);
  } else {
    const [item] = fitting(answer.choose);
    if (item !== undefined) await makeActive(picker, item);
  }
  const accepted = new Promise<void>((resolve) => {
    picker.onDidHide(() => {
      resolve();
    });
    picker.onDidAccept(() => {
      resolve();
    });
  });
  await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
  await accepted;
}

/** The workbench takes its time to make a row active; until then Enter would choose another. */
async function makeActive(picker: Picker, item: vscode.QuickPickItem): Promise<void> {
  const before = picker.activeItems[0] ?? picker.items[0];
  picker.activeItems = [item];
  await new Promise<void>((resolve) => {
    const listener = picker.onDidChangeActive(([active]) => {
      if (active !== item) return;
      listener.dispose();
      resolve();
    });
    if (before === item && picker.items[0] === item) resolve();
  });
}

async function untick(picker: Picker, item: vscode.QuickPickItem): Promise<void> {
  await makeActive(picker, item);
  const unticked = new Promise<void>((resolve) => {
    const listener = picker.onDidChangeSelection((selected) => {
      if (selected.includes(item)) return;
      listener.dispose();
      resolve();
    });
  });
  await vscode.commands.executeCommand('workbench.action.quickPickManyToggle');
  await unticked;
}

async function typeIntoPick(picker: Picker, text: string): Promise<void> {
  const hidden = new Promise<void>((resolve) => {
    picker.onDidHide(() => {
      resolve();
    });
  });
  // What the workbench shows comes back to whoever listens.
  const shown = new Promise<void>((resolve) => {
    picker.onDidChangeValue((value) => {
      if (value === text) resolve();
    });
  });
  picker.value = text;
  await shown;
  await vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
  await hidden;
}

async function typeInto(options: vscode.InputBoxOptions, answer: Answer): Promise<string | undefined> {
  if ('escape' in answer) return undefined;
  if (!('type' in answer)) throw new Error(`a box where a row was to be chosen: ${options.title ?? ''}`);
  const verdict = async (text: string): Promise<string | undefined> => {
    const said = await options.validateInput?.(text);
    if (said === undefined || said === null || said === '') return undefined;
    if (typeof said === 'string') return said;
    return said.severity === vscode.InputBoxValidationSeverity.Error ? said.message : undefined;
  };
  for (const [text, words] of answer.refuses ?? []) assert.match((await verdict(text)) ?? '', words);
  assert.equal(await verdict(answer.type), undefined, `${options.title ?? ''} takes ${answer.type}`);
  return answer.type;
}
