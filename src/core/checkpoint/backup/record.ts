/**
 * backup.json: what a backup is of, and each of its files by size and SHA-256. It is written last and carries its own hash: a
 * folder without a whole one is no backup.
 */
import path from 'node:path';
import { isFileError, readFailure } from '../../files';
import { readDocument } from '../../jsonFile';
import { countIn, FileContentError, isObject, numberIn, SCHEMA, stringIn, type JsonObject } from '../../jsonText';
import { CHECKPOINTS, FINAL } from '../fileNames';
import { stepOfFolder } from '../folderNames';
import { manifestHash } from '../layouts/manifest';
import { BackupError, documentIn } from './backupError';

export const RECORD = 'backup.json';
/** The folder in a backup for what its checkpoint needs of its run, where that is gone: run.json, config.json and the like. */
export const OF_RUN = 'run';

/** Which checkpoint a backup is of. */
export interface BackupSource {
  /** The run's, from run.json; null for other trainers' runs, which their path tells apart. */
  readonly id: string | null;
  /** The run's name; `parent/child` for nested sequential runs. */
  readonly run: string;
  /** The run's folder, absolute, as it was then. */
  readonly path: string;
  /** The checkpoint's name. */
  readonly checkpoint: string;
  /** Where in its run its checkpoints are: a folder of their own, or `.` for beside its other files. */
  readonly place: string;
  readonly step: number;
}

export interface RecordedFile {
  /** Relative to the backup's folder, with `/` on every system. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface BackupRecord {
  readonly source: BackupSource;
  /** Unix seconds. */
  readonly time: number;
  readonly files: readonly RecordedFile[];
}

export function recordText({ source, time, files }: BackupRecord): string {
  const document = { schema: SCHEMA, time, source, files };
  return `${JSON.stringify({ ...document, sha256: manifestHash({ ...document }) })}\n`;
}

/** @throws BackupError where the folder is no backup, or its record is damaged */
export async function readRecord(folder: string): Promise<BackupRecord> {
  const file = path.join(folder, RECORD);
  const bytes = await readDocument(file).catch((error: unknown) => {
    if (isFileError(error)) throw new BackupError(`${folder} is not a backup: its ${RECORD} ${readFailure(error)}.`);
    throw error;
  });
  try {
    return recordIn(documentIn(file, bytes));
  } catch (error) {
    if (error instanceof FileContentError) throw new BackupError(`${file} ${error.message}.`);
    throw error;
  }
}

/** The record of what may be a backup; null where it is none that can be used. */
export function recordIfWhole(folder: string): Promise<BackupRecord | null> {
  return readRecord(folder).catch((error: unknown) => {
    if (error instanceof BackupError) return null;
    throw error;
  });
}

function recordIn(json: JsonObject): BackupRecord {
  if (manifestHash(json) !== json['sha256']) throw new FileContentError('is damaged: its own sha256 differs');
  const time = numberIn(json, 'time');
  const source = isObject(json['source']) ? sourceIn(json['source']) : null;
  const files = Array.isArray(json['files']) ? (json['files'] as unknown[]).map(fileIn) : null;
  if (time === null || source === null || files === null) throw new FileContentError('does not say what it is of');
  if (new Set(files.map(({ name }) => name)).size < files.length)
    throw new FileContentError('names a file more than once');
  return { time, source, files };
}

/** Names are made paths of when a backup is restored: one that leads elsewhere is refused. */
function sourceIn(json: JsonObject): BackupSource | null {
  const [run, at, step] = [stringIn(json, 'run'), stringIn(json, 'path'), countIn(json, 'step')];
  const [checkpoint, place] = [stringIn(json, 'checkpoint'), stringIn(json, 'place')];
  if (run === null || at === null || checkpoint === null || place === null || step === null) return null;
  const isCheckpoint = checkpoint === FINAL || stepOfFolder(checkpoint) !== null;
  if (!isCheckpoint || path.basename(checkpoint) !== checkpoint || (place !== CHECKPOINTS && place !== '.'))
    return null;
  return isInside(run) ? { id: stringIn(json, 'id'), run, path: at, checkpoint, place, step } : null;
}

function fileIn(json: unknown): RecordedFile {
  const name = isObject(json) ? stringIn(json, 'name') : null;
  const bytes = isObject(json) ? countIn(json, 'bytes') : null;
  const sha256 = isObject(json) ? stringIn(json, 'sha256') : null;
  if (name === null || bytes === null || sha256 === null || !isInside(name) || name === RECORD)
    throw new FileContentError('has an entry that names no file');
  return { name, bytes, sha256 };
}

/** Whether a relative path stays in the folder that it is put behind. */
function isInside(name: string): boolean {
  return name.split('/').every((part) => !['', '.', '..'].includes(part) && path.basename(part) === part);
}

/** Whether two backups are of one run: its id tells, whatever it is called and wherever it is. */
export function sameRun(a: BackupSource, b: BackupSource): boolean {
  return a.id === null && b.id === null ? a.path === b.path : a.id === b.id;
}

export function sameFiles(a: readonly RecordedFile[], b: readonly RecordedFile[]): boolean {
  const key = ({ name, bytes, sha256 }: RecordedFile): string => `${sha256} ${bytes} ${name}`;
  const known = new Set(a.map(key));
  return a.length === b.length && b.every((file) => known.has(key(file)));
}

/** Whether a file of a backup is one of its run, not of its checkpoint. */
export function isOfRun({ name }: { readonly name: string }): boolean {
  return name.startsWith(`${OF_RUN}/`);
}

/** Size of the checkpoint that a backup is of. */
export function bytesOfRecord({ files }: BackupRecord): number {
  return files.reduce((sum, file) => sum + (isOfRun(file) ? 0 : file.bytes), 0);
}
