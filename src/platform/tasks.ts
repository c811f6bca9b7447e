/**
 * Tasks that run a program. VS Code substitutes variables such as `${command:X}`, which runs X, in a task's program,
 * arguments, folder and environment, and shows its name in notifications, quick picks and terminals.
 */
import * as vscode from 'vscode';
import { plainText, visibleText } from '../core/plainText';

/** The longest name of a task, in UTF-16 units. */
const LIMIT = { longest: 120 };

/** What would be substituted is not run; the message is one line for the user. */
export class TaskTextError extends Error {}

export function holdsVariable(text: string): boolean {
  return text.includes('${');
}

/**
 * Words that reach `npt_supervise.py --escaped` as they are: what VS Code would substitute, and what a terminal that shows
 * the command would obey, is percent-encoded. Words without either stay readable.
 */
export function escapedWords(words: readonly string[]): { readonly escaped: boolean; readonly words: string[] } {
  const escaped = words.some((word) => holdsVariable(word) || visibleText(word, { longest: Infinity }) !== word);
  if (!escaped) return { escaped, words: [...words] };
  const encode = (word: string): string =>
    wellFormed(word).replace(/[%$\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, encodeURIComponent);
  return { escaped, words: words.map(encode) };
}

/** Half of a surrogate pair has no bytes: no program can be given it. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd');
}

/**
 * Words that a task only gets when it is run. VS Code asks a command of ours for them, of which alone the task holds the
 * name: as `npt_supervise.py planned` reads them, with nothing left in them that VS Code would substitute.
 */
export class LateWords implements vscode.Disposable {
  /** Commands by what they are for: a task that was listed before may still be run. */
  private readonly known = new Map<string, { readonly word: LateWord; readonly command: vscode.Disposable }>();

  /**
   * @param about the same for the same words
   * @param words asked at each run: a program and its words, or in one line why there is nothing to run
   */
  word(about: string, words: () => Promise<readonly string[] | string>): LateWord {
    const name = this.known.get(about)?.word.name ?? `npt.taskWords.${this.known.size}`;
    this.known.get(about)?.command.dispose();
    const word = new LateWord(name);
    const command = vscode.commands.registerCommand(name, async () => {
      const found = await words();
      const order = typeof found === 'string' ? visibleText(found, { longest: Infinity }) : found;
      // Letters, digits, % and a few marks: no variable, no quote, nothing that a terminal obeys.
      return encodeURIComponent(wellFormed(JSON.stringify(order)));
    });
    this.known.set(about, { word, command });
    return word;
  }

  dispose(): void {
    for (const { command } of this.known.values()) command.dispose();
    this.known.clear();
  }
}

/** The one word of a task in which VS Code is to substitute something. */
export class LateWord {
  constructor(readonly name: string) {}

  get text(): string {
    return `\${command:${this.name}}`;
  }
}

export interface ProgramTask {
  readonly definition: vscode.TaskDefinition;
  readonly scope: vscode.WorkspaceFolder | undefined;
  readonly name: string;
  readonly detail?: string | undefined;
  readonly program: string;
  readonly words: readonly (string | LateWord)[];
  readonly folder: string;
  /** Names and values of our own; none come from disk. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly problemMatchers?: readonly string[];
}

/**
 * A task that runs a program with an argv, without a shell.
 *
 * @throws TaskTextError where a word would not reach the program as it is
 */
export function programTask(task: ProgramTask): vscode.Task {
  const given = task.words.filter((word) => typeof word === 'string');
  const named = [task.program, task.folder, ...given].find(holdsVariable);
  const words = task.words.map((word) => (typeof word === 'string' ? word : word.text));
  if (named !== undefined) {
    throw new TaskTextError(
      vscode.l10n.t('VS Code replaces "${…}" in tasks, and {0} has one in its path. Rename that folder.', named),
    );
  }
  const made = new vscode.Task(
    task.definition,
    task.scope ?? vscode.TaskScope.Workspace,
    plainText(task.name, LIMIT),
    'npt',
    new vscode.ProcessExecution(task.program, words, { cwd: task.folder, env: { ...task.environment } }),
    [...(task.problemMatchers ?? [])],
  );
  if (task.detail !== undefined) made.detail = plainText(task.detail);
  return made;
}

/** A task that only says something, and has failed: what stands in the way of the task that was asked for. */
export function messageTask(
  task: { readonly definition: vscode.TaskDefinition; readonly scope: vscode.Task['scope']; readonly name: string },
  message: string,
): vscode.Task {
  return new vscode.Task(
    task.definition,
    task.scope ?? vscode.TaskScope.Workspace,
    plainText(task.name, LIMIT),
    'npt',
    new vscode.CustomExecution(() => Promise.resolve(new MessageTerminal(message))),
  );
}

class MessageTerminal implements vscode.Pseudoterminal {
  private readonly write = new vscode.EventEmitter<string>();
  private readonly end = new vscode.EventEmitter<number>();
  readonly onDidWrite = this.write.event;
  readonly onDidClose = this.end.event;

  constructor(private readonly message: string) {}

  open(): void {
    this.write.fire(`${visibleText(this.message, { longest: Infinity })}\r\n`);
    this.end.fire(1);
  }

  close(): void {
    this.write.dispose();
    this.end.dispose();
  }
}
