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
  follow: (run: string, supervisor: string) => [supervisor, 'follow', '--run-dir', run],
  ask: askThisHost,
  stop: (process: RunProcess, how: StopHow) => stopProcess(process, how === 'save' ? 'SIGINT' : 'SIGQUIT'),
  stacks: askForStacks,
  stopCommand: () => null,
} satisfies Partial<Launcher>;

/**
 * Whether a supervisor's command starts or follows a run.
 *
 * @param words as they are, percent-encoded (`--escaped`), or all of them as JSON in one percent-encoded word (`planned`)
 */
export function isAboutRun(words: readonly string[], run: string): boolean {
  return words.some((word, at) => {
    if (words[at - 1] === '--run-dir') return word === run || decoded(word) === run;
    return words[at - 1] === 'planned' && isAboutRun(plannedWords(word), run);
  });
}

function decoded(word: string): string | undefined {
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined; // it has a % of its own
  }
}

function plannedWords(word: string): readonly string[] {
  try {
    const planned: unknown = JSON.parse(decoded(word) ?? '');
    return Array.isArray(planned) ? planned.map(String) : [];
  } catch {
    return []; // why nothing can be run
  }
}
