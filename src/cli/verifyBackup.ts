/** `verify-backup`: whether a backup is what it was when it was made. */
import path from 'node:path';
import { BackupError, verifyBackup, type BackupProblem } from '../core/checkpoint/backup';
import type { Command } from './options';
import { SUMMARIES } from './summaries';
import { printable } from './table';

export const verifyBackupCommand: Command = {
  ...SUMMARIES['verify-backup'],
  details: ['Reads every file. Exits with 0 when it is whole, 1 when it is not.'],
  positionals: { least: 1, most: 1 },
  options: {},
  async run({ positionals: [named = ''] }) {
    const folder = path.resolve(named);
    let problems: readonly BackupProblem[] = [];
    let reason: string | null = null;
    let files = 0;
    try {
      const verified = await verifyBackup(folder);
      problems = verified.problems;
      files = verified.record.files.length;
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      reason = error.message;
    }
    const whole = reason === null && problems.length === 0;
    const lines = [
      ...(whole ? [`whole: ${folder}, ${files} files`] : [`damaged: ${folder}`]),
      ...(reason === null ? [] : [`  ${reason}`]),
      ...problems.map(({ name, problem }) => `  ${name} ${problem}`),
    ];
    return { document: { folder, whole, files, problems, reason }, text: lines.map(printable).join('\n'), yes: whole };
  },
};
