/**
 * Brings a backed-up checkpoint back: into its run, or with a run of its own around it where that is gone. Each file is held
 * against the backup's record while it is copied, all is put together out of sight, and nothing that is there is replaced.
 */
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../durable';
import { isThere } from '../../files';
import { freeBytesAt } from '../../freeSpace';
import { hostInNames } from '../../thisHost';
import { TEMPORARY } from '../folderNames';
import type { ValidationOptions } from '../report/report';
import { Progress } from '../validate/progress';
import { BackupError, unwritable } from './backupError';
import { copyFile, Copying } from './copyFile';
import { syncFolders } from './folders';
import { leftIn, OwnedFolder } from './owned';
import { isOfRun, OF_RUN, readRecord, type BackupRecord } from './record';
import { requireRoom } from './room';
import { bytesOf, fileAt, type SourceFile } from './sourceFiles';

export interface RestoreRequest {
  /** Absolute path of the backup's folder. */
  readonly backup: string;
  /** Absolute path of the run that the checkpoint goes into. */
  readonly run: string;
  /** The folder in that run, which is there, for its checkpoints; null: there is no such run, and it is made. */
  readonly place: string | null;
  /** Names of the run's files that a run that is made does not get. */
  readonly without: readonly string[];
}

export interface Restored {
  /** Absolute path of the checkpoint. */
  readonly checkpoint: string;
  readonly run: string;
  readonly record: BackupRecord;
}

/** What a run that is put together is called until it is whole; the scan of runs passes over hidden folders. */
const RESTORING = '.restoring-';

/** @throws BackupError, and the signal's reason when it is cancelled; nothing is left of it then */
export async function restore(
  request: RestoreRequest,
  options: Pick<ValidationOptions, 'signal' | 'onProgress'> = {},
): Promise<Restored> {
  const record = await readRecord(request.backup);
  const files = await sourcesOf(request, record);
  const progress = new Progress(options);
  progress.expect(bytesOf(files));
  await requireRoom(path.dirname(request.run), bytesOf(files), freeBytesAt);
  const copying = new Copying(progress);
  const checkpoint =
    request.place === null
      ? await withRun(request, record, files, copying)
      : await intoRun(request.run, request.place, record, files, copying);
  progress.finish();
  return { checkpoint, run: request.run, record };
}

/** The recorded files, as they are in the backup; those of the run only where it is made. */
async function sourcesOf({ backup, place, without }: RestoreRequest, { files }: BackupRecord): Promise<SourceFile[]> {
  const sources: SourceFile[] = [];
  for (const { name, bytes, sha256 } of files) {
    if (isOfRun({ name }) && (place !== null || without.includes(name.slice(OF_RUN.length + 1)))) continue;
    const at = path.join(backup, name);
    const found = await fileAt(at, name);
    if (found?.bytes !== bytes) throw new BackupError(`${at} is damaged: it does not have the ${bytes} bytes it had.`);
    sources.push({ ...found, expected: sha256 });
  }
  return sources;
}

/** The trainer's own name for what it is saving: its next start sweeps what a killed process of this machine left. */
async function intoRun(
  run: string,
  place: string,
  { source }: BackupRecord,
  files: readonly SourceFile[],
  copying: Copying,
): Promise<string> {
  const folder = path.join(run, place);
  const target = path.join(folder, source.checkpoint);
  const temporary = path.join(folder, `${TEMPORARY}${source.checkpoint}-${hostInNames()}-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
  } catch (error) {
    throw unwritable(folder, error);
  }
  try {
    await copyInto(temporary, files, copying);
    await giveName(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
  return target;
}

async function withRun(
  { run }: RestoreRequest,
  { source }: BackupRecord,
  files: readonly SourceFile[],
  copying: Copying,
): Promise<string> {
  const parent = path.dirname(run);
  let hidden: OwnedFolder;
  try {
    await mkdir(parent, { recursive: true });
    for (const left of await leftIn(parent, RESTORING)) await (await OwnedFolder.takeOver(left, RESTORING))?.remove();
    hidden = await OwnedFolder.make(parent, RESTORING);
  } catch (error) {
    throw unwritable(parent, error);
  }
  const inRun = (file: SourceFile): SourceFile => ({
    ...file,
    name: isOfRun(file)
      ? file.name.slice(OF_RUN.length + 1)
      : path.posix.join(source.place, source.checkpoint, file.name),
  });
  try {
    await copyInto(hidden.path, files.map(inRun), copying);
    await giveName(hidden.path, run);
  } catch (error) {
    await hidden.remove();
    throw error;
  }
  hidden.leave();
  return path.join(run, source.place, source.checkpoint);
}

async function copyInto(folder: string, files: readonly SourceFile[], copying: Copying): Promise<void> {
  for (const file of files) await copyFile(file, folder, copying);
  await syncFolders(folder, files);
}

/** @throws BackupError where something has the name */
async function giveName(folder: string, target: string): Promise<void> {
  const taken = (): BackupError => new BackupError(`${target} is there already: nothing was restored over it.`);
  if (await isThere(target)) throw taken();
  await rename(folder, target).catch(async (error: unknown) => {
    if (await isThere(target)) throw taken();
    throw unwritable(target, error);
  });
  await syncFolder(path.dirname(target));
}
