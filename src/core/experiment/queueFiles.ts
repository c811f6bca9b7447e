/**
 * The runs that wait in a workspace's queue. An entry is a file and its name is its state (supervisor/npt_queue.py, which starts
 * them); here they are read, for the model. What changes them is in training/queue.
 */
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isAbsent, readFailure } from '../files';
import { readJsonObject } from '../jsonFile';
import { countIn, isObject, numberIn, SCHEMA, stringIn, type JsonObject } from '../jsonText';
import type { Problem, Run, RunParent } from './model';

/** In a training workspace. */
export const QUEUE_FOLDER = path.join('.npt', 'queue');
/** What the queue is to do, in its folder. */
export const QUEUE_SETTINGS = 'queue.json';

export type QueueEntryState = 'waiting' | 'started' | 'failed';

const NAMES: readonly (readonly [QueueEntryState, RegExp])[] = [
  ['waiting', /^(?<order>\d+)-(?<id>[0-9a-z]+)\.json$/],
  ['started', /^started-(?<id>[0-9a-z]+)\.json$/],
  ['failed', /^failed-(?<id>[0-9a-z]+)\.json$/],
];

export interface QueueEntry {
  readonly id: string;
  readonly state: QueueEntryState;
  /** Absolute path of its file, as of now: moving and starting rename it. */
  readonly file: string;
  /** Digits that sort as a decimal fraction; empty for one that does not wait. */
  readonly order: string;
  /** Absolute path of the run's folder. */
  readonly run: string;
  /** A plan's kind. */
  readonly kind: string;
  readonly parent: RunParent | null;
  /** Absolute path of what it starts from; null where it starts from nothing. */
  readonly checkpoint: string | null;
  readonly step: number;
  readonly maxSteps: number | null;
  readonly stage: string | null;
  /** Arguments that it changes, by name. */
  readonly changed: Readonly<Record<string, unknown>>;
  /** Unix seconds. */
  readonly added: number;
  /** How many GPUs it takes; 0: the CPU. */
  readonly gpus: number;
  /** The GPUs that it was planned for; none: any. */
  readonly devices: readonly string[];
  /** The program that trains. */
  readonly interpreter: string | null;
  /** Why it was not started, or why it will not be, in one line; null where nothing is in the way. */
  readonly failure: string | null;
  readonly content: JsonObject | null;
}

export interface QueueState {
  /** Absolute path. */
  readonly folder: string;
  readonly paused: boolean;
  /** How many runs train on the CPU at once. */
  readonly cpuSlots: number;
  /** Those that wait in their order, then the others. */
  readonly entries: readonly QueueEntry[];
  readonly problems: readonly Problem[];
}

export function queueFolder(root: string): string {
  return path.join(path.resolve(root), QUEUE_FOLDER);
}

/** Tells whether an entry was queued in this folder, or in one that this is a copy of. */
export interface FolderIdentity {
  readonly inode: string;
  readonly path: string;
}

/** @throws Node's errors where there is no such folder */
export async function folderIdentity(folder: string): Promise<FolderIdentity> {
  const { ino } = await fs.stat(folder, { bigint: true });
  return { inode: ino.toString(), path: await fs.realpath(folder) };
}

/** Never rejects for what is on disk: no folder is an empty queue. */
export async function readQueue(root: string): Promise<QueueState> {
  const folder = queueFolder(root);
  const problems: Problem[] = [];
  let names: string[] = [];
  let identity: FolderIdentity | null = null;
  try {
    names = await fs.readdir(folder);
    identity = await folderIdentity(folder);
  } catch (error) {
    if (!isAbsent(error)) problems.push({ path: folder, message: readFailure(error) });
  }
  const settings = names.includes(QUEUE_SETTINGS)
    ? (await readJsonObject(path.join(folder, QUEUE_SETTINGS))).object
    : null;
  const found: QueueEntry[] = [];
  for (const name of names) {
    const entry = await readEntry(folder, name, identity);
    if (entry !== null) found.push(entry);
  }
  // One that is renamed while the folder is read may be seen under both names: what it became counts.
  const byId = new Map<string, QueueEntry>();
  for (const entry of found.sort((a, b) => rank(b) - rank(a))) if (!byId.has(entry.id)) byId.set(entry.id, entry);
  return {
    folder,
    paused: settings?.['paused'] === true,
    cpuSlots: Math.max(1, (settings === null ? null : countIn(settings, 'cpuSlots')) ?? 1),
    entries: [...byId.values()].sort(inOrder),
    problems,
  };
}

function rank({ state }: QueueEntry): number {
  return NAMES.findIndex(([known]) => known === state);
}

/** Those that wait first, by their order; the others by when they were added. */
export function inOrder(a: QueueEntry, b: QueueEntry): number {
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  const [first, second] = a.state === 'waiting' ? [a.order, b.order] : [String(a.added), String(b.added)];
  return first < second ? -1 : first > second ? 1 : a.id < b.id ? -1 : 1;
}

async function readEntry(folder: string, name: string, identity: FolderIdentity | null): Promise<QueueEntry | null> {
  for (const [state, pattern] of NAMES) {
    const groups = pattern.exec(name)?.groups;
    if (groups === undefined) continue;
    const file = path.join(folder, name);
    const { object, failure } = await readJsonObject(file);
    // Moved, started or cancelled just now: the next look finds it where it is.
    if (failure?.kind === 'missing') return null;
    const read = object ?? {};
    const named = { id: groups['id'] ?? '', state, file, order: groups['order'] ?? '' };
    return {
      ...named,
      ...factsIn(read, path.join(folder, named.id)),
      failure: failureOf(state, read, failure?.clause ?? null, identity),
      content: object,
    };
  }
  return null;
}

type Facts = Omit<QueueEntry, 'id' | 'state' | 'file' | 'order' | 'failure' | 'content'>;

/** @param otherwise what stands for the run of an entry that does not name one */
function factsIn(json: JsonObject, otherwise: string): Facts {
  const plan = isObject(json['plan']) ? json['plan'] : {};
  const parent = isObject(plan['parent']) ? plan['parent'] : null;
  const devices: unknown[] = Array.isArray(json['devices']) ? json['devices'] : [];
  return {
    run: path.resolve(stringIn(json, 'run') ?? otherwise),
    kind: stringIn(plan, 'kind') ?? '',
    parent:
      parent === null
        ? null
        : {
            id: stringIn(parent, 'id'),
            run: stringIn(parent, 'run') ?? '',
            checkpoint: stringIn(parent, 'checkpoint'),
            step: countIn(parent, 'step') ?? 0,
          },
    checkpoint: stringIn(plan, 'checkpoint'),
    step: countIn(plan, 'step') ?? 0,
    maxSteps: countIn(plan, 'maxSteps'),
    stage: stringIn(plan, 'stage'),
    changed: isObject(plan['changed']) ? plan['changed'] : {},
    added: numberIn(json, 'added') ?? 0,
    gpus: countIn(json, 'gpus') ?? 0,
    devices: devices.filter((device) => typeof device === 'string'),
    interpreter: stringIn(json, 'interpreter'),
  };
}

function failureOf(
  state: QueueEntryState,
  json: JsonObject,
  damage: string | null,
  identity: FolderIdentity | null,
): string | null {
  if (damage !== null) return `its file ${damage}`;
  if (state === 'failed') {
    const failure = isObject(json['failure']) ? stringIn(json['failure'], 'message') : null;
    return failure ?? 'why it could not be started was not written down: the disk may have been full';
  }
  if (state === 'started') return null;
  const schema = countIn(json, 'schema') ?? SCHEMA;
  if (schema > SCHEMA) return `it was queued by a newer version of NPT Checkpoints (schema ${schema})`;
  const host = stringIn(json, 'host');
  if (host !== os.hostname()) return `it was queued on ${host ?? 'another machine'}, which starts it`;
  const folder = isObject(json['folder']) ? json['folder'] : {};
  if (folder['inode'] !== identity?.inode || folder['path'] !== identity?.path) {
    return 'it was queued in another folder, of which this is a copy';
  }
  return null;
}

/**
 * The runs of a workspace with what waits: a run that is there is queued where something waits for it, and one that is not there
 * yet is one without checkpoints.
 *
 * @param experiments absolute path of the workspace's experiments folder
 */
export function withQueue(runs: readonly Run[], { entries }: Pick<QueueState, 'entries'>, experiments: string): Run[] {
  const byRun = new Map<string, Run>();
  let position = 0;
  for (const entry of entries) {
    if (entry.state === 'waiting') position += 1;
    if (entry.state === 'started' || byRun.has(entry.run)) continue;
    const there = runs.find((run) => run.path === entry.run);
    const queue = { id: entry.id, position: entry.state === 'waiting' ? position : null, failure: entry.failure };
    if (there !== undefined) byRun.set(entry.run, { ...there, state: stateWith(there, entry), queue });
    else byRun.set(entry.run, { ...notBegun(entry, experiments), queue });
  }
  const known = new Set(runs.map((run) => run.path));
  const added = [...byRun.values()].filter((run) => !known.has(run.path)).sort(inTurn);
  const there = runs.map((run) => byRun.get(run.path) ?? run);
  // What trains is looked at before what waits for it to end.
  const training = there.findIndex(({ state }) => state !== 'training');
  const at = training === -1 ? there.length : training;
  return [...there.slice(0, at), ...added, ...there.slice(at)];
}

/** The order in which they will start; those that could not be started after them, the last of them first. */
function inTurn(a: Run, b: Run): number {
  const [one, other] = [a.queue?.position ?? Infinity, b.queue?.position ?? Infinity];
  return one === other ? b.created - a.created : one - other;
}

function stateWith(run: Run, entry: QueueEntry): Run['state'] {
  return run.state !== 'training' && entry.state === 'waiting' && entry.failure === null ? 'queued' : run.state;
}

function nameIn(experiments: string, run: string): string {
  const name = path.relative(experiments, run).split(path.sep).join('/');
  return name === '' || name.startsWith('../') || path.isAbsolute(name) ? path.basename(run) : name;
}

function notBegun(entry: QueueEntry, experiments: string): Run {
  return {
    name: nameIn(experiments, entry.run),
    id: null,
    path: entry.run,
    state: entry.state === 'failed' ? 'failed' : 'queued',
    step: entry.step,
    maxSteps: entry.maxSteps,
    stage: entry.stage,
    created: entry.added,
    parent: entry.parent,
    config: null,
    curriculum: null,
    process: null,
    processState: null,
    exit:
      entry.state !== 'failed'
        ? null
        : { why: 'failed', step: null, segment: null, signal: null, error: entry.failure, time: entry.added },
    loss: null,
    checkpoints: [],
    final: null,
  };
}
