/** What the name of a checkpoint's folder tells (contract sections 1 and 2). */
import { basename } from 'node:path';
import { FINAL } from './fileNames';

const SAVED = /^checkpoint-(\d{1,15})$/;
/** Our trainer writes beside the target and renames. */
const BEING_SAVED = /^\.tmp-checkpoint-(\d{1,15})-/;

export const TEMPORARY = '.tmp-';
/** What is deleted gets this before its name first. */
export const DELETED = '.del-';

/** The step in `checkpoint-<step>`; null for every other name. */
export function stepOfFolder(path: string): number | null {
  return stepIn(SAVED, path);
}

/** The step of a save that is under way, in `.tmp-checkpoint-<step>-<host>-<pid>`; null for every other name. */
export function stepBeingSaved(path: string): number | null {
  return stepIn(BEING_SAVED, path);
}

/** A checkpoint's name, there or on its way. */
export function isCheckpointName(name: string): boolean {
  return name === FINAL || stepOfFolder(name) !== null || stepBeingSaved(name) !== null;
}

/** A save that is under way: `.tmp-checkpoint-<step>-<host>-<pid>`, `.tmp-final-…`. */
export function isTemporaryFolder(path: string): boolean {
  return basename(path).startsWith(TEMPORARY);
}

/** A checkpoint that is being deleted. */
export function isDeletedFolder(path: string): boolean {
  return basename(path).startsWith(DELETED);
}

function stepIn(pattern: RegExp, path: string): number | null {
  const match = pattern.exec(basename(path));
  return match ? Number(match[1]) : null;
}
