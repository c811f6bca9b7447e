/**
 * The batch job that trains a run, and the command that submits it. Its script is the only shell; every word in it is quoted.
 *
 * The script becomes supervisor/npt_slurm.py, which saves and requeues before the time limit: Slurm by itself requeues only
 * what it preempts. CUDA_VISIBLE_DEVICES is Slurm's to set.
 */
import path from 'node:path';
import { TRAIN_LOG } from '../../../experiment/runLayout';
import { quoteArgument, shellCommand } from '../../commandLine';
import { environmentWords } from '../environment';
import type { Start, TrainerCommand } from '../launcher';
import { cpusOf, nodesOf, processesOf, resourceWords } from './options';
import { literalPath } from './text';

/** Where the submission lays its program, relative to the workspace: the extension's own folder goes with its next version. */
const PROGRAM = path.join('.npt', 'supervisor', 'npt_slurm.py');

/** The sbatch command that submits a run; it prints the job's id. */
export function sbatchArgv(start: Start): string[] {
  const name = path.basename(start.run);
  return [
    'sbatch',
    '--parsable',
    `--job-name=${name}`,
    // Tells a look at squeue that a job is a run's.
    `--comment=npt:${name}`,
    `--chdir=${start.cwd}`,
    `--output=${literalPath(path.join(start.run, TRAIN_LOG))}`,
    '--open-mode=append',
    '--requeue',
    ...resourceWords(start.launch),
    `--wrap=${batchScript(start)}`,
  ];
}

/** One job whose tasks are these jobs: what they ask of Slurm is the same, since one launch asked for it. */
export function arrayArgv(jobs: readonly (readonly string[])[], name: string): string[] {
  const [first = []] = jobs;
  const own = /^--(?:job-name|comment|output|wrap)=/;
  const tasks = jobs.map((argv, index) => {
    const log = valueOf(argv, '--output=').replaceAll('%%', '%');
    return `${index})\nexec >>${quoteArgument(log)} 2>&1\n${valueOf(argv, '--wrap=')} ;;`;
  });
  return [
    ...first.filter((word) => !own.test(word)),
    `--job-name=${name}`,
    `--comment=npt:${name}`,
    // Each task writes to its own run's log.
    '--output=/dev/null',
    `--array=0-${jobs.length - 1}`,
    `--wrap=${['case "$SLURM_ARRAY_TASK_ID" in', ...tasks, 'esac'].join('\n')}`,
  ];
}

function valueOf(argv: readonly string[], option: string): string {
  return argv.find((word) => word.startsWith(option))?.slice(option.length) ?? '';
}

/** The job, for /bin/sh. */
export function batchScript(start: Start): string {
  const { run, cwd, first, again, launch, fromStep } = start;
  const words = (command: TrainerCommand): string[] => trainerWords(command, start);
  return [
    ...(nodesOf(launch) > 1 ? RENDEZVOUS : []),
    `exec ${shellCommand([
      first.interpreter,
      path.join(cwd, PROGRAM),
      ...['job', '--run-dir', run, '--from-step', fromStep.toString(), '--first', words(first).length.toString()],
      ...environmentWords(launch.environment),
      ...(launch.restarts === 0 ? [] : ['--restarts', launch.restarts.toString()]),
      '--',
      ...words(first),
      ...words(again),
    ])}`,
  ].join('\n');
}

/** The trainer on one process, on several of one node, or on several nodes. */
function trainerWords({ interpreter, script, args }: TrainerCommand, { launch }: Start): string[] {
  const nodes = nodesOf(launch);
  const processes = processesOf(launch);
  if (nodes === 1 && processes === 1) return [interpreter, script, ...args];
  const cpus = cpusOf(launch);
  return [
    ...(nodes === 1
      ? []
      : [
          ...['srun', `--nodes=${nodes}`, `--ntasks=${nodes}`, '--ntasks-per-node=1', '--kill-on-bad-exit=1'],
          // Since Slurm 22.05 a step does not take this from its job.
          ...(cpus > 0 ? [`--cpus-per-task=${cpus}`] : []),
        ]),
    ...[interpreter, '-m', 'torch.distributed.run'],
    ...(nodes === 1 ? ['--standalone'] : []),
    `--nproc_per_node=${processes}`,
    script,
    ...args,
  ];
}

/**
 * Where the nodes' torchruns find each other: the script runs on the first node. torchrun takes its options from these, too.
 * The port is below those that a system gives to whoever asks for any (32768 and up).
 */
const RENDEZVOUS = [
  'export PET_NNODES="$SLURM_JOB_NUM_NODES" PET_RDZV_BACKEND=c10d PET_RDZV_ID="$SLURM_JOB_ID"',
  'export PET_RDZV_ENDPOINT="$(hostname):$((20000 + SLURM_JOB_ID % 12000))"',
];
