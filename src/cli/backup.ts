/** `backup`: copies checkpoints to another disk, so that each copy is known to be whole. */
import path from 'node:path';
import { backUp, BackupError, bytesOfRecord } from '../core/checkpoint/backup';
import { CHECKPOINTS } from '../core/checkpoint/fileNames';
import { backupRequest, noteBackup } from '../core/experiment/backups';
import { checkpointIn } from '../core/experiment/checkpoints';
import type { Checkpoint, Run } from '../core/experiment/model';
import { NoteError } from '../core/experiment/runNotes';
import { ScanContext, scanRun } from '../core/experiment/scan';
import { isFileError, writeFailure } from '../core/files';
import { formatBytes } from '../core/format';
import { type Command, UsageError } from './options';
import { SUMMARIES } from './summaries';
import { printable } from './table';

export const backupCommand: Command = {
  ...SUMMARIES.backup,
  details: [
    'Copies to DIR/<run>/<checkpoint>/, verifies each file by its SHA-256 as it is read back, and replaces nothing.',
    'One that was cut short goes on from what is there: run it again. Exits with 1 when one could not be backed up.',
  ],
  positionals: { least: 1, most: Infinity },
  options: { to: { type: 'string', value: 'DIR', description: 'The folder for backups, which must be there.' } },
  async run({ positionals, option }) {
    const to = option('to');
    if (to === undefined) throw new UsageError('Say where to: --to DIR.');
    const named = await Promise.all(positionals.map((each) => checkpointAt(path.resolve(each))));
    const backups: object[] = [];
    const problems: { path: string; message: string }[] = [];
    const lines: string[] = [];
    for (const { run, checkpoint } of named) {
      try {
        const backup = await backUp(backupRequest(run, checkpoint, path.resolve(to)));
        const { folder, made, kept, record } = backup;
        const bytes = bytesOfRecord(record);
        backups.push({ checkpoint: checkpoint.path, folder, bytes, made, kept });
        lines.push(`${made ? 'backed up' : 'whole already'}: ${folder} (${formatBytes(bytes)})`);
        const note = await noted(() => noteBackup(run, checkpoint, backup));
        if (note !== null) lines.push(notNoted(run, note));
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        problems.push({ path: checkpoint.path, message: error.message });
        lines.push(`error: ${error.message}`);
      }
    }
    return { document: { backups, problems }, text: lines.map(printable).join('\n'), yes: problems.length === 0 };
  },
};

/** The checkpoint is backed up, whether or not that can be noted with its run. @returns why it could not */
export async function noted(note: () => Promise<unknown>): Promise<string | null> {
  try {
    await note();
    return null;
  } catch (error) {
    if (error instanceof NoteError) return error.message;
    if (isFileError(error)) return `${writeFailure(error)}.`;
    throw error;
  }
}

/** @param why as `noted` gives it */
export function notNoted({ path: run }: Run, why: string): string {
  return `note: backups.json of ${run} was not written: ${why}`;
}

/** @throws UsageError */
async function checkpointAt(at: string): Promise<{ readonly run: Run; readonly checkpoint: Checkpoint }> {
  const above = path.dirname(at);
  const run = await scanRun(path.basename(above) === CHECKPOINTS ? path.dirname(above) : above, new ScanContext());
  const checkpoint = run === null ? undefined : checkpointIn(run, at);
  if (run === null || checkpoint === undefined) throw new UsageError(`${at} is not a checkpoint of a run.`);
  if (checkpoint.state !== 'complete')
    throw new UsageError(`${at} is ${checkpoint.state}: ${checkpoint.stateReason ?? ''}. It is not backed up.`);
  return { run, checkpoint };
}
