/**
 * Changing a workspace's queue. Each change of an entry is one rename or unlink, which the file system grants once: of two
 * windows, the command line and the dispatcher, one succeeds and the others find the entry gone.
 */
import { randomBytes, randomInt } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { synced, syncFolder } from '../../durable';
import {
  folderIdentity,
  queueFolder,
  QUEUE_SETTINGS,
  readQueue,
  type FolderIdentity,
  type QueueEntry,
  type QueueState,
} from '../../experiment/queueFiles';
import { isAbsent, isFileError, writeFailure } from '../../files';
import { SCHEMA, stringifyJson } from '../../jsonText';
import { launcherOf } from '../launchers';
import type { Plan } from '../plan/plan';
import { moved, orderBehind } from './order';

/** How long a window waits at most that queued a run at the same moment as another one. */
const MOST_WAIT_MS = 200;

/** The queue could not be changed; the message is one line for the user. */
export class QueueError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'QueueError';
  }
}

export interface EnqueueOptions {
  /** Path of npt_supervise.py. */
  readonly supervisor: string;
  /** How many GPUs this machine has. */
  readonly gpusHere: number;
}

/**
 * Puts plans at the end of a workspace's queue, in their order.
 *
 * @param root absolute path of the training workspace
 * @returns the new entries' ids
 * @throws QueueError where one cannot be queued; those before it are
 */
export async function enqueue(root: string, plans: readonly Plan[], options: EnqueueOptions): Promise<string[]> {
  const ids: string[] = [];
  for (const plan of plans) {
    const problem = plan.errors[0];
    if (problem !== undefined) throw new QueueError(problem.message);
    ids.push(await add(root, plan, options));
  }
  return ids;
}

function add(root: string, plan: Plan, options: EnqueueOptions): Promise<string> {
  return changing(root, async () => {
    const folder = queueFolder(root);
    await makeFolder(folder);
    for (;;) {
      const { entries } = await readQueue(root);
      refuseTwice(entries, plan.run);
      // Sorts by time where two windows choose the same order.
      const id = `${Date.now().toString(36).padStart(9, '0')}${randomBytes(4).toString('hex')}`;
      const order = orderBehind(entries.filter(({ state }) => state === 'waiting'));
      const file = path.join(folder, `${order}-${id}.json`);
      await writeWhole(file, contentOf(id, plan, await folderIdentity(folder), options));
      // Of two windows that queue the same run, at least the one that looks last sees the other's entry. Both may: then
      // both step back, and the one that comes back first has it.
      const twins = (await readQueue(root)).entries.filter((each) => isAhead(each, plan.run));
      if (twins.every((twin) => twin.id === id)) return id;
      await fs.rm(file, { force: true });
      await new Promise((resolve) => setTimeout(resolve, randomInt(MOST_WAIT_MS)));
    }
  });
}

function isAhead({ state, run }: QueueEntry, of: string): boolean {
  return run === of && state !== 'failed';
}

function refuseTwice(entries: readonly QueueEntry[], run: string): void {
  if (entries.some((each) => isAhead(each, run))) throw new QueueError(alreadyQueued(run));
}

function alreadyQueued(run: string): string {
  return `${path.basename(run)} is in the queue already: cancel it there first, or give this run another name.`;
}

function contentOf(id: string, plan: Plan, identity: FolderIdentity, { supervisor, gpusHere }: EnqueueOptions): object {
  const launcher = launcherOf(plan.launch.kind);
  const needed = launcher.devices(plan.launch);
  if (needed === null) {
    throw new QueueError(`A job of ${plan.launch.kind} waits in a queue of its own: start it without this one.`);
  }
  const onCpu = gpusHere === 0 || plan.arguments.some(({ name, value }) => name === 'device' && value === 'cpu');
  const count = needed.count === 'all' ? gpusHere : needed.count;
  const [, , command = '', ...words] = launcher.command(plan, supervisor);
  const changed = plan.arguments.filter(({ source }) => source === 'changed');
  return {
    schema: SCHEMA,
    id,
    added: Date.now() / 1000,
    host: os.hostname(),
    folder: identity,
    run: plan.run,
    cwd: plan.cwd,
    interpreter: plan.interpreter,
    gpus: onCpu ? 0 : count,
    devices: onCpu ? [] : needed.named,
    supervise: [command, '--stopped-ok', '--problems', ...words],
    plan: {
      kind: plan.kind,
      checkpoint: plan.checkpoint,
      parent: plan.parent,
      step: plan.startStep,
      maxSteps: plan.arguments.find(({ name }) => name === 'max_steps')?.value ?? null,
      stage: plan.stageAtStart,
      changed: Object.fromEntries(changed.map(({ name, value }) => [name, value])),
    },
  };
}

/** Takes an entry that does not train out of the queue. @throws QueueError */
export function cancel(root: string, id: string): Promise<void> {
  return changing(root, () =>
    untilGranted(async () => {
      const entry = (await readQueue(root)).entries.find((each) => each.id === id);
      if (entry === undefined) throw new QueueError(gone(id));
      if (entry.state === 'started') throw new QueueError(started(entry));
      return granted(fs.unlink(entry.file));
    }),
  );
}

export type Move = 'up' | 'down' | 'first' | 'last';
export const MOVES: readonly Move[] = ['up', 'down', 'first', 'last'];

/** Moves an entry that waits among those that wait. @throws QueueError */
export function move(root: string, id: string, where: Move): Promise<void> {
  return changing(root, () =>
    untilGranted(async () => {
      const waiting = await waitingWith(root, id);
      const at = waiting.findIndex((entry) => entry.id === id);
      const place = { up: at - 1, down: at + 1, first: 0, last: waiting.length - 1 }[where];
      for (const { id: each, order } of moved(waiting, id, place)) {
        const file = waiting.find((entry) => entry.id === each)?.file ?? '';
        const there = await granted(fs.rename(file, path.join(path.dirname(file), `${order}-${each}.json`)));
        // A neighbour that went meanwhile is in nobody's way.
        if (!there && each === id) return false;
      }
      return true;
    }),
  );
}

/** Puts an entry that could not be started at the end of the queue again. @throws QueueError */
export function queueAgain(root: string, id: string): Promise<void> {
  return changing(root, async () => {
    const { entries, folder } = await readQueue(root);
    const entry = entries.find((each) => each.id === id);
    if (entry?.state !== 'failed') throw new QueueError(entry?.state === 'started' ? started(entry) : gone(id));
    refuseTwice(entries, entry.run);
    const order = orderBehind(entries.filter(({ state }) => state === 'waiting'));
    if (!(await granted(fs.rename(entry.file, path.join(folder, `${order}-${id}.json`))))) {
      throw new QueueError(gone(id));
    }
  });
}

export interface QueueSettings {
  readonly paused?: boolean;
  /** How many runs train on the CPU at once. */
  readonly cpuSlots?: number;
}

/** How many runs train on the CPU at once where nobody says otherwise. */
export const DEFAULT_CPU_SLOTS = 1;

/** A number of CPU slots as a setting gives it; undefined where it is none. */
export function readCpuSlots(given: unknown): number | undefined {
  return Number.isSafeInteger(given) && Number(given) >= 1 && Number(given) <= 9999 ? Number(given) : undefined;
}

/** Pauses the queue or lets it go on, and says how many runs train at once. What is not given stays. @throws QueueError */
export function setQueue(root: string, settings: QueueSettings): Promise<void> {
  return changing(root, async () => {
    const before = await readQueue(root);
    const next = { paused: settings.paused ?? before.paused, cpuSlots: settings.cpuSlots ?? before.cpuSlots };
    if (next.paused === before.paused && next.cpuSlots === before.cpuSlots) return;
    await makeFolder(before.folder);
    await writeWhole(path.join(before.folder, QUEUE_SETTINGS), { schema: SCHEMA, ...next });
  });
}

async function waitingWith(root: string, id: string): Promise<QueueState['entries']> {
  const { entries } = await readQueue(root);
  const entry = entries.find((each) => each.id === id);
  if (entry?.state === 'started') throw new QueueError(started(entry));
  if (entry?.state !== 'waiting') throw new QueueError(gone(id));
  return entries.filter(({ state }) => state === 'waiting');
}

/** Looks again where somebody else changed the entry in between. */
async function untilGranted(attempt: () => Promise<boolean>): Promise<void> {
  for (let left = 20; left > 0; left -= 1) if (await attempt()) return;
  throw new QueueError('The queue changes all the time: try again in a moment.');
}

/** Whether a change of state was this one's to make. */
async function granted(change: Promise<void>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function started({ run }: QueueEntry): string {
  return `${path.basename(run)} is training already: stop it instead.`;
}

function gone(id: string): string {
  return `${id} does not wait in the queue any more.`;
}

async function makeFolder(folder: string): Promise<void> {
  await fs.mkdir(folder, { recursive: true });
  // A queue is of one machine's folder: nobody shares it.
  await fs.writeFile(path.join(folder, '.gitignore'), '*\n', { flag: 'wx' }).catch((error: unknown) => {
    if (!(isFileError(error) && 'code' in error && error.code === 'EEXIST')) throw error;
  });
}

async function writeWhole(file: string, content: object): Promise<void> {
  // Named as the supervisor names its own, which sweeps what a kill leaves behind.
  const host = os.hostname().replaceAll('/', '_') || 'localhost';
  const draft = path.join(path.dirname(file), `.tmp-${path.basename(file)}-${host}-${process.pid}`);
  try {
    const handle = await fs.open(draft, 'w');
    try {
      await handle.writeFile(`${stringifyJson(content)}\n`);
      await synced(handle);
    } finally {
      await handle.close();
    }
    await fs.rename(draft, file);
  } catch (error) {
    await fs.rm(draft, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** One change after the other in this process; what the disk says becomes one line. */
let last: Promise<unknown> = Promise.resolve();

function changing<T>(root: string, change: () => Promise<T>): Promise<T> {
  const done = last.then(change).catch((error: unknown) => {
    if (isFileError(error)) throw new QueueError(`${queueFolder(root)}: ${writeFailure(error)}.`);
    throw error;
  });
  last = done.catch(() => undefined);
  return done;
}
