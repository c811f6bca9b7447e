/** The training workspace that the demo opens: the trainer as a user has it, in a folder of its own. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../setup/cache.mjs';
import { SetupError } from '../setup/failure.mjs';

const RECORD = '.npt-demo.json';
/** Parts of trainer/ that are for its own development. */
const LEFT_OUT = /^(tests|build|dist|\..*|__pycache__|.*\.egg-info)$/;

/** Files of the trainer that belong to a workspace, relative to trainer/, sorted. */
function trainerFiles(trainer, folder = '') {
  return readdirSync(path.join(trainer, folder), { withFileTypes: true })
    .filter((entry) => !LEFT_OUT.test(entry.name))
    .flatMap((entry) => {
      const file = path.join(folder, entry.name);
      return entry.isDirectory() ? trainerFiles(trainer, file) : entry.isFile() ? [file] : [];
    })
    .sort();
}

/** Changes with anything in the trainer, so that a workspace with an older trainer can be told. */
function trainerKey(trainer, files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(path.join(trainer, file)));
  return hash.digest('hex').slice(0, 16);
}

/** The key that a workspace was made with; undefined where there is none of ours. */
function recordedKey(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, RECORD), 'utf8')).trainer;
  } catch {
    return undefined;
  }
}

const isFree = (folder) => !existsSync(folder) || (statSync(folder).isDirectory() && readdirSync(folder).length === 0);

/** Copies the trainer beside the target first: an interrupted copy is never taken for a workspace. */
function make(trainer, files, key, folder) {
  const draft = `${folder}.making-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  for (const file of files) {
    mkdirSync(path.dirname(path.join(draft, file)), { recursive: true });
    cpSync(path.join(trainer, file), path.join(draft, file), { preserveTimestamps: true });
  }
  mkdirSync(path.join(draft, 'experiments'), { recursive: true });
  writeFileSync(path.join(draft, RECORD), `${JSON.stringify({ schema: 1, trainer: key })}\n`);
  if (existsSync(folder)) rmSync(folder, { recursive: true }); // empty, see isFree()
  renameSync(draft, folder);
}

/**
 * The demo's workspace: an existing one is used as it is, nothing in it is overwritten.
 * @param {string} root the clone
 * @param {string | undefined} named the folder that the user asked for; without it one in the cache folder, a new one with
 *   the next number where the trainer has changed since
 * @returns {{ folder: string, isNew: boolean }}
 * @throws {SetupError} when the folder that was asked for holds something else
 */
export function demoWorkspace(root, named) {
  const trainer = path.join(root, 'trainer');
  const files = trainerFiles(trainer);
  const key = trainerKey(trainer, files);
  if (named !== undefined) {
    const folder = path.resolve(named);
    if (isFree(folder)) {
      make(trainer, files, key, folder);
      return { folder, isNew: true };
    }
    if (recordedKey(folder) !== undefined) return { folder, isNew: false };
    throw new SetupError(`${folder} is not empty and no demo workspace: name a new folder. Nothing was changed.`);
  }
  for (let number = 1; ; number += 1) {
    const folder = path.join(cacheFolder(), 'demo', number === 1 ? 'workspace' : `workspace-${number}`);
    if (isFree(folder)) {
      make(trainer, files, key, folder);
      return { folder, isNew: true };
    }
    if (recordedKey(folder) === key) return { folder, isNew: false };
  }
}
