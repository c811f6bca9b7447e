/** The options that say how and on what training starts, and the workspace's settings below them. */
import path from 'node:path';
import { isExecutable } from '../core/files';
import { environmentPython } from '../core/training/environment/environmentPlace';
import { type Gpu, visibleGpus } from '../core/training/gpus/gpu';
import { readGpusHere } from '../core/training/gpus/nvidiaSmi';
import {
  DEFAULT_LAUNCHER,
  LAUNCHER_KINDS,
  LAUNCHERS,
  launcherOf,
  launchOn,
  type LauncherKind,
  type LaunchRequest,
} from '../core/training/launchers';
import { launchFrom, workspaceSettings, type WorkspaceSettings } from '../core/training/launchSettings';
import type { PlanRequest } from '../core/training/plan/request';
import { type Command, type Invocation, oneOf, UsageError } from './options';

/** In --devices, for no GPU. */
const CPU = 'cpu';
const DEVICES = 'devices';

export const LAUNCH_OPTIONS: Command['options'] = {
  launcher: {
    type: 'string',
    value: LAUNCHER_KINDS.join('|'),
    description: `What starts the trainer [what goes with --devices, else npt.launcher, else ${DEFAULT_LAUNCHER}].`,
  },
  ...Object.fromEntries(LAUNCHERS.flatMap(optionsOf)),
  'env-file': { type: 'string', value: 'FILE', description: 'File of variables for the trainer; it is not shown.' },
  env: { type: 'string', multiple: true, value: 'NAME=VALUE', description: 'A variable for the trainer; repeatable.' },
  module: { type: 'string', multiple: true, value: 'NAME', description: 'An environment module to load; repeatable.' },
  conda: { type: 'string', value: 'FOLDER', description: 'A conda environment to activate.' },
  restarts: { type: 'string', value: 'N', description: 'How often it may go on by itself after a failure [0].' },
};

function optionsOf({ options }: (typeof LAUNCHERS)[number]): [string, Command['options'][string]][] {
  return options.map(({ name, description, default: usual }) => {
    const kinds = LAUNCHERS.filter((each) => each.options.some((option) => option.name === name)).map(
      ({ kind }) => kind,
    );
    const several = Array.isArray(usual) ? ' Repeatable.' : '';
    const cpu = name === DEVICES ? ` ${CPU}: none.` : '';
    return [
      name,
      { type: 'string', multiple: several !== '', description: `${kinds.join(', ')}: ${description}${cpu}${several}` },
    ];
  });
}

export interface ChosenLaunch extends Pick<PlanRequest, 'launch' | 'interpreter' | 'script'> {
  /** Where new runs are made, as the settings say it. */
  readonly experiments: string | undefined;
  /** The devices that were named, none for the CPU; null where none were. */
  readonly gpus: readonly Gpu[] | null;
  /** The GPUs of this machine; read only where devices were named. */
  readonly here: readonly Gpu[];
}

/**
 * How a workspace's training is started: as the options say, and as its settings do where they say nothing.
 *
 * @param root absolute path of the training workspace
 * @throws UsageError
 */
export async function chosenLaunch(root: string, invocation: Invocation): Promise<ChosenLaunch> {
  const settings = await workspaceSettings(root);
  const devices = invocation.all(DEVICES);
  const here = devices.length === 0 ? [] : (await readGpusHere()).gpus;
  const gpus = devices.length === 0 ? null : namedGpus(devices, here);
  const given = givenOptions(invocation);
  const { kind, options } = chosenKind(invocation, settings, gpus, given);
  return {
    launch: launchFrom(settings.read, settings.file, {
      kind,
      options: { ...given, ...options },
      environment: environmentOf(invocation),
      restarts: restartsOf(invocation.option('restarts')),
    }),
    interpreter: await pythonIn(root, invocation, settings),
    script: settings.text('trainScript'),
    experiments: settings.text('experimentsFolder'),
    ...{ gpus, here },
  };
}

/**
 * The interpreter that trains: as for the window, but for what the Python extension knows.
 *
 * @param settings the workspace's, where they were read already
 */
export async function pythonOf(root: string, invocation: Invocation, settings?: WorkspaceSettings): Promise<string> {
  return (await pythonIn(root, invocation, settings ?? (await workspaceSettings(root)))) ?? 'python3';
}

async function pythonIn(
  root: string,
  { option }: Invocation,
  { text }: WorkspaceSettings,
): Promise<string | undefined> {
  const set = text('pythonPath');
  // A bare name is looked for in the PATH.
  const named = option('python') ?? (set?.includes('/') === true ? path.resolve(root, set) : set);
  if (named !== undefined) return named;
  const own = environmentPython(root);
  return (await isExecutable(own)) ? own : undefined;
}

/** Values of launchers' options by name, each as its `read` takes it. @throws UsageError */
function givenOptions({ all }: Invocation): Readonly<Record<string, string | readonly string[]>> {
  const given = new Map<string, string | readonly string[]>();
  for (const { options } of LAUNCHERS) {
    for (const { name, read, form, default: usual } of options) {
      const values = all(name);
      const last = values.at(-1);
      if (last === undefined) continue;
      const list = name === DEVICES ? values.flatMap(deviceWords).filter((word) => word !== CPU) : values;
      const value = Array.isArray(usual) ? list : last;
      if (read(value) === undefined) throw new UsageError(`--${name} "${values.join(' ')}": write ${form}.`);
      given.set(name, value);
    }
  }
  return Object.fromEntries(given);
}

const deviceWords = (word: string): string[] => word.split(',').map((each) => each.trim());

/** The devices as GPUs; on a machine that does not tell of its GPUs, as they are named. @throws UsageError */
function namedGpus(devices: readonly string[], here: readonly Gpu[]): readonly Gpu[] {
  const words = devices.flatMap(deviceWords);
  if (words.includes(CPU)) {
    if (words.length > 1) throw new UsageError(`--${DEVICES} ${words.join(',')}: write ${CPU} alone, or GPUs.`);
    return [];
  }
  return [...new Set(words)].map((word) => {
    if (here.length === 0) return unknownGpu(word);
    const [found] = visibleGpus(here, word);
    if (found !== undefined) return found;
    const known = here.map(({ index, uuid }) => `${index} (${uuid})`).join(', ');
    throw new UsageError(`This machine has no GPU ${word}: it has ${known}.`);
  });
}

function unknownGpu(word: string): Gpu {
  const unknown = { memoryBytes: null, usedBytes: null, utilisation: null, processes: [] };
  return { uuid: word, index: word, name: word, ...unknown };
}

/** @throws UsageError */
function chosenKind(
  { option }: Invocation,
  { read }: WorkspaceSettings,
  gpus: readonly Gpu[] | null,
  given: Readonly<Record<string, unknown>>,
): Pick<LaunchRequest, 'kind' | 'options'> {
  const named = option('launcher');
  const has = (kind: LauncherKind, name: string): boolean =>
    launcherOf(kind).options.some((each) => each.name === name);
  const chosen = named === undefined ? undefined : oneOf('--launcher', named, LAUNCHER_KINDS);
  const onGpus = chosen === undefined && gpus !== null ? launchOn(gpus) : undefined;
  if (chosen === undefined && gpus !== null && onGpus === undefined) {
    throw new UsageError(`These GPUs cannot train together: ${gpus.map(({ index }) => index).join(', ')}.`);
  }
  const kind = chosen ?? onGpus?.kind ?? LAUNCHER_KINDS.find((known) => known === read('launcher')) ?? DEFAULT_LAUNCHER;
  for (const name of Object.keys(given)) {
    if (has(kind, name)) continue;
    const others = LAUNCHER_KINDS.filter((each) => has(each, name));
    throw new UsageError(`--${name} is not for the launcher ${kind}: add --launcher ${others.join(' or ')}.`);
  }
  // By UUID, whatever they were called: numbers change when a GPU is added or divided.
  const uuids = gpus === null ? {} : { [DEVICES]: gpus.map(({ uuid }) => uuid) };
  return { kind, options: { ...onGpus?.options, ...given, ...(has(kind, DEVICES) ? uuids : {}) } };
}

/** What was given of the environment. @throws UsageError */
function environmentOf({ option, all }: Invocation): NonNullable<LaunchRequest['environment']> {
  const variables = new Map<string, string>();
  for (const word of all('env')) {
    const equals = word.indexOf('=');
    // What stands behind it may be a secret, which a mistake must not show.
    if (equals < 1) throw new UsageError('--env takes NAME=VALUE; --env-file takes a file of such lines.');
    variables.set(word.slice(0, equals), word.slice(equals + 1));
  }
  const modules = all('module');
  const envFile = option('env-file');
  const conda = option('conda');
  return {
    ...(variables.size === 0 ? {} : { variables: Object.fromEntries(variables) }),
    ...(modules.length === 0 ? {} : { modules }),
    ...(envFile === undefined ? {} : { envFile: path.resolve(envFile) }),
    ...(conda === undefined ? {} : { conda: path.resolve(conda) }),
  };
}

/** @throws UsageError */
function restartsOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (!/^\d{1,3}$/.test(given)) throw new UsageError(`--restarts "${given}" is not a whole number from 0 to 100.`);
  return Number(given);
}
