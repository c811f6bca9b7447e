/** How a plan will be started, for people and for a shell. */
import { quoteArgument, shellCommand } from '../commandLine';
import { environmentWords } from './environment';
import { launcherOf, launchVariables, type LauncherKind, type Launch } from './index';

export interface LaunchFact {
  readonly about: 'launcher' | 'variables' | 'envFile' | 'modules' | 'conda' | 'restarts';
  readonly text: string;
}

/** What there is to know of a launch: the launcher with its options, and what was asked for besides. */
export function launchFacts(launch: Launch<LauncherKind>): LaunchFact[] {
  const { envFile, modules, conda } = launch.environment;
  const options = launcherOf(launch.kind).options.flatMap(({ name }) => {
    const value = launch.options[name];
    const text = Array.isArray(value) ? value.join(',') : String(value ?? '');
    return text === '' ? [] : [`${name} ${text}`];
  });
  const variables = Object.entries(launchVariables(launch)).map(([name, value]) => `${name}=${quoteArgument(value)}`);
  const facts: LaunchFact[] = [
    { about: 'launcher', text: [launch.kind, ...options].join(' · ') },
    { about: 'modules', text: modules.join(' ') },
    { about: 'conda', text: conda ?? '' },
    { about: 'envFile', text: envFile ?? '' },
    { about: 'variables', text: variables.join(' ') },
    { about: 'restarts', text: launch.restarts === 0 ? '' : String(launch.restarts) },
  ];
  return facts.filter(({ text }) => text !== '');
}

/** What stands where a value is kept back. */
const KEPT_BACK = '…';

/**
 * A launch and its words without the values of the user's own variables, for whoever is not the user: what somebody put into a
 * setting may be a token all the same.
 */
export function withoutValues(
  argv: readonly string[],
  launch: Launch<LauncherKind>,
): { readonly argv: readonly string[]; readonly launch: Launch<LauncherKind> } {
  const names = Object.keys(launch.environment.variables);
  const variables = Object.fromEntries(names.map((name) => [name, KEPT_BACK]));
  const shown = { ...launch, environment: { ...launch.environment, variables } };
  if (names.length === 0 || launcherOf(launch.kind).bringsEnvironment !== true) return { argv, launch: shown };
  // As its own script has it.
  const given = shellCommand(environmentWords(launch.environment));
  const kept = shellCommand(environmentWords(shown.environment));
  return { argv: argv.map((word) => word.replaceAll(given, () => kept)), launch: shown };
}

/** A plan's command as a shell takes it, with its environment; what is in the file of variables stays there. */
export function shellCommandOf(argv: readonly string[], launch: Launch<LauncherKind>): string {
  if (launcherOf(launch.kind).bringsEnvironment === true) return shellCommand(argv);
  const { envFile, modules, conda } = launch.environment;
  const before = [
    ...(modules.length === 0 ? [] : [`module load ${shellCommand(modules)}`]),
    ...(conda === null ? [] : [`conda activate ${quoteArgument(conda)}`]),
    ...(envFile === null ? [] : [`set -a && . ${quoteArgument(envFile)} && set +a`]),
  ];
  const variables = Object.entries(launchVariables(launch)).map(([name, value]) => `${name}=${quoteArgument(value)}`);
  return [...before, [...variables, shellCommand(argv)].join(' ')].join(' && ');
}
