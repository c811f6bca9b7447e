/** Which of this machine's GPUs a run computes on. */
import type { Run, RunProcess } from '../../experiment/model';
import { procStat, thisHost } from '../../thisHost';
import type { Gpu } from './gpu';

/** A parent's parent and so on; more than any chain of launchers is long. */
const MOST_PARENTS = 64;

/** Whether a run's process may be on a GPU of this machine. */
export function trainsHere(run: Run): run is Run & { readonly process: RunProcess } {
  return run.state === 'training' && run.process?.host === thisHost().name;
}

/**
 * Those of the GPUs that a run's process, or one below it (torchrun's), computes on. None where the driver does not tell whose
 * the processes are, as in a container.
 *
 * @param parentOf the process that started another; undefined where the system does not say
 */
export function gpusOf(
  gpus: readonly Gpu[],
  { pid, supervisor }: RunProcess,
  parentOf: (pid: number) => number | undefined = parentProcess,
): Gpu[] {
  const own = new Set([pid, ...(supervisor === undefined ? [] : [supervisor.pid])]);
  const isOwn = (candidate: number): boolean => {
    let at: number | undefined = candidate;
    for (let hops = 0; hops < MOST_PARENTS && at !== undefined && at > 1; hops += 1) {
      if (own.has(at)) return true;
      at = parentOf(at);
    }
    return false;
  };
  return gpus.filter(({ processes }) => processes.some((each) => isOwn(each.pid)));
}

function parentProcess(pid: number): number | undefined {
  return procStat(pid)?.parent;
}
