/** Every way of starting the trainer; the first is what is used unless something else is asked for. */
import type { ProcessState, RunProcess } from '../../experiment/model';
import { StopError } from '../../experiment/runningProcess';
import type { Gpu } from '../gpus/gpu';
import { type EnvironmentRequest, missingOf, readEnvironment } from './environment';
import type { Launch, LaunchChoice, Launcher, OptionValue, StopHow } from './launcher';
import { local } from './local';
import { slurm } from './slurm';
import { torchrun } from './torchrun';

const ALL = [local, torchrun, slurm] as const;

export type LauncherKind = (typeof ALL)[number]['kind'];
export type { EnvironmentRequest } from './environment';
export type {
  Launch,
  LaunchChoice,
  LaunchEnvironment,
  Launcher,
  LaunchOption,
  OptionValue,
  StartedPlan,
  StopHow,
} from './launcher';
export { NO_ENVIRONMENT, shownSecrets } from './environment';
export { isAboutRun } from './supervised';

export const LAUNCHERS: readonly Launcher<LauncherKind>[] = ALL;
export const LAUNCHER_KINDS: readonly LauncherKind[] = ALL.map(({ kind }) => kind);
/** A run that fails more often than that fails of itself. */
const MOST_RESTARTS = 100;

export const DEFAULT_LAUNCHER: LauncherKind = local.kind;

export function launcherOf(kind: LauncherKind): Launcher<LauncherKind> {
  return LAUNCHERS.find((launcher) => launcher.kind === kind) ?? local;
}

/** Who knows about a run's process. What a person started by hand is a process like a local one. */
function launcherOfProcess(process: RunProcess): Launcher<LauncherKind> {
  return LAUNCHERS.find((launcher) => launcher.kind === process.launcher) ?? local;
}

/** The launcher that trains on just these GPUs together, on none of them: the CPU; undefined where none does. */
export function launchOn(
  gpus: readonly Gpu[],
): { readonly kind: LauncherKind; readonly options: LaunchChoice['options'] } | undefined {
  for (const launcher of LAUNCHERS) {
    const choice = launcher.choices(gpus).find((each) => each.gpus?.length === gpus.length);
    if (choice !== undefined) return { kind: launcher.kind, options: choice.options };
  }
  return undefined;
}

/** Whether a run's process still runs, by whoever started it. */
export function askProcess(process: RunProcess): Promise<ProcessState> {
  return launcherOfProcess(process).ask(process);
}

/**
 * Asks a run's process to end.
 *
 * @throws StopError
 */
export function stopRun(process: RunProcess, how: StopHow): Promise<void> {
  return launcherOfProcess(process).stop(process, how);
}

/**
 * Has a run's process write the Python stacks of its threads into train.log.
 *
 * @throws StopError
 */
export async function showStacks(process: RunProcess): Promise<void> {
  const launcher = launcherOfProcess(process);
  if (launcher.stacks === undefined) throw new StopError(`The launcher ${launcher.kind} cannot ask for them.`);
  await launcher.stacks(process);
}

/** What follows a run, behind an interpreter. @param supervisor path of npt_supervise.py */
export function followWords(process: RunProcess, run: string, supervisor: string): string[] {
  return launcherOfProcess(process).follow(run, supervisor);
}

/** A command that ends a run's process from anywhere; null where there is none. */
export function stopCommand(process: RunProcess): string | null {
  return launcherOfProcess(process).stopCommand(process);
}

/**
 * Keeps a run that waits from starting, or lets it.
 *
 * @throws StopError
 */
export async function holdRun(process: RunProcess, how: 'hold' | 'release'): Promise<void> {
  const launcher = launcherOfProcess(process);
  if (launcher.hold === undefined || launcher.release === undefined) {
    throw new StopError(`What ${launcher.kind} starts does not wait.`);
  }
  await (how === 'hold' ? launcher.hold(process) : launcher.release(process));
}

/** How to start, as it is asked for: by the settings, the command line, a task. What is left out has its default. */
export interface LaunchRequest {
  readonly kind?: LauncherKind;
  /** Values of the launcher's options as they were typed or set, by name; undefined ones were not. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly environment?: EnvironmentRequest;
  /** How often a run goes on by itself after a failure that is not its own doing [0]. */
  readonly restarts?: unknown;
}

/** A launch as it is asked for, and in one line each what is wrong with that. */
export function readLaunch(request: LaunchRequest = {}): {
  readonly launch: Launch<LauncherKind>;
  readonly problems: readonly string[];
} {
  const launcher = launcherOf(request.kind ?? DEFAULT_LAUNCHER);
  const problems: string[] = [];
  const options = new Map<string, OptionValue>();
  for (const { name, form, read, default: usual } of launcher.options) {
    const given = request.options?.[name];
    const value = given === undefined || given === null ? usual : read(given);
    if (value === undefined) {
      problems.push(`npt.${launcher.kind}.${name} is ${JSON.stringify(given)}: write ${form}.`);
    }
    options.set(name, value ?? usual);
  }
  for (const name of Object.keys(request.options ?? {})) {
    if (!options.has(name)) problems.push(`The launcher ${launcher.kind} has no option ${JSON.stringify(name)}.`);
  }
  const { environment, problems: ofEnvironment } = readEnvironment(request.environment);
  const restarts = request.restarts ?? 0;
  const counts = Number.isSafeInteger(restarts) && Number(restarts) >= 0 && Number(restarts) <= MOST_RESTARTS;
  if (!counts) {
    problems.push(`npt.restarts is ${JSON.stringify(restarts)}: write a whole number from 0 to ${MOST_RESTARTS}.`);
  }
  return {
    launch: {
      kind: launcher.kind,
      options: Object.fromEntries(options),
      environment,
      restarts: counts ? Number(restarts) : 0,
    },
    problems: [...problems, ...ofEnvironment],
  };
}

/** Why nothing can be started so here, in one line each. */
export async function launchFailures(launch: Launch<LauncherKind>): Promise<readonly PlanFailure[]> {
  const obstacle = await launcherOf(launch.kind).obstacle(launch);
  const remedy = launch.kind === DEFAULT_LAUNCHER ? '' : ` Set npt.launcher to ${DEFAULT_LAUNCHER}.`;
  return [
    ...(obstacle === null
      ? []
      : [
          {
            code: 'launcher-unsupported',
            message: `The launcher ${launch.kind} cannot be used: ${obstacle}.${remedy}`,
          },
        ]),
    ...(await missingOf(launch.environment)).map((message) => ({ code: 'environment-missing', message })),
  ];
}

interface PlanFailure {
  readonly code: string;
  readonly message: string;
}

/** Every variable that a launch sets for the trainer; the user's own win. */
export function launchVariables(launch: Launch<LauncherKind>): Readonly<Record<string, string>> {
  return { ...launcherOf(launch.kind).variables(launch), ...launch.environment.variables };
}
