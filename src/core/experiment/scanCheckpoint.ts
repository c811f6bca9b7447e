/** One checkpoint folder: complete, being written or broken, told from names, sizes and the manifest alone (contract section 2). */
import type { Stats } from 'node:fs';
import { FileContentError, type JsonObject, countIn, isObject, numberIn, parseDocument, stringIn } from '../jsonText';
import type { Checkpoint, CheckpointFile, CheckpointState } from './model';
import { changedMomentsAgo } from '../checkpoint/writing';
import { kindOf, readFailure } from '../files';
import type { FolderEntry } from './disk';
import type { ScanContext } from './scanContext';

const MANIFEST = 'manifest.json';

/** What a checkpoint is inside its run. */
export interface CheckpointPlace {
  /** As shown: `checkpoint-<step>` or `final`. */
  readonly name: string;
  /** Where it is, or will be once it is written. */
  readonly path: string;
  /** Where its files are now: differs from `path` while our trainer writes it. */
  readonly folder: string;
  /** From the folder's name; null for `final`. */
  readonly step: number | null;
}

/** What the folder alone tells; stage, best and pinned are the run's to say. */
export interface CheckpointContent {
  readonly state: CheckpointState;
  readonly stateReason: string | null;
  readonly step: number | null;
  readonly stage: string | null;
  readonly loss: number | null;
  readonly evalLoss: number | null;
  readonly bytes: number;
  readonly time: number;
  readonly files: readonly CheckpointFile[];
  /** False for checkpoints of other trainers, which have no manifest. */
  readonly hasManifest: boolean;
  /** Newest change of any of its files, Unix seconds. */
  readonly changed: number;
  /** Equal for equal content: names, sizes and times of its files. */
  readonly signature: string;
}

/** A checkpoint's folder, and what is in it. */
export interface FoundCheckpoint {
  readonly place: CheckpointPlace;
  readonly content: CheckpointContent;
}

interface Manifest {
  readonly step: number | null;
  readonly stage: string | null;
  readonly time: number | null;
  readonly loss: number | null;
  readonly evalLoss: number | null;
  readonly files: readonly CheckpointFile[];
}

/** Reads a checkpoint's folder; null when it is gone. */
export async function readCheckpointContent(
  place: CheckpointPlace,
  context: ScanContext,
): Promise<CheckpointContent | null> {
  let entries: FolderEntry[] | null;
  try {
    entries = await context.disk.listWithStats(place.folder);
  } catch (error) {
    const time = await timeOf(place.folder, context);
    return { ...EMPTY, state: 'broken', stateReason: readFailure(error), time, changed: time, signature: 'unreadable' };
  }
  if (entries === null) return null;

  const files: CheckpointFile[] = [];
  let signature = '';
  let changed = 0;
  let manifestStats: Stats | null = null;
  const obstacles = new Map<string, string>();
  for (const { name, stats, failure } of entries) {
    if (stats === null) {
      obstacles.set(name, failure ?? 'cannot be read');
      signature += `${name}:${failure ?? ''}|`;
      continue;
    }
    changed = Math.max(changed, stats.mtimeMs / 1000);
    signature += `${name}:${stats.size}:${stats.mtimeMs}|`;
    if (stats.isFile()) files.push({ name, bytes: stats.size });
    else obstacles.set(name, `is not a file but ${kindOf(stats)}`);
    if (name === MANIFEST) manifestStats = stats;
  }
  // Where nothing in it may be looked at, the folder itself still tells how old it is.
  if (changed === 0) changed = await timeOf(place.folder, context);
  const facts = { files, bytes: files.reduce((sum, file) => sum + file.bytes, 0), changed };
  const noManifest = obstacles.get(MANIFEST);
  const manifest =
    noManifest !== undefined
      ? `${MANIFEST} ${noManifest}`
      : manifestStats === null
        ? null
        : await readManifest(place, manifestStats, context);
  if (typeof manifest === 'string') {
    return { ...EMPTY, ...facts, time: changed, state: 'broken', stateReason: manifest, hasManifest: true, signature };
  }
  const growing = changedMomentsAgo(context.lastChange(place.folder, signature, changed), context.now());
  const verdict =
    manifest === null
      ? judgeWithoutManifest(facts.files, obstacles, growing, place.folder !== place.path)
      : judgeByManifest(facts.files, obstacles, manifest, place.step);
  return {
    ...EMPTY,
    ...facts,
    ...verdict,
    step: manifest?.step ?? null,
    stage: manifest?.stage ?? null,
    loss: manifest?.loss ?? null,
    evalLoss: manifest?.evalLoss ?? null,
    time: manifest?.time ?? changed,
    hasManifest: manifest !== null,
    signature,
  };
}

/** When a folder last changed, Unix seconds; 0 where it may not be asked. */
async function timeOf(folder: string, context: ScanContext): Promise<number> {
  const stats = await context.disk.stat(folder).catch(() => null);
  return (stats?.mtimeMs ?? 0) / 1000;
}

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
  hasManifest: false,
  changed: 0,
  signature: '',
};

/** The manifest; null where there is none, a clause for people where it cannot be used. */
async function readManifest(
  place: CheckpointPlace,
  stats: Stats,
  context: ScanContext,
): Promise<Manifest | string | null> {
  try {
    return await context.readCached(
      `${place.folder}/${MANIFEST}`,
      (content) => manifestFrom(parseDocument(content)),
      stats,
    );
  } catch (error) {
    return `manifest.json ${error instanceof FileContentError ? error.message : readFailure(error)}`;
  }
}

function manifestFrom(json: JsonObject): Manifest {
  if (!isObject(json.files)) throw new FileContentError('does not list the files of the checkpoint');
  const metrics = isObject(json.metrics) ? json.metrics : {};
  return {
    step: countIn(json, 'step'),
    stage: stringIn(json, 'stage'),
    time: numberIn(json, 'time'),
    loss: numberIn(metrics, 'loss/total'),
    evalLoss: numberIn(metrics, 'eval_loss/total'),
    files: Object.entries(json.files).map(([name, entry]) => ({
      name,
      bytes: (isObject(entry) ? countIn(entry, 'bytes') : null) ?? -1,
    })),
  };
}

interface Judgement {
  readonly state: CheckpointState;
  readonly stateReason: string | null;
}

const COMPLETE: Judgement = { state: 'complete', stateReason: null };
const broken = (stateReason: string): Judgement => ({ state: 'broken', stateReason });

/** The manifest is written last and renamed with the rest: from then on everything it lists must be there. */
function judgeByManifest(
  files: readonly CheckpointFile[],
  obstacles: ReadonlyMap<string, string>,
  manifest: Manifest,
  step: number | null,
): Judgement {
  const sizes = new Map(files.map((file) => [file.name, file.bytes]));
  for (const listed of manifest.files) {
    const size = sizes.get(listed.name);
    if (size === undefined) return broken(`${listed.name} ${obstacles.get(listed.name) ?? 'is missing'}`);
    if (listed.bytes >= 0 && size !== listed.bytes) {
      return broken(`${listed.name} has ${size} bytes, its manifest says ${listed.bytes}`);
    }
  }
  if (step !== null && manifest.step !== null && manifest.step !== step) {
    return broken(`its manifest says step ${manifest.step}`);
  }
  return COMPLETE;
}

/**
 * Other trainers write in place, in the order weights, training state, multi-layer state, config.json (contract section 7):
 * config.json there means finished. Older ones stop after the training state.
 */
function judgeWithoutManifest(
  files: readonly CheckpointFile[],
  obstacles: ReadonlyMap<string, string>,
  growing: boolean,
  beingWritten: boolean,
): Judgement {
  const sizes = new Map(files.map((file) => [file.name, file.bytes]));
  const has = (name: string): boolean => (sizes.get(name) ?? 0) > 0;
  if (beingWritten) return { state: 'writing', stateReason: 'being written' };
  const required = ['npt_weights.pt', 'training_state.pt'];
  const missing = required.filter((name) => !has(name));
  const withConfig = has('config.json');
  if (missing.length === 0 && (withConfig || !sizes.has('multi_layer_state.pt'))) {
    const older = !withConfig;
    // The older form has no last file: until it has been left alone for a while, it may still be growing.
    if (!older || !growing) return COMPLETE;
  }
  if (!withConfig && growing) {
    return { state: 'writing', stateReason: 'being written' };
  }
  const [first] = missing;
  const obstacle = [...required, 'config.json'].find((name) => obstacles.has(name));
  if (obstacle !== undefined) return broken(`${obstacle} ${obstacles.get(obstacle) ?? ''}`);
  if (first === undefined) return broken('config.json is missing: writing it was cut short');
  return broken(sizes.has(first) ? `${first} is empty` : `${first} is missing`);
}

/** Puts together what the folder and the run say. */
export function assembleCheckpoint(
  place: CheckpointPlace,
  content: CheckpointContent,
  ofRun: { readonly step: number; readonly stage: string | null; readonly best: boolean; readonly pinned: boolean },
): Checkpoint {
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
  };
}
