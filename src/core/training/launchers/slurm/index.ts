/** A job of a Slurm cluster. */
import type { Launcher, TrainerCommand } from '../launcher';
import { sbatchArgv } from './job';

const words = ({ interpreter, script, args }: TrainerCommand): string[] => [interpreter, script, ...args];

export const slurm: Launcher<'slurm'> = {
  kind: 'slurm',
  unsupported: 'jobs are not submitted and followed from here as yet',
  argv: ({ run, cwd, first, again }) => sbatchArgv({ run, cwd, first: words(first), again: words(again) }),
};
