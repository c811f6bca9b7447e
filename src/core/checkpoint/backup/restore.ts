/**
 * Brings a backed-up checkpoint back: into its run, or with a run of its own around it where that is gone. Each file is held
 * against the backup's record while it is copied, all is put together out of sight, and nothing that is there is replaced. What a
 * killed restore left is gone on from.
 */
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../durable';
import { isThere } from '../../files';
import { freeBytesAt } from '../../freeSpace';
import { TEMPORARY } from '../folderNames';
import type { ValidationOptions } from '../report/report';
import { Progress } from '../validate/progress';
import { BackupError, unwritable } from './backupError';
import { copyFile, Copying } from './copyFile';
import { bytesIn, entriesIn, makeFolders, syncFolders } from './folders';
import { leftIn, newestChange, OwnedFolder } from './owned';
import { copyIn, partialIn, sweep } from './partial';
import { isOfRun, OF_RUN, readRecord, type BackupRecord, type BackupSource } from './record';
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
  /** Bytes that a killed restore had left, and that were as they had to be. */
  readonly kept: number;
}

/** What a run that is put together is called until it is whole; the scan of runs passes over hidden folders. */
const RESTORING = '.restoring-';
/** Nobody goes on any more from what a restore left so long ago. */
const FORGOTTEN_MS = 24 * 3_600_000;

/** Something that is put together in a hidden folder beside. */
interface Making {
  /** Absolute; nothing is there yet. */
  readonly target: string;
  /** What the hidden folder's name begins with. */
  readonly prefix: string;
  /** Named as they are to be in it. */
  readonly files: readonly SourceFile[];
}

/** @throws BackupError, and the signal's reason when it is cancelled; nothing is left of it then */
export async function restore(
  request: RestoreRequest,
  options: Pick<ValidationOptions, 'signal' | 'onProgress'> = {},
): Promise<Restored> {
  const record = await readRecord(request.backup);
  const files = await sourcesOf(request, record);
  const progress = new Progress(options);
  progress.expect(bytesOf(files));
  const copying = new Copying(progress);
  const { run, place } = request;
  const { source } = record;
  if (place === null) await withRun(run, source, files, copying);
  else await intoRun(path.join(run, place), source, files, copying);
  progress.finish();
  const checkpoint = path.join(run, place ?? source.place, source.checkpoint);
  return { checkpoint, run, record, kept: copying.kept };
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

/** Named as what the trainer is saving: its next start sweeps what a killed process of this machine left. */
async function intoRun(
  folder: string,
  { checkpoint }: BackupSource,
  files: readonly SourceFile[],
  copying: Copying,
): Promise<void> {
  const target = path.join(folder, checkpoint);
  await make({ target, prefix: `${TEMPORARY}${checkpoint}-`, files }, copying);
}

async function withRun(
  run: string,
  { place, checkpoint }: BackupSource,
  files: readonly SourceFile[],
  copying: Copying,
): Promise<void> {
  const inRun = (file: SourceFile): SourceFile => ({
    ...file,
    name: isOfRun(file) ? file.name.slice(OF_RUN.length + 1) : path.posix.join(place, checkpoint, file.name),
  });
  await sweepForgotten(path.dirname(run));
  await make({ target: run, prefix: RESTORING, files: files.map(inRun) }, copying);
}

/** Removes what restores of other runs left that nobody has gone on with. */
async function sweepForgotten(folder: string): Promise<void> {
  for (const left of await leftIn(folder, RESTORING)) {
    const touched = await newestChange(left);
    if (touched === null || Date.now() - touched < FORGOTTEN_MS) continue;
    await (await OwnedFolder.takeOver(left, RESTORING))?.remove();
  }
}

async function make({ target, prefix, files }: Making, copying: Copying): Promise<void> {
  const folder = path.dirname(target);
  const name = path.basename(target);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw unwritable(folder, error);
  });
  if (await isThere(target)) throw taken(target);
  const partial = await partialIn(folder, prefix, { name }, (note) => note['name'] === name);
  const copy = copyIn(partial);
  try {
    await requireRoom(folder, bytesOf(files) - (await bytesIn(copy)), freeBytesAt);
    await makeFolders(partial.path, [path.basename(copy)]).catch((error: unknown) => {
      throw unwritable(copy, error);
    });
    for (const file of files) await copyFile(file, copy, copying);
    await sweep(copy, new Set(files.map((file) => file.name)));
    await syncFolders(copy, files);
    await giveName(copy, target, files);
  } finally {
    await partial.remove();
  }
}

function taken(target: string): BackupError {
  return new BackupError(`${target} is there already: nothing was restored over it.`);
}

/** @throws BackupError where something has the name */
async function giveName(copy: string, target: string, files: readonly SourceFile[]): Promise<void> {
  // Where another program removed what it took for a leftover, less would get the name than was copied.
  const there = new Map((await entriesIn(copy)).map(({ name, stats }) => [name, stats.size]));
  const lost = files.find(({ name, bytes }) => there.get(name) !== bytes);
  if (lost !== undefined) throw new BackupError(`${lost.name} went while it was restored: try again.`);
  if (await isThere(target)) throw taken(target);
  await rename(copy, target).catch(async (error: unknown) => {
    if (await isThere(target)) throw taken(target);
    throw unwritable(target, error);
  });
  await syncFolder(path.dirname(target));
}
