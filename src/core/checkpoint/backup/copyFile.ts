/**
 * Copies one file so that the copy is known to be whole: hashed while it is read, synced, read back from its disk. What an
 * earlier attempt left of it is held against the source, byte by byte, and kept as far as it is the same.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { synced } from '../../durable';
import { openRegular } from '../../files';
import type { Progress } from '../validate/progress';
import { BackupError, unwritable } from './backupError';
import { lstatOrNull, makeFolders } from './folders';
import type { RecordedFile } from './record';
import { changedMeanwhile, identityOf, lostOrUnreadable, type SourceFile } from './sourceFiles';
import { CHUNK_BYTES, hashFrom, readFully, readingBuffer } from './uncached';

const NO_FOLLOW = (constants.O_NOFOLLOW as number | undefined) ?? 0;

/** What copying several files shares. */
export class Copying {
  /** Bytes of earlier attempts that were as they had to be. */
  kept = 0;
  readonly source = Buffer.allocUnsafe(CHUNK_BYTES);
  readonly copy = readingBuffer();

  constructor(readonly progress: Progress) {}
}

/** A source turned out to be damaged: not what its manifest, or a backup's record, says of it. */
export class DamagedSourceError extends BackupError {}

/**
 * @param folder an absolute path of a real folder, which nobody else writes into
 * @throws BackupError, and the signal's reason
 */
export async function copyFile(source: SourceFile, folder: string, copying: Copying): Promise<RecordedFile> {
  const target = path.join(folder, source.name);
  const { handle: input } = await openRegular(source.path).catch((error: unknown) => {
    throw lostOrUnreadable(source.path, error);
  });
  try {
    const read = createHash('sha256');
    const copied = createHash('sha256');
    const output = await openCopy(folder, source.name).catch((error: unknown) => {
      throw unwritable(target, error);
    });
    let kept: number;
    try {
      kept = await keep(source, input, output, [read, copied], copying).catch((error: unknown) => {
        throw unwritable(target, error);
      });
      await append(source, input, target, output, kept, read, copying);
    } finally {
      await output.close();
    }
    const end = await hashFrom(target, kept, copied, copying.copy, (bytes) => {
      copying.progress.add(bytes / 2);
    }).catch((error: unknown) => {
      throw unwritable(target, error);
    });
    if (identityOf(await input.stat({ bigint: true })) !== source.identity) throw changedMeanwhile(source.path);
    const sha256 = read.digest('hex');
    if (source.expected !== null && sha256 !== source.expected)
      throw new DamagedSourceError(`${source.path} is damaged: its sha256 is not the one that was recorded of it.`);
    if (end !== source.bytes || copied.digest('hex') !== sha256)
      throw new BackupError(`${target} is not what was written to it: its disk does not keep what it is given.`);
    return { name: source.name, bytes: source.bytes, sha256 };
  } finally {
    await input.close();
  }
}

/** Puts as much of the copy as is the source's into both hashes, and cuts the rest off. @returns how much that is */
async function keep(
  source: SourceFile,
  input: FileHandle,
  output: FileHandle,
  hashes: readonly Hash[],
  copying: Copying,
): Promise<number> {
  const { size } = await output.stat();
  let at = 0;
  while (at < Math.min(size, source.bytes)) {
    const length = Math.min(CHUNK_BYTES, size - at);
    const there = copying.copy.subarray(0, await readFully(output, copying.copy, length, at));
    const wanted = copying.source.subarray(0, await readFully(input, copying.source, there.length, at));
    if (there.length === 0 || !wanted.equals(there)) break;
    for (const hash of hashes) hash.update(wanted);
    at += wanted.length;
    copying.progress.add(wanted.length);
  }
  if (size > at) await output.truncate(at);
  copying.kept += at;
  return at;
}

async function append(
  source: SourceFile,
  input: FileHandle,
  target: string,
  output: FileHandle,
  from: number,
  read: Hash,
  copying: Copying,
): Promise<void> {
  let at = from;
  while (at < source.bytes) {
    const length = await readFully(input, copying.source, CHUNK_BYTES, at).catch((error: unknown) => {
      throw lostOrUnreadable(source.path, error);
    });
    if (length === 0) throw changedMeanwhile(source.path);
    const piece = copying.source.subarray(0, length);
    read.update(piece);
    try {
      await writeFully(output, piece, at);
    } catch (error) {
      throw unwritable(target, error);
    }
    at += length;
    copying.progress.add(length / 2);
  }
  // Some network disks keep no other time than their own.
  await output.utimes(...source.times).catch(() => undefined);
  try {
    await synced(output);
  } catch (error) {
    throw unwritable(target, error);
  }
}

async function writeFully(output: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await output.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/**
 * Opens the copy for reading and writing, with what is in it. No link is followed, and a file that other names lead to, which
 * is not of our making, is not written to.
 */
async function openCopy(folder: string, name: string): Promise<FileHandle> {
  await makeFolders(folder, name.split('/').slice(0, -1));
  const target = path.join(folder, name);
  const found = await lstatOrNull(target);
  if (found !== null && (!found.isFile() || found.nlink > 1)) await rm(target, { recursive: true });
  return open(target, constants.O_RDWR | constants.O_CREAT | NO_FOLLOW, 0o666);
}
