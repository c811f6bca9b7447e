/** The files of a checkpoint that is copied: which there are, what they must be, and whether they stay what they were. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { danglingLink, errorCode, isAbsent, kindOf } from '../../files';
import { readDocument } from '../../jsonFile';
import { MANIFEST } from '../fileNames';
import { readManifest } from '../layouts/manifest';
import { BackupError, documentIn, unreadable } from './backupError';

export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  /** Where its copy goes, relative to the folder that is made, with `/` on every system. */
  readonly name: string;
  readonly bytes: number;
  /** Equal for one file as long as nobody wrote it. */
  readonly identity: string;
  /** Seconds, as utimes takes them: a copy is as old as what it is of. */
  readonly times: readonly [accessed: number, modified: number];
  /** What its SHA-256 has to be; null where nothing tells. */
  readonly expected: string | null;
}

/** Folders within folders within a checkpoint: none has any, and a link may lead round in a circle. */
const DEEPEST = 16;

/**
 * Every file under a folder, links followed, by name. Folders in which no file is hold nothing to copy.
 *
 * @throws BackupError for anything but files and folders, and for what may not be looked at
 */
export async function filesIn(folder: string, prefix = ''): Promise<SourceFile[]> {
  if (prefix.split('/').length > DEEPEST) throw new BackupError(`${folder}: its folders are nested too deep.`);
  const names = await readdir(folder).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  const files: SourceFile[] = [];
  for (const name of names.sort()) {
    const at = path.join(folder, name);
    const found = await fileAt(at, `${prefix}${name}`);
    if (found === null) files.push(...(await filesIn(at, `${prefix}${name}/`)));
    else files.push(found);
  }
  return files;
}

/** @returns null for a folder @throws BackupError */
export async function fileAt(at: string, name: string): Promise<SourceFile | null> {
  const stats = await stat(at, { bigint: true }).catch((error: unknown) => {
    throw unreadable(at, isAbsent(error) ? (danglingLink(at) ?? error) : error);
  });
  if (stats.isDirectory()) return null;
  if (!stats.isFile()) throw new BackupError(`${at} is not a file but ${kindOf(await stat(at))}.`);
  return {
    ...{ path: at, name, bytes: Number(stats.size), identity: identityOf(stats), expected: null },
    times: [Number(stats.atimeMs) / 1000, Number(stats.mtimeNs) / 1e9],
  };
}

/** Without the time of its last change of status, which another link to it (`final` shares its files) changes. */
export function identityOf(stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}

/**
 * The same files with what a checkpoint's manifest says of them: one that is damaged is noticed before it passes for a copy.
 *
 * @throws BackupError where the manifest cannot be used, or files are missing or have another size
 */
export async function withManifest(folder: string, files: readonly SourceFile[]): Promise<SourceFile[]> {
  if (!files.some(({ name }) => name === MANIFEST)) return [...files];
  const at = path.join(folder, MANIFEST);
  const manifest = await readDocument(at).then(
    (bytes) => readManifest(documentIn(at, bytes)),
    (error: unknown) => {
      throw unreadable(at, error);
    },
  );
  if (manifest.intact === false) throw new BackupError(`${at} is damaged: its own sha256 differs.`);
  for (const [name, { bytes }] of manifest.files) {
    const found = files.find((file) => file.name === name);
    if (found === undefined) throw new BackupError(`${folder}: ${name} is missing, which its ${MANIFEST} names.`);
    if (bytes !== null && found.bytes !== bytes)
      throw new BackupError(`${found.path} is damaged: it has ${found.bytes} bytes, its ${MANIFEST} says ${bytes}.`);
  }
  return files.map((file) => ({ ...file, expected: manifest.files.get(file.name)?.sha256 ?? null }));
}

export function bytesOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** @throws BackupError where files came, went or were written since */
export function requireUnchanged(before: readonly SourceFile[], now: readonly SourceFile[]): void {
  const known = new Map(now.map((file) => [file.name, file.identity]));
  const changed = before.find(({ name, identity }) => known.get(name) !== identity);
  if (changed !== undefined) throw changedMeanwhile(changed.path);
  const came = now.find(({ name }) => !before.some((file) => file.name === name));
  if (came !== undefined) throw changedMeanwhile(came.path);
}

export function changedMeanwhile(at: string): BackupError {
  return new BackupError(`${at} changed while it was copied: nothing was made of it. Try again when it is at rest.`);
}

/** What to say of a file that was there a moment ago: one that went while it was copied is no fault of its disk. */
export function lostOrUnreadable(at: string, error: unknown): unknown {
  return errorCode(error) === 'ENOENT' ? changedMeanwhile(at) : unreadable(at, error);
}
