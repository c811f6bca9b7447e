/** When a task has ended: VS Code takes a start of what is still ending for the same task, and starts nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import * as vscode from 'vscode';
import { processIn } from '../../core/experiment/processFolder';
import { liveness } from '../../core/experiment/runningProcess';
import { withStatus } from '../../platform/progress';

/** A terminal that follows a run ends within a second of it; a busy machine takes longer. */
const ENDS_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 100;

/** The end of a task that is about to start: its exit code, undefined where it never had a process. */
export function endOf(task: vscode.Task): { readonly code: Promise<number | undefined>; dispose: () => void } {
  const listeners: vscode.Disposable[] = [];
  const dispose = (): void => {
    for (const listener of listeners) listener.dispose();
  };
  const code = new Promise<number | undefined>((resolve) => {
    const end = (found: number | undefined): void => {
      dispose();
      resolve(found);
    };
    // VS Code may hand out another object for the task: a name and what it is about tell it.
    const isIt = ({ task: other }: vscode.TaskExecution): boolean =>
      other === task || (other.name === task.name && isSame(other, task));
    listeners.push(
      vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
        if (isIt(execution)) end(exitCode);
      }),
      // One that never had a process, or lost it.
      vscode.tasks.onDidEndTask(({ execution }) => {
        if (isIt(execution)) end(undefined);
      }),
    );
  });
  return { code, dispose };
}

/**
 * Waits until nothing runs that VS Code would take for this task: after a stop, a run's own terminal ends a moment later
 * than the run.
 * @param run the folder that the task trains in
 * @returns `ended`; `trains` where that was a start of the same run and it trains now; else `busy`
 */
export async function earlierEnded(task: vscode.Task, run: string): Promise<'ended' | 'trains' | 'busy'> {
  const isRunning = (): boolean => vscode.tasks.taskExecutions.some((each) => isSame(each.task, task));
  if (!isRunning()) return 'ended';
  return withStatus(
    vscode.l10n.t('Waiting for the terminal of "{0}" to end…', task.name),
    (async () => {
      const until = Date.now() + ENDS_WITHIN_MS;
      while (isRunning()) {
        const named = await processIn(run);
        if (named !== null && liveness(named) !== 'dead') return 'trains';
        if (Date.now() > until) return 'busy';
        await sleep(LOOK_EVERY_MS);
      }
      return 'ended';
    })(),
  );
}

/** Whether VS Code takes both for one: it compares what tasks are about, and not their names. */
function isSame(one: vscode.Task, other: vscode.Task): boolean {
  return isDeepStrictEqual(plain(one.definition), plain(other.definition));
}

/** What is left of it on the way to VS Code: what is undefined is not there. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
