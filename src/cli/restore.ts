/** `restore`: brings a backed-up checkpoint back. */
import path from 'node:path';
import { BackupError, readRecord, restore, type Restored } from '../core/checkpoint/backup';
import { noteBackup, restoreRequest, RestoreConflict } from '../core/experiment/backups';
import { checkpointIn } from '../core/experiment/checkpoints';
import { ScanContext, scanRun, scanWorkspace } from '../core/experiment/scan';
import { workspaceSettings } from '../core/training/launchSettings';
import { checkRunName } from '../core/experiment/runName';
import { noted, notNoted } from './backup';
import { type Command, UsageError } from './options';
import { SUMMARIES } from './summaries';
import { printable } from './table';
import { EXPERIMENTS_OPTION } from './workspace';

export const restoreCommand: Command = {
  ...SUMMARIES.restore,
  details: [
    'It goes into its run where that is in the workspace, else its run is made anew around it. Nothing is replaced.',
    'One that was killed goes on from what is there: run it again. Exits with 1 when it could not be restored.',
  ],
  positionals: { least: 1, most: 1 },
  options: {
    workspace: { type: 'string', value: 'DIR', description: 'Training workspace [the current folder].' },
    name: { type: 'string', value: 'NAME', description: 'Make a run of this name around it instead.' },
    experiments: EXPERIMENTS_OPTION,
  },
  async run({ positionals: [named = ''], option }) {
    const backup = path.resolve(named);
    const root = path.resolve(option('workspace') ?? '.');
    const settings = await workspaceSettings(root);
    const experimentsFolder = option('experiments') ?? settings.text('experimentsFolder');
    const { experiments, runs } = await scanWorkspace(root, { experimentsFolder });
    const name = option('name');
    const wrong = name === undefined ? null : await checkRunName(name, experiments);
    if (wrong !== null) throw new UsageError(wrong.message);
    let restored: Restored;
    try {
      const record = await readRecord(backup);
      restored = await restore(await restoreRequest(backup, record, experiments, runs, name));
    } catch (error) {
      const taken = error instanceof RestoreConflict;
      if (!taken && !(error instanceof BackupError)) throw error;
      const reason = taken ? `${error.message} --name NAME makes another run around it.` : error.message;
      const document = { backup, checkpoint: null, run: null, kept: 0, reason };
      return { document, text: printable(`error: ${reason}`), yes: false };
    }
    const { checkpoint, run, record, kept } = restored;
    const found = await scanRun(run, new ScanContext());
    const of = found === null ? undefined : checkpointIn(found, checkpoint);
    const lines = [`restored: ${checkpoint}`];
    if (found !== null && of !== undefined) {
      const note = await noted(() => noteBackup(found, of, { folder: backup, record }));
      if (note !== null) lines.push(notNoted(found, note));
    }
    return {
      document: { backup, checkpoint, run, kept, reason: null },
      text: lines.map(printable).join('\n'),
      yes: true,
    };
  },
};
