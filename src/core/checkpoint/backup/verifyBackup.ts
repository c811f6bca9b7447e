/** Whether a backup is whole: every file hashed anew, and which of them differs, is missing or should not be there. */
import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { isAbsent, isFileError, kindOf, readFailure } from '../../files';
import type { ValidationOptions } from '../report/report';
import { Progress } from '../validate/progress';
import { unreadable } from './backupError';
import { entriesIn } from './folders';
import { RECORD, readRecord, type BackupRecord, type RecordedFile } from './record';
import { hashFrom, readingBuffer } from './uncached';

export interface BackupProblem {
  /** The file, relative to the backup's folder. */
  readonly name: string;
  /** A clause to put behind its name. */
  readonly problem: string;
}

export interface VerifiedBackup {
  readonly folder: string;
  readonly record: BackupRecord;
  /** None where it is whole. */
  readonly problems: readonly BackupProblem[];
}

/** @throws BackupError where the folder is no backup or its record is damaged; the signal's reason when it is cancelled */
export async function verifyBackup(
  folder: string,
  options: Pick<ValidationOptions, 'signal' | 'onProgress'> = {},
): Promise<VerifiedBackup> {
  const record = await readRecord(folder);
  const progress = new Progress(options);
  const problems = await verifyFiles(folder, record, progress);
  progress.finish();
  return { folder, record, problems };
}

/** What is wrong with the files of a backup, by its record. */
export async function verifyFiles(
  folder: string,
  { files }: BackupRecord,
  progress: Progress,
): Promise<readonly BackupProblem[]> {
  const problems: BackupProblem[] = [];
  const buffer = readingBuffer();
  progress.expect(files.reduce((sum, { bytes }) => sum + bytes, 0));
  for (const file of files) {
    const problem = await verifyFile(folder, file, buffer, progress);
    if (problem !== null) problems.push({ name: file.name, problem });
  }
  const known = new Set([RECORD, ...files.map(({ name }) => name)]);
  const there = await entriesIn(folder).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  for (const { name } of there) if (!known.has(name)) problems.push({ name, problem: `is not in its ${RECORD}` });
  return problems;
}

async function verifyFile(
  folder: string,
  { name, bytes, sha256 }: RecordedFile,
  buffer: Uint8Array,
  progress: Progress,
): Promise<string | null> {
  const at = path.join(folder, name);
  try {
    const found = await lstat(at);
    if (!found.isFile()) return `is not a file but ${kindOf(found)}`;
    if (found.size !== bytes) return `has ${found.size} bytes, and had ${bytes}`;
    const hash = createHash('sha256');
    await hashFrom(at, 0, hash, buffer, (count) => {
      progress.add(count);
    });
    return hash.digest('hex') === sha256 ? null : 'differs: its sha256 is another one';
  } catch (error) {
    if (isAbsent(error)) return 'is missing';
    if (!isFileError(error)) throw error;
    return readFailure(error);
  }
}
