/**
 * Backs a checkpoint up: copies it to `<destination>/<run>/<checkpoint>/`, with backup.json, which says what it is and what its
 * files' hashes are, and with what a resume needs of its run. It is put together in a hidden folder beside, which stays when it
 * is cut short, and the next attempt goes on from it. Nothing that is there is ever replaced, no link there followed.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, open, readdir, realpath, rename, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { synced, syncFolder } from '../../durable';
import { errorCode, isThere, requireFolder } from '../../files';
import { freeBytesAt } from '../../freeSpace';
import type { JsonObject } from '../../jsonText';
import { isWithin } from '../../paths';
import type { ValidationOptions } from '../report/report';
import { Progress } from '../validate/progress';
import { BackupError, DiskFullError, unreadable, unwritable } from './backupError';
import { copyFile, Copying, DamagedSourceError } from './copyFile';
import { bytesIn, makeFolders, syncFolders } from './folders';
import { copyIn, noteIn, partialIn, sweep, takenOver } from './partial';
import {
  isOfRun,
  OF_RUN,
  RECORD,
  recordIfWhole,
  recordText,
  sameFiles,
  sameRun,
  type BackupRecord,
  type BackupSource,
  type RecordedFile,
} from './record';
import { requireRoom } from './room';
import { bytesOf, fileAt, filesIn, requireUnchanged, withManifest, type SourceFile } from './sourceFiles';
import { hashFrom } from './uncached';
import { verifyFiles } from './verifyBackup';

export interface BackupRequest {
  /** Absolute path of the checkpoint's folder. */
  readonly checkpoint: string;
  readonly source: BackupSource;
  /** Names of files in the run's folder that go along, where they are there. */
  readonly ofRun: readonly string[];
  /** Absolute; must exist. */
  readonly destination: string;
  /** Folders that the destination must not lie in: what is made there would pass for runs. */
  readonly outside: readonly string[];
}

export interface Backup {
  /** Absolute. */
  readonly folder: string;
  readonly record: BackupRecord;
  /** False where the same backup was there already, and is whole. */
  readonly made: boolean;
  /** Bytes that an earlier attempt had left, and that were as they had to be. */
  readonly kept: number;
}

export interface BackupOptions extends Pick<ValidationOptions, 'signal' | 'onProgress'> {
  /** Bytes free at a folder; a test gives its own. */
  readonly freeBytes?: (folder: string) => Promise<number | null>;
}

const PARTIAL = '.partial-';

/** @throws BackupError, and the signal's reason when it is cancelled */
export async function backUp(request: BackupRequest, options: BackupOptions = {}): Promise<Backup> {
  const { source } = request;
  const files = await filesOf(request);
  const destination = await realDestination(request);
  const progress = new Progress(options);
  progress.expect(bytesOf(files));
  const runFolder = await folderOfRun(destination, source);
  const there = await alreadyThere(runFolder, source, files, progress);
  if (there !== null) {
    // Of one that was killed when all but this was done.
    await (await takenOver(runFolder, prefixOf(source), isOf(source)))?.remove();
    progress.finish();
    return { ...there, made: false, kept: 0 };
  }
  const partial = await partialIn(runFolder, prefixOf(source), source, isOf(source));
  const copy = copyIn(partial);
  try {
    await requireRoom(destination, bytesOf(files) - (await bytesIn(copy)), options.freeBytes ?? freeBytesAt);
    const copying = new Copying(progress);
    const record = await copyAll(request, files, copy, copying);
    const settled = await settle(copy, runFolder, record);
    await partial.remove();
    for (const folder of [runFolder, path.dirname(runFolder)]) await syncFolder(folder);
    progress.finish();
    return { ...settled, kept: copying.kept };
  } catch (error) {
    // What is damaged would be copied in vain once more; everything else is gone on from.
    if (error instanceof DamagedSourceError || (await bytesIn(copy)) === 0) await partial.remove();
    await rmdir(runFolder).catch(() => undefined); // Goes where it is empty.
    if (error instanceof DiskFullError)
      throw new BackupError(`${error.message} What was copied stays there, and the next backup goes on from it.`);
    throw error;
  } finally {
    partial.leave();
  }
}

async function filesOf({ checkpoint, source, ofRun }: BackupRequest): Promise<SourceFile[]> {
  const files = await withManifest(checkpoint, await filesIn(checkpoint));
  if (files.length === 0) throw new BackupError(`${checkpoint} has no files.`);
  const taken = files.find(({ name }) => name === RECORD || name.split('/')[0] === OF_RUN);
  if (taken !== undefined) {
    throw new BackupError(
      `${taken.path} has a name that backups keep for themselves: if this was copied from a backup, delete ${RECORD} and ${OF_RUN} in ${checkpoint}.`,
    );
  }
  for (const name of ofRun) {
    const at = path.join(source.path, name);
    if (!(await isThere(at))) continue;
    const found = await fileAt(at, `${OF_RUN}/${name}`);
    if (found !== null) files.push(found);
  }
  return files;
}

/** What the destination really is: links in its own path are the user's, links within it are nobody's to follow. */
async function realDestination({ destination, outside }: BackupRequest): Promise<string> {
  let real: string;
  try {
    real = await realpath(destination);
    requireFolder(destination, await stat(real));
  } catch (error) {
    const failure = unreadable(destination, error);
    if (failure instanceof BackupError)
      throw new BackupError(`The folder for backups cannot be used: ${failure.message} Is its disk there?`);
    throw failure;
  }
  for (const folder of outside) {
    const inside = await realpath(folder).catch(() => folder);
    if (isWithin(real, inside))
      throw new BackupError(`${destination} lies in ${folder}: choose a folder elsewhere, best on another disk.`);
  }
  return real;
}

/** `name`, `name-2`, … */
function numbered(name: string, number: number): string {
  return number === 1 ? name : `${name}-${number}`;
}

/** The folder of a run's backups: its name, or the next one where that is another run's or somebody's own. */
async function folderOfRun(destination: string, source: BackupSource): Promise<string> {
  const parts = source.run.split('/');
  const last = parts.pop() ?? '';
  try {
    let parent = destination;
    for (const part of parts) parent = (await folderAt(path.join(parent, part))) ?? parent;
    for (let number = 1; ; number++) {
      const folder = await folderAt(path.join(parent, numbered(last, number)));
      if (folder !== null && (await isFor(folder, source))) return folder;
    }
  } catch (error) {
    throw unwritable(destination, error);
  }
}

/** A folder within the destination, made where it is not there. Null where something else, a link too, has its name. */
async function folderAt(at: string): Promise<string | null> {
  await mkdir(at).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  return (await lstat(at)).isDirectory() ? at : null;
}

/** Whether a folder holds backups of this run, or nothing at all. */
async function isFor(folder: string, source: BackupSource): Promise<boolean> {
  const inside = await readdir(folder);
  for (const name of inside) {
    const at = path.join(folder, name);
    const of = name.startsWith(PARTIAL) ? await ownerOf(at) : ((await recordIfWhole(at))?.source ?? null);
    if (of !== null) return sameRun(of, source);
  }
  return inside.every((name) => name.startsWith('.'));
}

/** Whose backup a hidden folder was to become; null where it does not say. */
async function ownerOf(partial: string): Promise<BackupSource | null> {
  return (await noteIn(partial)) as unknown as BackupSource | null;
}

function isOf(source: BackupSource): (note: JsonObject) => boolean {
  return (note) => sameSource(note as unknown as BackupSource, source);
}

function sameSource(a: BackupSource, b: BackupSource): boolean {
  return sameRun(a, b) && a.checkpoint === b.checkpoint;
}

/**
 * The same checkpoint's backup, where it is there and whole.
 *
 * @throws BackupError where it is there and damaged
 */
async function alreadyThere(
  runFolder: string,
  source: BackupSource,
  files: readonly SourceFile[],
  progress: Progress,
): Promise<{ readonly folder: string; readonly record: BackupRecord } | null> {
  const listed = (all: readonly { readonly name: string; readonly bytes: number }[]): string =>
    JSON.stringify(all.map(({ name, bytes }) => [name, bytes]).sort());
  // Its run's files may have been written anew since; that makes it no other checkpoint.
  const ofCheckpoint = files.filter((file) => !isOfRun(file));
  let hashed: RecordedFile[] | undefined;
  for (let number = 1; ; number++) {
    const folder = path.join(runFolder, numbered(source.checkpoint, number));
    const found = await lstat(folder).catch(() => null);
    if (found === null) return null;
    const record = found.isDirectory() ? await recordIfWhole(folder) : null;
    if (record === null || !sameSource(record.source, source)) continue;
    const recorded = record.files.filter((file) => !isOfRun(file));
    if (listed(recorded) !== listed(ofCheckpoint)) continue;
    hashed ??= await hashesOf(ofCheckpoint, progress);
    if (!sameFiles(recorded, hashed)) continue;
    const [problem] = await verifyFiles(folder, record, progress);
    if (problem === undefined) return { folder, record };
    throw new BackupError(
      `${folder} is a backup of it already, and is damaged: ${problem.name} ${problem.problem}. Move it away, and back it up anew.`,
    );
  }
}

async function hashesOf(files: readonly SourceFile[], progress: Progress): Promise<RecordedFile[]> {
  const { copy } = new Copying(progress);
  const hashed: RecordedFile[] = [];
  progress.expect(bytesOf(files));
  for (const { path: at, name, bytes } of files) {
    const hash = createHash('sha256');
    await hashFrom(await realpath(at), 0, hash, copy, (count) => {
      progress.add(count);
    }).catch((error: unknown) => {
      throw unreadable(at, error);
    });
    hashed.push({ name, bytes, sha256: hash.digest('hex') });
  }
  return hashed;
}

function prefixOf({ checkpoint }: BackupSource): string {
  return `${PARTIAL}${checkpoint}-`;
}

async function copyAll(
  request: BackupRequest,
  files: readonly SourceFile[],
  copy: string,
  copying: Copying,
): Promise<BackupRecord> {
  await makeFolders(path.dirname(copy), [path.basename(copy)]).catch((error: unknown) => {
    throw unwritable(copy, error);
  });
  const copied: RecordedFile[] = [];
  for (const file of files) copied.push(await copyFile(file, copy, copying));
  requireUnchanged(files, await filesOf(request));
  await sweep(copy, new Set(files.map(({ name }) => name)));
  const record = { source: request.source, time: Date.now() / 1000, files: copied };
  await writeDurably(path.join(copy, RECORD), recordText(record));
  await syncFolders(copy, files);
  return record;
}

/** @throws BackupError */
async function writeDurably(at: string, text: string): Promise<void> {
  try {
    const file = await open(at, 'wx');
    try {
      await file.writeFile(text);
      await synced(file);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unwritable(at, error);
  }
}

/** Gives the copy its name. Somebody who did the same at the same time may have been faster: then theirs is the backup. */
async function settle(
  copy: string,
  runFolder: string,
  record: BackupRecord,
): Promise<{ readonly folder: string; readonly record: BackupRecord; readonly made: boolean }> {
  for (let number = 1; ; number++) {
    const folder = path.join(runFolder, numbered(record.source.checkpoint, number));
    if (!(await isThere(folder))) {
      try {
        await rename(copy, folder);
        return { folder, record, made: true };
      } catch (error) {
        if (!(await isThere(folder))) throw unwritable(folder, error);
      }
    }
    const other = await recordIfWhole(folder);
    if (other !== null && sameSource(other.source, record.source) && sameFiles(other.files, record.files))
      return { folder, record: other, made: false };
  }
}
