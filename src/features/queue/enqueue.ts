/** Puts plans into the queue of the workspace that trains them, and has them started as devices become free. */
import * as vscode from 'vscode';
import { queueFolder } from '../../core/experiment/queueFiles';
import { readGpusHere } from '../../core/training/gpus/nvidiaSmi';
import type { Plan } from '../../core/training/plan/plan';
import { dispatch } from '../../core/training/queue/dispatcher';
import { enqueue, QueueError } from '../../core/training/queue/queue';
import { showError } from '../../platform/messages';
import { showStatus } from '../../platform/statusBar';
import type { FeatureDeps } from '../deps';

/** How long it is said that they wait, where none of them starts. */
const SHOWN_MS = 30_000;

/** @returns false when something is in the way of one of them, which the user was told */
export async function enqueuePlans(
  { workspaces, log }: Pick<FeatureDeps, 'workspaces' | 'log'>,
  supervisor: string,
  plans: readonly Plan[],
): Promise<boolean> {
  const { gpus, problem } = await readGpusHere();
  if (problem !== null) log.warn(`queue: ${problem}`);
  const folders = new Map<string, string>();
  try {
    for (const plan of plans) {
      await enqueue(plan.cwd, [plan], { supervisor, gpusHere: gpus.length });
      folders.set(queueFolder(plan.cwd), plan.interpreter);
    }
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    void showError(error.message);
    return false;
  } finally {
    // What came before a plan that could not be queued has its turn all the same.
    for (const [folder, python] of folders) await started(folder, python, supervisor);
    await workspaces.rescan();
  }
  const text = vscode.l10n.t('{0} runs are in the queue: each starts when a device is free.', plans.length);
  const runs = new Set(plans.map(({ run }) => run));
  const begun = (): true | undefined =>
    workspaces.runs.some((run) => runs.has(run.path) && run.state !== 'queued') ? true : undefined;
  showStatus('clock', text, workspaces.until(begun, SHOWN_MS));
  return true;
}

async function started(folder: string, python: string, supervisor: string): Promise<void> {
  try {
    await dispatch(folder, python, supervisor);
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    void showError(error.message);
  }
}
