/** Composes the extension; what it does lives in features/. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { messageOf } from './core/errors';
import { GpuMonitor } from './core/training/gpus/gpuMonitor';
import { CheckpointWorker } from './core/checkpoint/worker/workerClient';
import * as alerts from './features/alerts';
import * as assistant from './features/assistant';
import * as backup from './features/backup';
import * as branch from './features/branch';
import * as compare from './features/compare';
import * as create from './features/create';
import * as dashboard from './features/dashboard';
import * as environment from './features/environment';
import type { FeatureDeps } from './features/deps';
import * as lineage from './features/lineage';
import * as manage from './features/manage';
import * as probe from './features/probe';
import * as programs from './features/programs';
import * as queue from './features/queue';
import * as runsTable from './features/runsTable';
import * as start from './features/start';
import * as status from './features/status';
import * as torchFile from './features/torchFile';
import * as training from './features/training';
import { TrainingStarter } from './features/training/start';
import * as tree from './features/tree';
import * as validate from './features/validate';
import { ValidationResults } from './features/validate/results';
import { Log } from './platform/log';
import { showError } from './platform/messages';
import { ReportDocuments } from './platform/reportDocuments';
import { Workspaces } from './platform/workspaces';

/** What tests and other extensions may use. */
export interface NptApi {
  readonly workspaces: Workspaces;
}

export function activate(context: vscode.ExtensionContext): NptApi {
  const log = new Log('NPT Checkpoints');
  context.subscriptions.push(log);
  try {
    const deps = compose(context, log);
    tree.register(context, deps);
    validate.register(context, deps);
    compare.register(context, deps);
    probe.register(context, deps);
    training.register(context, deps);
    branch.register(context, deps);
    start.register(context, deps);
    dashboard.register(context, deps);
    runsTable.register(context, deps);
    lineage.register(context, deps);
    torchFile.register(context, deps);
    status.register(context, deps);
    manage.register(context, deps);
    backup.register(context, deps);
    programs.register(context, deps);
    create.register(context, deps);
    environment.register(context, deps);
    queue.register(context, deps);
    alerts.register(context, deps);
    assistant.register(context, deps);
    return { workspaces: deps.workspaces };
  } catch (error) {
    // A failed activation would otherwise be a silent, empty view.
    log.error(error);
    void tellFailure(error, log);
    throw error;
  }
}

/** Not awaited by activate(): a message that nobody answers must not keep the activation hanging. */
async function tellFailure(error: unknown, log: Log): Promise<void> {
  const show = vscode.l10n.t('Show Log');
  const reason = messageOf(error);
  const answer = await showError(vscode.l10n.t('NPT Checkpoints could not start: {0}', reason), show);
  if (answer === show) log.show();
}

function compose(context: vscode.ExtensionContext, log: Log): FeatureDeps {
  const workspaces = new Workspaces((message) => {
    log.error(message);
  });
  const checkpoints = new CheckpointWorker(path.join(context.extensionPath, 'dist', 'checkpoint-worker.js'));
  const validations = new ValidationResults();
  const reports = new ReportDocuments();
  const gpus = new GpuMonitor(async () => (await import('./onDemand')).readGpusHere());
  context.subscriptions.push(workspaces, checkpoints, validations, reports, gpus);
  const supervisor = path.join(context.extensionPath, 'supervisor', 'npt_supervise.py');
  const starter = new TrainingStarter({ workspaces, log }, supervisor);
  return { workspaces, log, checkpoints, validations, reports, starter, gpus };
}
