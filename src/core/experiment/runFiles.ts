/** The small JSON files of a run (contract section 1), read into types. Each reader gives null for a file that is not there. */
import type { CheckpointBackup, RunExit, RunParent, RunProcess } from './model';
import { FileContentError, type JsonObject, countIn, isObject, numberIn, stringIn } from '../jsonText';

export interface RunBirth {
  readonly id: string | null;
  readonly created: number | null;
  readonly parent: RunParent | null;
}

/** run.json. */
export function readBirth(json: JsonObject): RunBirth {
  const parent = isObject(json.parent) ? json.parent : null;
  return {
    id: stringIn(json, 'id'),
    created: numberIn(json, 'created'),
    parent:
      parent === null
        ? null
        : {
            id: stringIn(parent, 'id'),
            run: stringIn(parent, 'run') ?? '',
            checkpoint: stringIn(parent, 'checkpoint'),
            step: countIn(parent, 'step') ?? 0,
          },
  };
}

/** process.json; null where it does not name a process. */
export function readProcess(json: JsonObject): RunProcess | null {
  const host = stringIn(json, 'host');
  const pid = countIn(json, 'pid');
  if (host === null || pid === null) return null;
  const { job, folder, supervisor } = json;
  const cluster = stringIn(json, 'cluster');
  const user = stringIn(json, 'user');
  const supervisorPid = isObject(supervisor) ? countIn(supervisor, 'pid') : null;
  return {
    host,
    bootId: stringIn(json, 'boot_id') ?? '',
    pid,
    started: numberIn(json, 'started') ?? 0,
    startTicks: countIn(json, 'start_ticks') ?? 0,
    launcher: stringIn(json, 'launcher') ?? 'shell',
    job: typeof job === 'string' ? job : typeof job === 'number' ? job.toString() : null,
    ...(cluster === null || cluster === '' ? {} : { cluster }),
    ...(user === null || user === '' ? {} : { user }),
    segment: countIn(json, 'segment') ?? 1,
    ...(folder === undefined ? {} : { folder: folderIn(folder) }),
    ...(isObject(supervisor) && supervisorPid !== null
      ? { supervisor: { pid: supervisorPid, startTicks: countIn(supervisor, 'start_ticks') ?? 0 } }
      : {}),
    ...restartIn(json.restart),
    ...stoppingIn(json.stopping),
  };
}

function restartIn(restart: unknown): Pick<RunProcess, 'restart'> {
  if (!isObject(restart)) return {};
  const [number, of, at] = [countIn(restart, 'number'), countIn(restart, 'of'), numberIn(restart, 'at')];
  if (number === null || of === null || at === null) return {};
  return { restart: { number, of, after: stringIn(restart, 'after') ?? '', at } };
}

function stoppingIn(stopping: unknown): Pick<RunProcess, 'stopping'> {
  if (!isObject(stopping)) return {};
  const [signal, since] = [stringIn(stopping, 'signal'), numberIn(stopping, 'since')];
  return signal === null || since === null ? {} : { stopping: { signal, since } };
}

/** A folder that cannot be read is no folder: then the process is nobody's. */
function folderIn(folder: unknown): NonNullable<RunProcess['folder']> {
  const named = isObject(folder) ? folder : {};
  return {
    // Beyond 2^53 these are rounded, as those that Node's stat gives are.
    device: numberIn(named, 'device') ?? 0,
    inode: numberIn(named, 'inode') ?? 0,
    path: stringIn(named, 'path') ?? '',
  };
}

const ENDINGS = ['done', 'stopped', 'preempted', 'failed', 'killed'] as const;

/** exit.json; null where `why` is none of the contract's words. */
export function readExit(json: JsonObject): RunExit | null {
  const why = ENDINGS.find((known) => known === json.why);
  if (why === undefined) return null;
  return {
    why,
    step: countIn(json, 'step'),
    segment: countIn(json, 'segment'),
    signal: stringIn(json, 'signal'),
    error: stringIn(json, 'error'),
    time: numberIn(json, 'time') ?? 0,
  };
}

/** A backup of a checkpoint, with what tells that checkpoint from another one of its name. */
export interface NotedBackup extends CheckpointBackup {
  readonly checkpoint: string;
  /** Of the checkpoint: when it was finished, Unix seconds. */
  readonly finished: number;
  readonly bytes: number;
}

/** best.json: the name of the best checkpoint. */
export function readBest(json: JsonObject): string | null {
  return stringIn(json, 'checkpoint');
}

/** pins.json: names of checkpoints that must be kept. @throws FileContentError where it names none */
export function readPins(json: JsonObject): ReadonlySet<string> {
  if (!Array.isArray(json.checkpoints)) throw new FileContentError('has no list "checkpoints"');
  return new Set((json.checkpoints as unknown[]).filter((name): name is string => typeof name === 'string'));
}

const NOTED = { checkpoint: 'string', folder: 'string', finished: 'number', bytes: 'number', time: 'number' };

/** backups.json. @throws FileContentError where it has no list */
export function readBackups(json: JsonObject): readonly NotedBackup[] {
  if (!Array.isArray(json.backups)) throw new FileContentError('has no list "backups"');
  return (json.backups as unknown[]).filter(isNoted);
}

function isNoted(entry: unknown): entry is NotedBackup {
  return isObject(entry) && Object.entries(NOTED).every(([key, type]) => typeof entry[key] === type);
}
