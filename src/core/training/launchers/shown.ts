/** How a plan will be started, for people and for a shell. */
import { quoteArgument, shellCommand } from '../commandLine';
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
