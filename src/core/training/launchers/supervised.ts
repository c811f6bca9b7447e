/** What is the same for every launcher whose processes npt_supervise.py starts on this machine. */
import type { RunProcess } from '../../experiment/model';
import { askForStacks, askThisHost, stopProcess } from '../../experiment/runningProcess';
import { environmentWords } from './environment';
import type { Launcher, StartedPlan, StopHow } from './launcher';

/**
 * The supervisor's command, which starts a plan's and follows it.
 *
 * @param variables those that the launcher's options set; the user's own win
 */
export function supervised(
  { run, interpreter, argv, again, launch }: StartedPlan,
  supervisor: string,
  variables: Readonly<Record<string, string>>,
): string[] {
  const { kind, restarts, environment } = launch;
  return [
    ...[interpreter, supervisor, 'run', '--run-dir', run, '--launcher', kind],
    ...environmentWords({ ...environment, variables: { ...variables, ...environment.variables } }),
    ...(restarts === 0 ? [] : ['--restarts', String(restarts), '--again', JSON.stringify(again)]),
    '--',
    ...argv,
  ];
}

/** How processes of this machine are asked and stopped. */
export const onThisHost = {
  ask: askThisHost,
  stop: (process: RunProcess, how: StopHow) => stopProcess(process, how === 'save' ? 'SIGINT' : 'SIGQUIT'),
  stacks: askForStacks,
  stopCommand: () => null,
} satisfies Partial<Launcher>;
