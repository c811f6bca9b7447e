/** Adding to a tasks.json that people write: what is in it stays as it is, comments and formatting too. */
import { applyEdits, modify, parse, printParseErrorCode, type FormattingOptions, type ParseError } from 'jsonc-parser';
import { isObject } from '../../jsonText';

/** The file cannot be added to; the message is one sentence. */
export class TasksFileError extends Error {}

export interface LabelledTask {
  readonly label: string;
}

/**
 * @param text the file's; empty for a new one
 * @returns the text with the tasks at the end of its list; a label that is there already gets a number
 * @throws TasksFileError
 */
export function addTasks(text: string, tasks: readonly LabelledTask[]): string {
  const formattingOptions = formattingOf(text);
  let changed = text.trim() === '' ? `{${formattingOptions.eol ?? '\n'}}${formattingOptions.eol ?? '\n'}` : text;
  const document = read(changed);
  if (!('version' in document)) {
    changed = applyEdits(changed, modify(changed, ['version'], '2.0.0', { formattingOptions }));
  }
  const known = new Set((document.tasks ?? []).map(labelOf));
  if (document.tasks === undefined) {
    changed = applyEdits(changed, modify(changed, ['tasks'], [], { formattingOptions }));
  }
  for (const task of tasks) {
    const label = free(task.label, known);
    known.add(label);
    const at = (read(changed).tasks ?? []).length;
    const edits = modify(changed, ['tasks', at], { ...task, label }, { formattingOptions, isArrayInsertion: true });
    changed = applyEdits(changed, edits);
  }
  return changed;
}

/** What it has as tasks, as far as that can be read: a mistake further on is whoever writes it's to mend. */
export function tasksIn(text: string): readonly unknown[] {
  const document = parse(text, [], { allowTrailingComma: true }) as unknown;
  const tasks = isObject(document) ? document['tasks'] : undefined;
  return Array.isArray(tasks) ? tasks : [];
}

interface TasksDocument {
  readonly version?: unknown;
  readonly tasks?: readonly unknown[];
}

/** As VS Code reads it: with comments, and commas before a closing bracket. @throws TasksFileError */
function read(text: string): TasksDocument {
  const errors: ParseError[] = [];
  const document = parse(text, errors, { allowTrailingComma: true }) as unknown;
  const [first] = errors;
  if (first !== undefined) {
    const line = text.slice(0, first.offset).split('\n').length;
    throw new TasksFileError(`line ${line} is not valid JSON (${printParseErrorCode(first.error)}). Mend it first.`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new TasksFileError('it does not hold an object. Mend it first.');
  }
  const { tasks } = document as { tasks?: unknown };
  if (tasks !== undefined && !Array.isArray(tasks)) {
    throw new TasksFileError('its "tasks" is not a list. Mend it first.');
  }
  return document;
}

function labelOf(task: unknown): unknown {
  return typeof task === 'object' && task !== null && 'label' in task ? task.label : undefined;
}

function free(label: string, known: ReadonlySet<unknown>): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? label : `${label} (${n})`;
    if (!known.has(candidate)) return candidate;
  }
}

/** Tabs and line ends as the file has them. */
function formattingOf(text: string): FormattingOptions {
  const [, indent] = /^([ \t]+)\S/m.exec(text) ?? [];
  return {
    insertSpaces: indent?.startsWith('\t') !== true,
    tabSize: indent === undefined || indent.startsWith('\t') ? 2 : indent.length,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}
