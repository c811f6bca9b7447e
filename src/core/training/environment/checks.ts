/** What training needs, and whether it is there: a function a subject, all of them in one list. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { isFileError, writeFailure } from '../../files';
import { formatBytes } from '../../format';
import { freeBytesIn } from '../../freeSpace';
import { lastLine, runProgram } from '../../runProgram';
import { isFree } from '../gpus/gpu';
import { readGpusHere } from '../gpus/nvidiaSmi';
import { launcherOf, type Launch, type LauncherKind } from '../launchers';
import { lookAtScript } from '../plan/trainerScript';
import { type EnvironmentEntry, type Remedy, entry } from './entry';
import type { PythonFacts } from './pythonFacts';
import { type Requirement, isOlder } from './requirements';

/** What the checks go by. */
export interface Surroundings {
  /** The training workspace. */
  readonly root: string;
  /** Relative to it. */
  readonly script: string;
  /** Absolute path of the folder that holds the runs. */
  readonly experiments: string;
  /** The interpreter that trains; null where none was found, `failure` says why. */
  readonly python: string | null;
  /** What it says of itself; null where it does not answer, `failure` says why. */
  readonly facts: PythonFacts | null;
  /** One sentence. */
  readonly failure: string;
  readonly requirements: readonly Requirement[];
  /** What starts training here. */
  readonly launch: Launch<LauncherKind>;
  /** Size of the newest checkpoint in bytes; null where there is none yet. */
  readonly checkpointBytes: number | null;
}

type Check = (surroundings: Surroundings) => EnvironmentEntry[] | Promise<EnvironmentEntry[]>;

const OLDEST_PYTHON = '3.10';
const ANSWERS_WITHIN_MS = 10_000;
/** A save writes beside the checkpoint that it replaces, and a resume needs the one before it. */
const ROOM_FOR_CHECKPOINTS = 3;
const LEAST_ROOM_BYTES = 1e9;

const workspace: Check = async ({ root, script }) => {
  const file = path.resolve(root, script);
  const { failure, isOurs } = await lookAtScript(file);
  const title = 'Training script';
  if (failure !== null) {
    const remedies: Remedy[] = [{ kind: 'create-workspace' }, { kind: 'open-setting', name: 'npt.trainScript' }];
    return [entry(title, 'bad', `${file} ${failure}.`, ...remedies)];
  }
  return [isOurs ? entry(title, 'good', script) : entry(title, 'note', `${script} is another trainer’s.`)];
};

const interpreter: Check = ({ python, facts, failure }) => {
  const title = 'Python';
  const remedies: Remedy[] = [{ kind: 'choose-interpreter' }, { kind: 'make-environment' }];
  if (python === null || facts === null) return [entry(title, 'bad', failure, ...remedies)];
  const text = `${facts.version} (${python})`;
  if (isOlder(facts.version, OLDEST_PYTHON)) {
    return [entry(title, 'bad', `${text}: training needs Python ${OLDEST_PYTHON} or newer.`, ...remedies)];
  }
  if (!facts.virtual) {
    return [
      entry(title, 'note', `${text}: not an environment of its own, so what is installed is installed for all.`, {
        kind: 'make-environment',
      }),
    ];
  }
  return [entry(title, 'good', text)];
};

const packages: Check = ({ facts, requirements }) => {
  if (facts === null) return [];
  const title = 'Packages';
  const lacking = requirements.flatMap(({ name, oldest }) => {
    const version = facts.packages[name] ?? null;
    if (version === null) return [`${name} is missing`];
    return oldest !== null && version !== '?' && isOlder(version, oldest)
      ? [`${name} ${version} is older than ${oldest}`]
      : [];
  });
  if (lacking.length > 0) {
    return [entry(title, 'bad', `${lacking.join(', ')}.`, { kind: 'install-requirements' })];
  }
  return [entry(title, 'good', requirements.map(({ name }) => `${name} ${facts.packages[name] ?? ''}`).join(', '))];
};

const devices: Check = async ({ facts }) => {
  const title = 'GPUs';
  const { gpus, problem } = await readGpusHere();
  if (problem !== null) return [entry(title, 'note', problem)];
  if (gpus.length === 0) return [entry(title, 'note', 'No NVIDIA GPU on this machine.')];
  const list = gpus.map((gpu) => {
    const memory = gpu.memoryBytes === null ? '' : `, ${formatBytes(gpu.memoryBytes)}`;
    return `${gpu.index} ${gpu.name}${memory}${isFree(gpu) ? '' : ', in use'}`;
  });
  const found = facts?.torch;
  if (found?.error === null && found.devices === 0) {
    const text = `${list.join('; ')}. The torch of this Python cannot use ${gpus.length === 1 ? 'it' : 'them'}.`;
    return [entry(title, 'note', text, { kind: 'make-environment' }, { kind: 'choose-interpreter' })];
  }
  return [entry(title, 'good', list.join('; '))];
};

const torch: Check = ({ facts }) => {
  if (facts === null || facts.torch === null) return [];
  const title = 'torch';
  const found = facts.torch;
  if (found.error !== null) {
    return [entry(title, 'bad', `It cannot be imported: ${found.error}`, { kind: 'install-requirements' })];
  }
  const build = found.cuda === null ? (found.hip === null ? 'no CUDA' : `ROCm ${found.hip}`) : `CUDA ${found.cuda}`;
  const text = `${found.version}, built with ${build}`;
  if (found.devices > 0)
    return [entry(title, 'good', `${text}: it can use ${found.devices === 1 ? '1 GPU' : `${found.devices} GPUs`}.`)];
  if (found.mps) return [entry(title, 'good', `${text}: it can use this Mac’s GPU.`)];
  return [entry(title, 'note', `${text}: it trains on the CPU.`)];
};

const launcher: Check = async ({ launch }) => {
  const title = 'Launcher';
  const obstacle = await launcherOf(launch.kind).obstacle(launch);
  if (obstacle === null) return [entry(title, 'good', launch.kind)];
  const remedy: Remedy = { kind: 'open-setting', name: 'npt.launcher' };
  return [entry(title, 'bad', `${launch.kind} cannot be used: ${obstacle}.`, remedy)];
};

const slurm: Check = async () => {
  const title = 'Slurm';
  const { output, errors, code, ended } = await runProgram('sinfo', ['--noheader', '--format=%P %a %D'], {
    limitMs: ANSWERS_WITHIN_MS,
  });
  if (ended?.includes('ENOENT') === true) return [entry(title, 'note', 'Not on this machine.')];
  if (code !== 0) {
    const why = ended ?? lastLine(errors) ?? `sinfo ended with ${code ?? 'a signal'}`;
    return [entry(title, 'note', `The cluster does not answer: ${why}`)];
  }
  const partitions = output.split('\n').flatMap((line) => {
    const [name, state, nodes] = line.trim().split(/\s+/);
    return name === undefined || name === '' ? [] : [`${name} (${state ?? '?'}, ${nodes ?? '?'} nodes)`];
  });
  return [entry(title, 'good', `Partitions: ${[...new Set(partitions)].join(', ')}`)];
};

const wandb: Check = ({ facts }) => {
  if (facts === null) return [];
  const title = 'Weights & Biases';
  if ((facts.packages.wandb ?? null) === null) {
    const remedy: Remedy = { kind: 'install-package', name: 'wandb' };
    return [entry(title, 'note', 'The package wandb is not installed: runs are not sent there.', remedy)];
  }
  if (facts.wandb.offline) return [entry(title, 'note', 'WANDB_MODE keeps runs from being sent.')];
  if (!facts.wandb.login) {
    const text = `wandb ${facts.packages.wandb ?? ''} without a login: runs are kept offline.`;
    return [entry(title, 'note', text, { kind: 'wandb-login' })];
  }
  return [entry(title, 'good', `wandb ${facts.packages.wandb ?? ''}, logged in`)];
};

const disk: Check = async ({ experiments, checkpointBytes }) => {
  const title = 'Disk';
  const folder = await nearest(experiments);
  let free: number;
  try {
    await access(folder, constants.W_OK);
    free = await freeBytesIn(folder);
  } catch (error) {
    if (!isFileError(error)) throw error;
    return [entry(title, 'bad', `${folder}: ${writeFailure(error)}. No run can be saved there.`)];
  }
  const room = checkpointBytes === null || checkpointBytes <= 0 ? null : Math.floor(free / checkpointBytes);
  const text = `${formatBytes(free)} free in ${experiments}`;
  const size = formatBytes(checkpointBytes ?? 0);
  const many = room === null ? '' : `: room for ${room} ${room === 1 ? 'checkpoint' : 'checkpoints'} of ${size}`;
  const tight = room === null ? free < LEAST_ROOM_BYTES : room < ROOM_FOR_CHECKPOINTS;
  return [entry(title, tight ? 'bad' : 'good', `${text}${many}${tight ? '. Make room before training.' : ''}`)];
};

/** The folder itself, or the first one above it that is there: it is made when the first run starts. */
async function nearest(folder: string): Promise<string> {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      await access(at);
      return at;
    } catch {
      if (at === path.dirname(at)) return at;
    }
  }
}

/** In the order in which they are shown. */
export const CHECKS: readonly Check[] = [
  workspace,
  interpreter,
  packages,
  torch,
  devices,
  launcher,
  slurm,
  wandb,
  disk,
];
