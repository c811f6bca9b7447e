/** What every deletion of checkpoints shares: who judges what is valid, and what is done once somebody agreed. */
import * as path from 'node:path';
import { CHECKPOINTS } from '../../core/checkpoint/fileNames';
import {
  deleteCheckpoints,
  type Deletion,
  type DeletionPlan,
  type Judge,
} from '../../core/experiment/deleteCheckpoints';
import type { Run } from '../../core/experiment/model';
import { setPinned } from '../../core/experiment/pins';
import { NoteError } from '../../core/experiment/runNotes';
import { writeFailure } from '../../core/files';
import type { FeatureDeps } from '../deps';

/** The extension's validation, to the level that a resume needs. */
export function judgeOf(deps: FeatureDeps, signal?: AbortSignal): Judge {
  return async (checkpoint) => {
    const level = 'numbers';
    const known = await deps.validations.current(checkpoint, level);
    const report =
      known ??
      (await deps.validations.run(checkpoint, () =>
        deps.checkpoints.validate(checkpoint, { level, ...(signal === undefined ? {} : { signal }) }),
      ));
    return report.verdict === 'valid';
  };
}

/** Deletes what a person agreed to. @throws DeletionError where nothing was deleted */
export async function carryOutDeletion(deps: FeatureDeps, run: Run, plan: DeletionPlan): Promise<Deletion> {
  const deletion = await deleteCheckpoints(plan, judgeOf(deps), plan.losesLast);
  for (const name of deletion.deleted) deps.log.info(`deleted ${path.join(run.path, CHECKPOINTS, name)}`);
  await unpin(deps, run, deletion.deleted);
  return deletion;
}

/** A name that is free again is not pinned for whatever gets it next. */
async function unpin(deps: FeatureDeps, run: Run, deleted: readonly string[]): Promise<void> {
  if (!run.checkpoints.some(({ name, pinned }) => pinned && deleted.includes(name))) return;
  try {
    await setPinned(run.path, deleted, false);
  } catch (error) {
    const reason = error instanceof NoteError ? error.message : writeFailure(error);
    deps.log.warn(`${run.path}: the deleted checkpoints are still named in pins.json: ${reason}`);
  }
}
