/** Adding entries to a workspace folder's tasks.json, which people and other programs write too. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { changeFile } from '../../changeFile';
import { isAbsent, isFileError, readFailure, writeFailure } from '../../files';
import { readDocument } from '../../jsonFile';
import { FileContentError } from '../../jsonText';
import { decodeText, EncodingError } from '../../textEncoding';
import { addTasks, TasksFileError, type LabelledTask } from './tasksFile';

/** In a workspace folder. */
export const TASKS_FILE = path.join('.vscode', 'tasks.json');

/**
 * Adds them at the end, to what the file holds at this moment; whatever is in it stays as it is, comments too.
 *
 * @param folder absolute path of the workspace folder
 * @throws TasksFileError, and nothing is changed: the message is one line that begins with the file's path
 */
export async function saveTasks(folder: string, tasks: readonly LabelledTask[]): Promise<void> {
  const file = path.join(folder, TASKS_FILE);
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await changeFile(file, async () => ({ text: addTasks(await readTasksFile(file), tasks) }));
  } catch (error) {
    if (error instanceof TasksFileError) throw new TasksFileError(`${file}: ${error.message}`);
    if (error instanceof FileContentError) throw new TasksFileError(`${file} ${error.message}. Nothing was changed.`);
    if (!isFileError(error)) throw error;
    throw new TasksFileError(`${file}: ${writeFailure(error)}. Nothing was changed.`);
  }
}

/** A tasks.json's text. @returns empty where there is no file yet @throws FileContentError, and what the system says of writing */
export async function readTasksFile(file: string): Promise<string> {
  try {
    return decodeText(await readDocument(file));
  } catch (error) {
    if (error instanceof EncodingError) throw new FileContentError(error.clause);
    if (!isFileError(error)) throw error;
    if (isAbsent(error)) return '';
    throw new FileContentError(readFailure(error));
  }
}
