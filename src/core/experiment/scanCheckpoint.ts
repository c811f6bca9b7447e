/** One checkpoint folder: complete, being written or broken, told from names, sizes and small files alone, by its layout. */
import type { Stats } from 'node:fs';
import { FileContentError, type JsonObject, parseDocument } from '../jsonText';
import { isTemporaryFolder } from '../checkpoint/folderNames';
import { layoutOf } from '../checkpoint/layouts';
import {
  broken,
  type CheckpointLayout,
  type ListedCheckpoint,
  type ListedFolder,
  UNKNOWN,
  WRITING,
} from '../checkpoint/layouts/layout';
import type { CheckpointContent, CheckpointPlace } from './checkpointContent';
import type { Checkpoint, CheckpointFile } from './model';
import type { NotedBackup } from './runFiles';
import { changedMomentsAgo } from '../checkpoint/writing';
import { isFileError, kindOf, readFailure } from '../files';
import type { FolderEntry } from './disk';
import type { ScanContext } from './scanContext';
import { signatureOf } from './signature';

/** Reads a checkpoint's folder; null when it is gone, or went while it was read. */
export async function readCheckpointContent(
  place: CheckpointPlace,
  context: ScanContext,
): Promise<CheckpointContent | null> {
  const content = await look(place, context);
  if (content?.state !== 'broken') return content;
  // One that is deleted at this moment loses its name, and may get it back: files seemed to be missing.
  let now: Awaited<ReturnType<typeof context.disk.list>>;
  try {
    now = await context.disk.list(place.folder);
  } catch {
    return content; // what keeps it from being listed is what was found
  }
  if (now === null) return null;
  const known = new Set(content.files.map(({ name }) => name));
  return now.some((entry) => entry.isFile() && !known.has(entry.name)) ? look(place, context) : content;
}

async function look(place: CheckpointPlace, context: ScanContext): Promise<CheckpointContent | null> {
  let entries: FolderEntry[] | null;
  try {
    entries = await context.disk.listWithStats(place.folder);
  } catch (error) {
    const time = await timeOf(place.folder, context);
    return { ...EMPTY, state: 'broken', stateReason: readFailure(error), time, changed: time, signature: 'unreadable' };
  }
  if (entries === null) return null;

  const files: CheckpointFile[] = [];
  const sizes = new Map<string, number>();
  let bytes = 0;
  const signs: string[] = [];
  let changed = 0;
  const stats = new Map<string, Stats>();
  const obstacles = new Map<string, string>();
  for (const { name, stats: own, failure } of entries) {
    if (own === null) {
      obstacles.set(name, failure ?? 'cannot be read');
      signs.push(`${name}:${failure ?? ''}`);
      continue;
    }
    changed = Math.max(changed, own.mtimeMs / 1000);
    signs.push(`${name}:${own.size}:${own.mtimeMs}`);
    stats.set(name, own);
    if (own.isFile()) {
      files.push({ name, bytes: own.size });
      sizes.set(name, own.size);
      bytes += own.size;
    } else obstacles.set(name, `is not a file but ${kindOf(own)}`);
  }
  const signature = signatureOf(signs.join('|'));
  // Where nothing in it may be looked at, the folder itself still tells how old it is.
  if (changed === 0) changed = await timeOf(place.folder, context);
  const layout = layoutOf({ names: new Set(entries.map(({ name }) => name)) });
  // Under the name that our trainer writes under, it is what it will be only once it is renamed.
  const listed = isTemporaryFolder(place.folder)
    ? { ...UNKNOWN, ...WRITING }
    : await list(layout, {
        sizes,
        obstacles,
        growing: changedMomentsAgo(context.lastChange(place.folder, signature, changed), context.now()),
        step: place.step,
        read: async (name) => readDocumentOf(place, name, stats.get(name), obstacles.get(name), context),
        trainingState: async () =>
          (await context.storedFacts(place.folder, signature))?.trainingState ?? UNREADABLE_STATE,
      });
  return {
    state: listed.state,
    stateReason: listed.stateReason,
    step: listed.step,
    stage: listed.stage,
    loss: listed.loss,
    evalLoss: listed.evalLoss,
    bytes,
    time: listed.time ?? changed,
    files: context.sharedFiles(files),
    layout,
    maxSteps: listed.maxSteps,
    best: listed.best,
    changed,
    signature,
  };
}

/** When a folder last changed, Unix seconds; 0 where it may not be asked. */
async function timeOf(folder: string, context: ScanContext): Promise<number> {
  const stats = await context.disk.stat(folder).catch(() => null);
  return (stats?.mtimeMs ?? 0) / 1000;
}

const UNREADABLE_STATE = { hasArguments: false, unreadable: 'cannot be read' };

const EMPTY: CheckpointContent = {
  state: 'broken',
  stateReason: null,
  step: null,
  stage: null,
  loss: null,
  evalLoss: null,
  bytes: 0,
  time: 0,
  files: [],
  layout: layoutOf({ names: new Set() }),
  maxSteps: null,
  best: null,
  changed: 0,
  signature: '',
};

/** What the layout makes of the folder; broken where a file that it asks for cannot be used. */
async function list(layout: CheckpointLayout, folder: ListedFolder): Promise<ListedCheckpoint> {
  try {
    return await layout.list(folder);
  } catch (error) {
    if (!(error instanceof UnusableDocument)) throw error;
    return { ...UNKNOWN, ...broken(error.message) };
  }
}

/** A file of a checkpoint that says what it is, and cannot be used; the message names it. */
class UnusableDocument extends Error {}

async function readDocumentOf(
  place: CheckpointPlace,
  name: string,
  stats: Stats | undefined,
  obstacle: string | undefined,
  context: ScanContext,
): Promise<JsonObject | null> {
  if (obstacle !== undefined) throw new UnusableDocument(`${name} ${obstacle}`);
  try {
    return await context.readCached(`${place.folder}/${name}`, parseDocument, stats);
  } catch (error) {
    if (!(error instanceof FileContentError) && !isFileError(error)) throw error;
    throw new UnusableDocument(`${name} ${error instanceof FileContentError ? error.message : readFailure(error)}`);
  }
}

/** Puts together what the folder and the run say. */
export function assembleCheckpoint(
  place: CheckpointPlace,
  content: CheckpointContent,
  ofRun: { readonly step: number; readonly stage: string | null; readonly best: boolean; readonly pinned: boolean },
  backups: readonly NotedBackup[],
): Checkpoint {
  // Another one that got the name since is not backed up.
  const backup = backups.findLast(
    ({ checkpoint, finished, bytes }) =>
      checkpoint === place.name && finished === content.time && bytes === content.bytes,
  );
  return {
    name: place.name,
    path: place.path,
    step: ofRun.step,
    state: content.state,
    stateReason: content.stateReason,
    stage: content.stage ?? ofRun.stage,
    loss: content.loss,
    evalLoss: content.evalLoss,
    bytes: content.bytes,
    time: content.time,
    best: ofRun.best,
    pinned: ofRun.pinned,
    files: content.files,
    ...(backup === undefined ? {} : { backup }),
  };
}
