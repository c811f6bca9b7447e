/** Questions about a run's checkpoints that more than one part asks. */
import type { Checkpoint, Run } from './model';

/** Every checkpoint of a run, ascending by step, `final` last. */
export function allCheckpoints(run: Run): readonly Checkpoint[] {
  return run.final === null ? run.checkpoints : [...run.checkpoints, run.final];
}

/** The checkpoint that a resume of the run starts from; undefined where none is complete. */
export function newestComplete(run: Run): Checkpoint | undefined {
  return run.checkpoints.findLast((checkpoint) => checkpoint.state === 'complete');
}
