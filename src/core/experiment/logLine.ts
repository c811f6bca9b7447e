/** The line of a run's train.log that tells how it ended. */
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Run } from './model';
import { TRAIN_LOG } from './runLayout';

/** Of the log's end: an error is there. */
const READ_BYTES = 4 << 20;
/** Lines before that end are counted in a log that is not longer than this; it takes a second. */
const COUNTED_BYTES = 1 << 30;
const NEWLINE = 10;

export interface LogLine {
  readonly text: string;
  /** Counted from 1; null where the log's beginning was not read. */
  readonly line: number | null;
}

/** The log's line that tells of an error: the last that has it, else the last `error:` or traceback's end, else the last one. */
export function logLineOf(log: string, error: string | null): { readonly text: string; readonly line: number } | null {
  const lines = log.split(/\r?\n/);
  const wanted = error?.split('\n')[0]?.trim() ?? '';
  const last = (fits: (line: string) => boolean): number =>
    lines.findLastIndex((line) => line.trim() !== '' && fits(line));
  const places = [
    wanted === '' ? -1 : last((line) => line.includes(wanted)),
    last((line) => /^(error:|[\w.]*(Error|Exception)\b)/.test(line.trim())),
    last((line) => !line.startsWith('── ')),
  ];
  const index = (error === null ? places.slice(2) : places).find((place) => place >= 0);
  if (index === undefined) return null;
  return { text: (lines[index] as string).trim(), line: index + 1 };
}

/**
 * Finds the line in the run's log.
 *
 * @param count also in a log whose beginning has to be read just to count its lines
 * @returns null where there is no log, or none that can be read
 */
export async function findLogLine(run: Run, count = false): Promise<LogLine | null> {
  const handle = await open(path.join(run.path, TRAIN_LOG), 'r').catch(() => null);
  if (handle === null) return null;
  try {
    const stats = await handle.stat();
    // What is no plain file, as a pipe, may never end.
    if (!stats.isFile()) return null;
    const length = Math.min(stats.size, READ_BYTES);
    const from = stats.size - length;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from);
    const found = logLineOf(buffer.toString('utf8', 0, bytesRead), run.exit?.error ?? null);
    if (found === null || from === 0) return found;
    const before = count && stats.size <= COUNTED_BYTES ? await linesIn(handle, from) : null;
    return { text: found.text, line: before === null ? null : before + found.line };
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}

/** How many lines end within the file's first `length` bytes. */
async function linesIn(handle: FileHandle, length: number): Promise<number> {
  const block = Buffer.alloc(1 << 18);
  let lines = 0;
  for (let at = 0; at < length;) {
    const { bytesRead } = await handle.read(block, 0, Math.min(block.length, length - at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
    const part = block.subarray(0, bytesRead);
    for (let next = part.indexOf(NEWLINE); next !== -1; next = part.indexOf(NEWLINE, next + 1)) lines++;
  }
  return lines;
}
