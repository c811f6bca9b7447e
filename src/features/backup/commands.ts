/**
 * Backs checkpoints up, verifies backups and brings them back, in a worker thread of its own: a validation must not wait for a
 * slow disk. What is done to files is core/checkpoint/backup.
 */
import * as path from 'node:path';
import * as vscode from 'vscode';
import {
  bytesOfRecord,
  readRecord,
  type Backup,
  type BackupProblem,
  type ListedBackup,
  type RestoreRequest,
} from '../../core/checkpoint/backup';
import { CheckpointPathError } from '../../core/checkpoint/pathErrors';
import { CheckpointWorker } from '../../core/checkpoint/worker/workerClient';
import { backupRequest, noteBackup, restoreRequest, RestoreConflict, runOf } from '../../core/experiment/backups';
import type { Workspace } from '../../core/experiment/model';
import { BACKUPS } from '../../core/experiment/runLayout';
import { noteFailure } from '../../core/experiment/runNotes';
import { formatBytes, formatProgress } from '../../core/format';
import { checkRunName, freeFolder } from '../../core/experiment/runName';
import { showError, showInformation, showWarning } from '../../platform/messages';
import { askText, pick } from '../../platform/picks';
import { withCancellableProgress, type ShowShare } from '../../platform/progress';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoints, targetPath, type CheckpointOfRun, type Named } from '../targets';
import { backupFolder, pickBackup, tellWithSetting } from './pickBackup';

interface Failed {
  readonly of: CheckpointOfRun;
  readonly reason: string;
}

export class BackupCommands {
  private readonly worker: CheckpointWorker;
  /** What is being backed up, by its path: a second press waits for the first. */
  private readonly running = new Map<string, Promise<readonly Backup[]>>();

  constructor(
    context: vscode.ExtensionContext,
    private readonly deps: FeatureDeps,
  ) {
    this.worker = new CheckpointWorker(path.join(context.extensionPath, 'dist', 'checkpoint-worker.js'));
    context.subscriptions.push(this.worker);
  }

  /** @returns the folders of the backups */
  async backUp(named: Named): Promise<readonly string[]> {
    const chosen = await chooseCheckpoints(this.deps, named, {
      title: vscode.l10n.t('Back Up Checkpoint'),
      none: vscode.l10n.t('There is no checkpoint in this workspace that can be backed up.'),
      accepts: ({ state }) => state === 'complete',
    });
    const unfit = chosen.find(({ checkpoint }) => checkpoint.state !== 'complete');
    if (unfit !== undefined) {
      const { run, checkpoint } = unfit;
      void showError(
        checkpoint.state === 'writing'
          ? vscode.l10n.t('{0} of {1} is being written. Back it up when that is done.', checkpoint.name, run.name)
          : vscode.l10n.t(
              '{0} of {1} is broken, and is not backed up: {2}.',
              checkpoint.name,
              run.name,
              checkpoint.stateReason ?? '',
            ),
      );
      return [];
    }
    const waiting = (): Promise<readonly Backup[]>[] =>
      chosen.map(({ checkpoint }) => this.running.get(checkpoint.path)).filter((job) => job !== undefined);
    const isNew = ({ checkpoint }: CheckpointOfRun): boolean => !this.running.has(checkpoint.path);
    const [first] = chosen.filter(isNew);
    if (first !== undefined) {
      const folder = await backupFolder(vscode.Uri.file(this.deps.workspaces.rootOf(first.run)));
      // Asked for a folder, a person takes their time: what is under way by then is joined.
      if (folder !== undefined) this.begin(chosen.filter(isNew), folder);
    }
    const made = await Promise.all([...new Set(waiting())]);
    return made.flat().map((backup) => backup.folder);
  }

  private begin(chosen: readonly CheckpointOfRun[], destination: string): void {
    const job = this.backUpAll(chosen, destination).finally(() => {
      for (const { checkpoint } of chosen) this.running.delete(checkpoint.path);
    });
    for (const { checkpoint } of chosen) this.running.set(checkpoint.path, job);
  }

  private async backUpAll(chosen: readonly CheckpointOfRun[], destination: string): Promise<readonly Backup[]> {
    const made: Backup[] = [];
    const failed: Failed[] = [];
    await withCancellableProgress(vscode.l10n.t('Backing up'), async (signal, showShare, showMessage) => {
      for (const [index, of] of chosen.entries()) {
        const name = chosen.length === 1 ? of.checkpoint.name : `${index + 1}/${chosen.length} ${of.checkpoint.name}`;
        try {
          const backup = await this.worker.request<'backUp'>(
            { kind: 'backUp', request: backupRequest(of.run, of.checkpoint, destination) },
            {
              signal,
              onProgress: shower(name, index, chosen.length, showShare, showMessage),
            },
          );
          this.deps.log.info(`backed up ${of.checkpoint.path} to ${backup.folder}, ${backup.kept} bytes were there`);
          made.push(backup);
          await this.note(of, backup);
        } catch (error) {
          if (!(error instanceof CheckpointPathError)) throw error;
          this.deps.log.error(`back up ${of.checkpoint.path}: ${error.message}`);
          failed.push({ of, reason: error.message });
        }
      }
    });
    await this.deps.workspaces.rescan('changes');
    tellBackedUp(made, failed, destination);
    return made;
  }

  /** The backup is made, whether or not that can be noted with the run. */
  private async note({ run, checkpoint }: CheckpointOfRun, backup: Pick<Backup, 'folder' | 'record'>): Promise<void> {
    try {
      const damaged = await noteBackup(run, checkpoint, backup);
      if (damaged === null) return;
      void showWarning(
        vscode.l10n.t(
          'backups.json of {0} {1}: which backups it named is lost. It was made anew, and what was there is now {2}.',
          run.name,
          damaged.reason,
          damaged.aside,
        ),
      );
    } catch (error) {
      const reason = noteFailure(path.join(run.path, BACKUPS), error);
      void showWarning(vscode.l10n.t('The tree cannot show that {0} is backed up: {1}', checkpoint.name, reason));
    }
  }

  /** @returns the checkpoint's path; undefined where it was not brought back */
  async restore(named: Named): Promise<string | undefined> {
    const { workspaces } = this.deps;
    await workspaces.ready();
    const backup = await this.backupMeant(named, vscode.l10n.t('Restore Checkpoint'));
    if (backup === undefined) return undefined;
    const own = runOf(backup.record, workspaces.runs);
    const into = own === undefined ? await this.workspaceFor() : workspaces.workspaceOf(own.path);
    if (into === undefined) return undefined;
    const request = await this.requestFor(backup, into);
    if (request === undefined) return undefined;
    const { checkpoint: name, run } = backup.record.source;
    const restored = await this.telling(
      vscode.l10n.t('Restoring'),
      (reason) => vscode.l10n.t('{0} of {1} was not restored: {2}', name, run, reason),
      (signal, showShare, showMessage) =>
        this.worker.request<'restore'>(
          { kind: 'restore', request },
          { signal, onProgress: shower(name, 0, 1, showShare, showMessage) },
        ),
    );
    if (restored === undefined) return undefined;
    this.deps.log.info(`restored ${restored.checkpoint} from ${backup.folder}`);
    await workspaces.rescan('changes');
    const found = workspaces.checkpointAt(restored.checkpoint);
    if (found !== undefined) {
      await this.note(found, backup);
      await workspaces.rescan('changes');
    }
    const size = formatBytes(bytesOfRecord(backup.record));
    void showInformation(vscode.l10n.t('{0} of {1} was restored: {2} in {3}', name, run, size, restored.checkpoint));
    return restored.checkpoint;
  }

  /** The backup that a command was called with, or that the user picks. */
  private async backupMeant(named: Named, title: string): Promise<ListedBackup | undefined> {
    const { workspaces } = this.deps;
    const target = targetPath(named.argument);
    const noted = target === undefined ? undefined : workspaces.checkpointAt(target)?.checkpoint.backup;
    // What lies in a run is no backup: a node of the tree that was not backed up names none.
    const folder =
      noted?.folder ?? (target === undefined || workspaces.runAt(target) !== undefined ? undefined : target);
    if (folder === undefined) return pickBackup(this.deps, title);
    try {
      return { folder, record: await readRecord(folder) };
    } catch (error) {
      if (!(error instanceof CheckpointPathError)) throw error;
      void showError(error.message);
      return undefined;
    }
  }

  /** The workspace that a run is made anew in. */
  private async workspaceFor(): Promise<Workspace | undefined> {
    const { all } = this.deps.workspaces;
    if (all.length === 0)
      void showError(vscode.l10n.t('Open the folder first that the checkpoint is to be restored in.'));
    if (all.length < 2) return all[0];
    const rows = all.map((workspace) => ({ label: workspace.experiments, workspace }));
    const title = vscode.l10n.t('Restore Checkpoint');
    return (await pick(rows, { title, placeHolder: vscode.l10n.t('Choose the folder of runs to restore in') }))
      ?.workspace;
  }

  /** Where something is in the way, a run of another name is offered. */
  private async requestFor(
    { folder, record }: ListedBackup,
    { experiments, runs }: Workspace,
  ): Promise<RestoreRequest | undefined> {
    try {
      return await restoreRequest(folder, record, experiments, runs);
    } catch (error) {
      if (!(error instanceof RestoreConflict)) throw error;
      const other = vscode.l10n.t('Restore as Another Run…');
      if ((await showWarning(error.message, other)) !== other) return undefined;
    }
    const free = await freeFolder(path.join(experiments, `${path.basename(record.source.run)}-restored`));
    const name = await askText({
      title: vscode.l10n.t('Restore {0} of {1} as another run', record.source.checkpoint, record.source.run),
      prompt: vscode.l10n.t('The name of the run that is made around the checkpoint.'),
      value: path.basename(free),
      ignoreFocusOut: true,
      problem: async (text) => (await checkRunName(text, experiments))?.message,
    });
    return name === undefined ? undefined : restoreRequest(folder, record, experiments, runs, name.trim());
  }

  /** @returns what is wrong with it; undefined where it could not be verified */
  async verify(named: Named): Promise<readonly BackupProblem[] | undefined> {
    await this.deps.workspaces.ready();
    const backup = await this.backupMeant(named, vscode.l10n.t('Verify Backup'));
    if (backup === undefined) return undefined;
    const { folder, record } = backup;
    const verified = await this.telling(
      vscode.l10n.t('Verifying backup'),
      (reason) => reason,
      (signal, showShare, showMessage) =>
        this.worker.request<'verifyBackup'>(
          { kind: 'verifyBackup', folder },
          {
            signal,
            onProgress: shower(record.source.checkpoint, 0, 1, showShare, showMessage),
          },
        ),
    );
    if (verified === undefined) return undefined;
    const { problems } = verified;
    const [first, ...others] = problems;
    this.deps.log.info(`verify ${folder}: ${first === undefined ? 'whole' : `${first.name} ${first.problem}`}`);
    if (first === undefined) {
      const files = record.files.length;
      void showInformation(vscode.l10n.t('The backup {0} is whole: {1} files.', folder, files));
    } else {
      const more = others.length === 0 ? '' : vscode.l10n.t(' {0} more files are not as they were.', others.length);
      void showError(vscode.l10n.t('The backup {0} is damaged: {1} {2}.', folder, first.name, first.problem) + more);
    }
    return problems;
  }

  /** Work with progress; what keeps it from being done is told. @returns undefined then, and when it was cancelled */
  private async telling<T>(
    title: string,
    failure: (reason: string) => string,
    work: (signal: AbortSignal, showShare: ShowShare, showMessage: (message: string) => void) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await withCancellableProgress(title, work);
    } catch (error) {
      if (!(error instanceof CheckpointPathError)) throw error;
      this.deps.log.error(`${title}: ${error.message}`);
      void showError(failure(error.message));
      return undefined;
    }
  }
}

/** Shows how far a checkpoint is, of several one after the other. */
function shower(
  name: string,
  index: number,
  count: number,
  showShare: ShowShare,
  showMessage: (message: string) => void,
): ShowShare {
  const began = performance.now();
  showMessage(name);
  return (done, total) => {
    showShare(index + (total === 0 ? 0 : done / total), count);
    showMessage(`${name} · ${formatProgress(done, total, (performance.now() - began) / 1000)}`);
  };
}

/** Not awaited: notifications stay as long as they like. */
function tellBackedUp(made: readonly Backup[], failed: readonly Failed[], destination: string): void {
  const [first] = made;
  const [wrong] = failed;
  if (wrong !== undefined) {
    const { run, checkpoint } = wrong.of;
    const message = vscode.l10n.t('{0} of {1} was not backed up: {2}', checkpoint.name, run.name, wrong.reason);
    const others =
      failed.length === 1 ? '' : vscode.l10n.t(' Nor were {0} others; the log says why.', failed.length - 1);
    // Where it is about the folder, another one may help.
    if (wrong.reason.includes(destination)) tellWithSetting(message + others);
    else void showError(message + others);
  }
  if (first === undefined) return;
  const bytes = formatBytes(made.reduce((sum, { record }) => sum + bytesOfRecord(record), 0));
  const { checkpoint, run } = first.record.source;
  const message =
    made.length > 1
      ? vscode.l10n.t('{0} checkpoints are backed up: {1} in {2}', made.length, bytes, path.dirname(first.folder))
      : first.made
        ? vscode.l10n.t('{0} of {1} is backed up: {2} in {3}', checkpoint, run, bytes, first.folder)
        : vscode.l10n.t('{0} of {1} was backed up before, and the backup is whole: {2}', checkpoint, run, first.folder);
  void showInformation(message);
}
