/** One process for each GPU of this machine, under torchrun. */
import type { Launcher, TrainerCommand } from '../launcher';

/** @param processes how many, or `gpu` for one a GPU */
export function torchrunArgv(
  { interpreter, script, args }: TrainerCommand,
  processes: number | 'gpu' = 'gpu',
): string[] {
  return [
    interpreter,
    ...['-m', 'torch.distributed.run', '--standalone', `--nproc_per_node=${processes}`],
    script,
    ...args,
  ];
}

export const torchrun: Launcher<'torchrun'> = {
  kind: 'torchrun',
  unsupported: 'the trainer runs in one process as yet',
  argv: ({ first }) => torchrunArgv(first),
};
