/** `stop`: asks whoever trains a run to save and stop, or to end at once. */
import path from 'node:path';
import { processIn } from '../core/experiment/processFolder';
import { StopError } from '../core/experiment/runningProcess';
import { scanRun, ScanContext } from '../core/experiment/scan';
import { askProcess, stopCommand, stopRun } from '../core/training/launchers';
import { type Command, UsageError } from './options';
import { SUMMARIES } from './summaries';
import { printable } from './table';

export const stopRunCommand: Command = {
  ...SUMMARIES.stop,
  details: [
    'Exits with 0 when it was asked, 1 when nothing trains there or it cannot be asked from here.',
    'It returns at once; the run has stopped when `list` says so.',
  ],
  positionals: { least: 1, most: 1 },
  options: {
    now: { type: 'boolean', description: 'End it without a save: what was trained since its last checkpoint is lost.' },
  },
  async run({ positionals: [run = ''], is }) {
    const runPath = path.resolve(run);
    if ((await scanRun(runPath, new ScanContext({ ask: askProcess }))) === null) {
      throw new UsageError(`${runPath} is not a run.`);
    }
    const how = is('now') ? 'now' : 'save';
    const named = await processIn(runPath);
    const refused = (reason: string): { document: unknown; text: string; yes: boolean } => ({
      document: { run: runPath, asked: null, process: named?.pid ?? null, job: named?.job ?? null, reason },
      text: printable(reason),
      yes: false,
    });
    if (named === null) return refused(`Nothing is training in ${runPath}.`);
    try {
      await stopRun(named, how);
    } catch (error) {
      if (!(error instanceof StopError)) throw error;
      const command = stopCommand(named);
      return refused(
        command === null || error.message.includes(command) ? error.message : `${error.message} (${command})`,
      );
    }
    const what = how === 'save' ? 'finish its step, save and stop' : 'end without a save';
    const who = named.job === null ? `process ${named.pid}` : `job ${named.job}`;
    return {
      document: { run: runPath, asked: how, process: named.pid, job: named.job, reason: null },
      text: printable(`${who} was asked to ${what}: ${runPath}`),
      yes: true,
    };
  },
};
