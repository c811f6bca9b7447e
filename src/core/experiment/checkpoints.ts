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

/**
 * The newest checkpoint that neither the scan nor a validation found wrong; undefined where there is none.
 *
 * @param notValid paths of checkpoints that were validated and are not valid
 */
export function newestUsable(run: Run, notValid: ReadonlyMap<string, unknown>): Checkpoint | undefined {
  return run.checkpoints.findLast(({ state, path }) => state === 'complete' && !notValid.has(path));
}

/** A run's best checkpoint and the evaluation that it is the best by; undefined where no evaluation says which it is. */
export function bestEvaluated(run: Run): (Checkpoint & { readonly evalLoss: number }) | undefined {
  return run.checkpoints.find(
    (each): each is Checkpoint & { readonly evalLoss: number } => each.best && each.evalLoss !== null,
  );
}

/** By path; made for a run when it is first asked for. */
const byPath = new WeakMap<Run, ReadonlyMap<string, Checkpoint>>();

/** The run's checkpoint whose folder this is. */
export function checkpointIn(run: Run, path: string): Checkpoint | undefined {
  let known = byPath.get(run);
  if (known === undefined) {
    known = new Map(allCheckpoints(run).map((checkpoint) => [checkpoint.path, checkpoint]));
    byPath.set(run, known);
  }
  return known.get(path);
}
