/** What is the same for every launcher whose processes npt_supervise.py starts on this machine. */
import type { RunProcess } from '../../experiment/model';
import { askThisHost, stopProcess } from '../../experiment/runningProcess';
import type { Launcher, StartedPlan, StopHow } from './launcher';

/** The supervisor's command, which starts a plan's and follows it. */
export function supervised({ run, interpreter, argv, launch }: StartedPlan, supervisor: string): string[] {
  return [interpreter, supervisor, 'run', '--run-dir', run, '--launcher', launch.kind, '--', ...argv];
}

/** How processes of this machine are asked and stopped. */
export const onThisHost = {
  command: supervised,
  ask: askThisHost,
  stop: (process: RunProcess, how: StopHow) => stopProcess(process, how === 'save' ? 'SIGINT' : 'SIGQUIT'),
  stopCommand: () => null,
} satisfies Partial<Launcher>;
