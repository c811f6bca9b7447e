/** Puts plans into the queue of the workspace that trains them, and has them started as devices become free. */
import * as vscode from 'vscode';
import { readGpusHere } from '../../core/training/gpus/nvidiaSmi';
import type { Plan } from '../../core/training/plan/plan';
import { enqueuePlans as enqueue } from '../../core/training/queue/enqueuePlans';
import { showError } from '../../platform/messages';
import { settings } from '../../platform/settings';
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
  const { ids, problems } = await enqueue(plans, { supervisor, gpusHere: gpus.length, cpuSlots: settings.cpuSlots });
  for (const each of problems) void showError(each);
  await workspaces.rescan('changes');
  if (ids.length < plans.length) return false;
  const text = vscode.l10n.t('{0} runs are in the queue: each starts when a device is free.', plans.length);
  const runs = new Set(plans.map(({ run }) => run));
  const begun = (): true | undefined =>
    workspaces.runs.some((run) => runs.has(run.path) && run.state !== 'queued') ? true : undefined;
  showStatus('clock', text, workspaces.until(begun, SHOWN_MS));
  return true;
}
