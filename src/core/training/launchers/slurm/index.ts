/** A job of a Slurm cluster. */
import { onThisHost } from '../supervised';
import type { Launcher, TrainerCommand } from '../launcher';
import type { RunProcess } from '../../../experiment/model';
import { StopError, thisHost } from '../../../experiment/runningProcess';
import { sbatchArgv } from './job';

const words = ({ interpreter, script, args }: TrainerCommand): string[] => [interpreter, script, ...args];

const stopCommand = ({ job }: RunProcess): string | null => (job === null ? null : `scancel ${job}`);

export const slurm: Launcher<'slurm'> = {
  ...onThisHost,
  kind: 'slurm',
  options: [],
  obstacle: () => Promise.resolve('jobs are not submitted and followed from here as yet'),
  argv: ({ run, cwd, first, again }) => sbatchArgv({ run, cwd, first: words(first), again: words(again) }),
  variables: () => ({}),
  async stop(process, how) {
    const command = stopCommand(process);
    if (process.host !== thisHost().name && command !== null) {
      throw new StopError(`The run trains on ${process.host}, not on this machine: use ${command}, or stop it there.`);
    }
    await onThisHost.stop(process, how);
  },
  stopCommand,
};
