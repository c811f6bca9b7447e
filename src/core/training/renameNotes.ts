/** What goes by a run's name or path alone and would no longer find it under another name: said before it is renamed. */
import { homedir } from 'node:os';
import path from 'node:path';
import { goesByName, listed, type RenamePlan } from '../experiment/renameRun';
import { FileContentError, isObject } from '../jsonText';
import { isWithin } from '../paths';
import { expandPath } from '../variables';
import { readTasksFile, TASKS_FILE } from './plan/saveTasks';
import { tasksIn } from './plan/tasksFile';

/** What an entry is called: no path. */
const NAMES: ReadonlySet<string> = new Set(['label', 'detail']);

/**
 * Each in a sentence; none where nothing does.
 *
 * @param roots of the workspaces whose tasks are looked at, absolute
 */
export async function renameNotes(plan: RenamePlan, roots: readonly string[]): Promise<string[]> {
  const notes = goesByName(plan);
  for (const root of new Set(roots)) {
    const note = await noteOfTasks(root, plan);
    if (note !== null) notes.push(note);
  }
  return notes;
}

async function noteOfTasks(root: string, { run, name }: RenamePlan): Promise<string | null> {
  const file = path.join(root, TASKS_FILE);
  let text: string;
  try {
    text = await readTasksFile(file);
  } catch (error) {
    if (!(error instanceof FileContentError)) throw error;
    return `${file} ${error.message}: whether an entry of it names ${run.name} is not known.`;
  }
  const naming = tasksIn(text).filter((task) => namesFolder(task, run.path, root));
  if (naming.length === 0) return null;
  const entries = listed(naming.map((task) => `“${labelOf(task)}”`));
  return `Named by its path in ${file}: ${naming.length === 1 ? 'the entry' : 'the entries'} ${entries}. Write ${name} there, too.`;
}

function labelOf(task: unknown): string {
  const { label, taskName } = isObject(task) ? task : {};
  return typeof label === 'string' ? label : typeof taskName === 'string' ? taskName : 'without a label';
}

/** Whether a text anywhere in an entry is the path of something in the folder, or a word of it is. */
function namesFolder(task: unknown, folder: string, root: string): boolean {
  if (typeof task === 'string') return pathsIn(task, root).some((each) => isWithin(each, folder));
  if (Array.isArray(task)) return task.some((each) => namesFolder(each, folder, root));
  if (!isObject(task)) return false;
  return Object.entries(task).some(([key, value]) => !NAMES.has(key) && namesFolder(value, folder, root));
}

/** What may be a path in a text of tasks.json: all of it, the words of a command, and what stands behind a `--name=`. */
function pathsIn(text: string, root: string): string[] {
  const scope = { workspaceFolder: root, home: homedir(), env: process.env };
  const words = [text, ...text.split(/["'\s;,|&()<>]+/)].flatMap((word) => [word, word.slice(word.indexOf('=') + 1)]);
  return words.filter((word) => word !== '').map((word) => path.resolve(root, expandPath(word, scope)));
}
