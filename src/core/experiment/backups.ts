/**
 * backups.json: which checkpoints of a run were backed up, and where. It lies with the run, since a scan must not wait for the
 * disk that the backups are on. What is asked of a backup or a restore is made here of what a scan knows.
 */
import path from 'node:path';
import type { BackupRecord, BackupRequest, RestoreRequest } from '../checkpoint/backup';
import { CONFIG, PROBE } from '../checkpoint/fileNames';
import { isThere } from '../files';
import { checkpointIn } from './checkpoints';
import type { Checkpoint, Run } from './model';
import { readBackups, type NotedBackup } from './runFiles';
import { BACKUPS, BIRTH, WANDB } from './runLayout';
import { changeNote, type DamagedNote } from './runNotes';

/** What of its run a checkpoint needs to be resumed where that is gone, and what else makes the run the one it was. */
const OF_RUN = [BIRTH, CONFIG, WANDB, PROBE];

export function backupRequest(run: Run, checkpoint: Checkpoint, destination: string): BackupRequest {
  const experiments = path.resolve(run.path, ...run.name.split('/').map(() => '..'));
  return {
    checkpoint: checkpoint.path,
    source: {
      ...{ id: run.id, run: run.name, path: run.path, checkpoint: checkpoint.name, step: checkpoint.step },
      place: placeOf(run, checkpoint),
    },
    ofRun: OF_RUN,
    destination,
    outside: [experiments],
  };
}

/** Where in a run a checkpoint lies: a folder of their own, or `.` for beside its other files. */
function placeOf(run: Run, checkpoint: Checkpoint): string {
  return path.relative(run.path, path.dirname(checkpoint.path)) || '.';
}

/**
 * Notes that a checkpoint is backed up.
 *
 * @returns what was in the way, to be said; null where nothing was
 * @throws NoteError when an existing backups.json may not be read; Node's own errors where it cannot be written
 */
export function noteBackup(
  run: Run,
  { name, time: finished, bytes }: Checkpoint,
  backup: { readonly folder: string; readonly record: BackupRecord },
): Promise<DamagedNote | null> {
  const noted: NotedBackup = { checkpoint: name, finished, bytes, folder: backup.folder, time: backup.record.time };
  return changeNote<readonly NotedBackup[]>(path.join(run.path, BACKUPS), readBackups, [], (found) => ({
    backups: [...found.filter((each) => each.checkpoint !== name || each.folder !== noted.folder), noted],
  }));
}

/** The run that a backup is of, among those that there are; one of its name first, where copies of a run have its id, too. */
export function runOf({ source }: BackupRecord, runs: readonly Run[]): Run | undefined {
  const same = runs.filter((run) => (source.id === null ? run.path === source.path : run.id === source.id));
  return same.find(({ name }) => name === source.run) ?? same[0];
}

/** Why a checkpoint cannot be brought back to where it was, in one line. It can be with a run of another name around it. */
export class RestoreConflict extends Error {}

/**
 * What brings a backed-up checkpoint back.
 *
 * @param backup its folder, absolute
 * @param experiments the experiments folder, absolute, and the runs in it
 * @param name of the run that is made around the checkpoint; undefined: it goes into its own, or what was its own name
 * @throws RestoreConflict where something of that name is there
 */
export async function restoreRequest(
  backup: string,
  record: BackupRecord,
  experiments: string,
  runs: readonly Run[],
  name?: string,
): Promise<RestoreRequest> {
  const { source } = record;
  const own = runOf(record, runs);
  if (own !== undefined && name === undefined) {
    const [sibling] = own.checkpoints;
    const place = sibling === undefined ? source.place : placeOf(own, sibling);
    const target = path.join(own.path, place, source.checkpoint);
    if (checkpointIn(own, target) === undefined && !(await isThere(target)))
      return { backup, run: own.path, place, without: [] };
    throw new RestoreConflict(`${target} is there already: nothing is restored over it.`);
  }
  const run = path.join(experiments, name ?? source.run);
  if (await isThere(run)) throw new RestoreConflict(`${run} is there already: nothing is restored over it.`);
  // Two runs must not log to one W&B run.
  return { backup, run, place: null, without: own === undefined ? [] : [WANDB] };
}
