/**
 * The finished checkpoints of one folder as a line of JSON: what is kept for the next process, and what a process that looked into
 * them tells the one that asked. Read, it is taken for no more than what it says: any line may be damaged or of somebody else.
 */
import type { CheckpointLayout } from '../checkpoint/layouts/layout';
import type { CheckpointContent, FolderListing, FolderState, KeptFolder, SettledCheckpoint } from './checkpointContent';
import type { CheckpointFile } from './model';

export type Named = readonly [name: string, checkpoint: SettledCheckpoint];

/** Lists of files, which many checkpoints have in common, then the checkpoints, then how the folder was and what else was in it. */
type Line = readonly [
  files: (readonly [name: string, bytes: number])[][],
  checkpoints: unknown[][],
  folder: readonly [dev: number, ino: number, mtimeMs: number, ctimeMs: number, ...others: string[]] | null,
];

/** @param listing the folder's; said only where it is firm */
export function lineOf(checkpoints: readonly Named[], listing: FolderListing | undefined): string {
  const numbers = new Map<readonly CheckpointFile[], number>();
  const entries = checkpoints.map(([name, { dev, ino, mtimeMs, ctimeMs, content }]) => {
    const { files } = content;
    let list = numbers.get(files);
    if (list === undefined) numbers.set(files, (list = numbers.size));
    return [
      name,
      dev,
      ino,
      mtimeMs,
      ctimeMs,
      list,
      content.step,
      content.stage,
      written(content.loss),
      written(content.evalLoss),
      content.bytes,
      written(content.time),
      content.changed,
      content.signature,
    ];
  });
  const lists = [...numbers.keys()].map((files) => files.map(({ name, bytes }) => [name, bytes] as const));
  const line: Line = [lists, entries, listing?.firm === true ? folderOf(listing, checkpoints) : null];
  return JSON.stringify(line);
}

function folderOf({ state, names }: FolderListing, checkpoints: readonly Named[]): Line[2] {
  const said = new Set(checkpoints.map(([name]) => name));
  return [state.dev, state.ino, state.mtimeMs, state.ctimeMs, ...names.filter((name) => !said.has(name))];
}

/** As JSON can say it: a loss may be no number. */
function written(value: number | null): number | string | null {
  return value === null || (Number.isFinite(value) && !Object.is(value, -0)) ? value : String(value);
}

/**
 * What of a line can be used; of each checkpoint, only once it is asked about.
 *
 * @param layout our trainer's
 * @param isNew the line was made for this scan
 */
export function readLine(line: string, layout: CheckpointLayout, isNew: boolean): KeptFolder | undefined {
  const read = parsed(line);
  if (!Array.isArray(read)) return undefined;
  const [lists, entries, folder] = read as unknown[];
  if (!Array.isArray(lists) || !Array.isArray(entries)) return undefined;
  const files = (lists as unknown[]).map(readFiles);
  const named = new Map<string, readonly unknown[]>();
  for (const entry of entries as unknown[]) {
    if (!Array.isArray(entry)) continue;
    const name: unknown = entry[0];
    if (typeof name === 'string') named.set(name, entry as unknown[]);
  }
  return {
    listing: readListing(folder, [...named.keys()]),
    isNew,
    find: (name) => {
      const entry = named.get(name);
      return entry === undefined ? null : readEntry(entry, files, layout);
    },
  };
}

function readListing(folder: unknown, finished: readonly string[]): FolderListing | null {
  if (!Array.isArray(folder)) return null;
  const [dev, ino, mtimeMs, ctimeMs, ...others] = folder as unknown[];
  const state = stateOf(dev, ino, mtimeMs, ctimeMs);
  if (state === null || !others.every((name) => typeof name === 'string')) return null;
  return { state, names: [...finished, ...others], firm: true };
}

function stateOf(dev: unknown, ino: unknown, mtimeMs: unknown, ctimeMs: unknown): FolderState | null {
  const all = isNumber(dev) && isNumber(ino) && isNumber(mtimeMs) && isNumber(ctimeMs);
  return all ? { dev, ino, mtimeMs, ctimeMs } : null;
}

function readFiles(list: unknown): readonly CheckpointFile[] | null {
  if (!Array.isArray(list)) return null;
  const files: CheckpointFile[] = [];
  for (const file of list as unknown[]) {
    const [name, bytes] = Array.isArray(file) ? (file as unknown[]) : [];
    if (typeof name !== 'string' || typeof bytes !== 'number') return null;
    files.push({ name, bytes });
  }
  return files;
}

/** By index and written out: there is one for each of tens of thousands, and taking apart and spreading cost several times as much. */
function readEntry(
  entry: readonly unknown[],
  lists: readonly (readonly CheckpointFile[] | null)[],
  layout: CheckpointLayout,
): SettledCheckpoint | null {
  const dev = entry[1];
  const ino = entry[2];
  const mtimeMs = entry[3];
  const ctimeMs = entry[4];
  const list = entry[5];
  const step = entry[6];
  const stage = entry[7];
  const bytes = entry[10];
  const time = numberOf(entry[11]);
  const changed = entry[12];
  const signature = entry[13];
  if (!isNumber(dev) || !isNumber(ino) || !isNumber(mtimeMs) || !isNumber(ctimeMs)) return null;
  const files = typeof list === 'number' ? (lists[list] ?? null) : null;
  if (files === null || time === null) return null;
  if (!isNumber(bytes) || !isNumber(changed) || typeof signature !== 'string') return null;
  if ((step !== null && !isNumber(step)) || (stage !== null && typeof stage !== 'string')) return null;
  const content: CheckpointContent = {
    state: 'complete',
    stateReason: null,
    step,
    stage,
    loss: numberOf(entry[8]),
    evalLoss: numberOf(entry[9]),
    bytes,
    time,
    files,
    layout,
    maxSteps: null,
    best: null,
    changed,
    signature,
  };
  return { dev, ino, mtimeMs, ctimeMs, content, keepable: true };
}

/** What `written` wrote. */
function numberOf(value: unknown): number | null {
  return typeof value === 'string' ? Number(value) : isNumber(value) ? value : null;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

/** A JSON value; undefined where the text is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
