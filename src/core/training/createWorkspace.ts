/** A training workspace made from the trainer that ships with the extension: whole, or not at all. */
import fs, { constants, type Dirent } from 'node:fs';
import path from 'node:path';
import { EXPERIMENTS } from '../experiment/runLayout';
import { readFailure, writeFailure } from '../files';

const { mkdir, mkdtemp, readdir, rename, rm } = fs.promises;

/** Nothing was made; the message is one line that says why, and what to do. */
export class CreateWorkspaceError extends Error {}

/**
 * Copies the trainer into a folder, beside an empty experiments folder. What is in the folder already is the user's: it is
 * never written over, and a copy that fails half-way is taken back.
 *
 * @param trainer folder of the trainer that ships
 * @param target an existing folder, which may have files of other names
 * @throws CreateWorkspaceError
 */
export async function createTrainingWorkspace(trainer: string, target: string): Promise<void> {
  const wanted = [...(await readdir(trainer)), EXPERIMENTS];
  const present = new Set((await listed(target)).map((entry) => entry.name));
  const taken = wanted.find((name) => name !== EXPERIMENTS && present.has(name));
  if (taken !== undefined) {
    throw new CreateWorkspaceError(`${target} already has ${taken}: choose an empty folder. Nothing was copied.`);
  }
  let draft: string | undefined;
  const placed: string[] = [];
  try {
    // Beside its place, so that every file is there before the first one is seen, and renames stay on one disk.
    draft = await mkdtemp(path.join(target, '.npt-workspace-'));
    await copyTree(trainer, draft);
    await mkdir(path.join(draft, EXPERIMENTS));
    for (const name of wanted) {
      if (present.has(name)) continue;
      await rename(path.join(draft, name), path.join(target, name));
      placed.push(name);
    }
  } catch (error) {
    for (const name of placed) await rm(path.join(target, name), { recursive: true, force: true });
    throw new CreateWorkspaceError(`${target}: ${writeFailure(error)}. Nothing was copied: choose another folder.`);
  } finally {
    if (draft !== undefined) await rm(draft, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function listed(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new CreateWorkspaceError(`${folder}: ${readFailure(error)}. Nothing was copied: choose another folder.`);
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile()) await fs.promises.copyFile(source, target, constants.COPYFILE_EXCL);
  }
}
