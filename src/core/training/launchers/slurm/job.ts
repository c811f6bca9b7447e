/** The batch job that trains a run, and the command that submits it. Its script is the only shell; every word in it is quoted. */
import path from 'node:path';
import { CHECKPOINTS } from '../../../checkpoint/fileNames';
import { EXIT, TRAIN_LOG } from '../../../experiment/runLayout';
import { quoteArgument, shellCommand } from '../../commandLine';

export interface SlurmJob {
  /** Absolute path of the run's folder. */
  readonly run: string;
  readonly cwd: string;
  /** What the first start runs. */
  readonly first: readonly string[];
  /** What a start after a requeue runs: it goes on from the run's newest checkpoint. */
  readonly again: readonly string[];
  /** Further words for sbatch: partition, time, GPUs, account. */
  readonly options?: readonly string[];
}

/** Seconds before the time limit at which Slurm sends SIGUSR1: a step and a save have to fit in. */
const WARNING_SECONDS = 120;
const MOST_REQUEUES = 20;

/** The sbatch command that submits a run; it prints the job's id. */
export function sbatchArgv(job: SlurmJob): string[] {
  return [
    'sbatch',
    '--parsable',
    `--job-name=${path.basename(job.run)}`,
    // Tells a later look at squeue which run a job belongs to.
    `--comment=npt:${job.run}`,
    `--chdir=${job.cwd}`,
    `--output=${path.join(job.run, TRAIN_LOG)}`,
    '--open-mode=append',
    '--requeue',
    `--signal=B:USR1@${WARNING_SECONDS}`,
    ...(job.options ?? []),
    `--wrap=${batchScript(job)}`,
  ];
}

/**
 * The job, for /bin/sh. Slurm does not requeue a job at its time limit: it warns the script (`--signal=B:`), the script passes
 * the signal on, the trainer saves, and the script asks for the requeue. exit.json decides, not the exit code: torchrun makes
 * every stop by a signal a failure. CUDA_VISIBLE_DEVICES is Slurm's to set.
 */
export function batchScript(job: SlurmJob): string {
  const exit = quoteArgument(path.join(job.run, EXIT));
  const saved = `${quoteArgument(path.join(job.run, CHECKPOINTS))}/checkpoint-*`;
  return [
    `before=$(cat ${exit} 2>/dev/null)`,
    `trap 'kill -USR1 "$trainer" 2>/dev/null' USR1`,
    `trap 'kill -TERM "$trainer" 2>/dev/null' TERM`,
    `trap : CONT`,
    `if [ "\${SLURM_RESTART_COUNT:-0}" -gt 0 ] && ls -d ${saved} >/dev/null 2>&1; then`,
    `  ${shellCommand(job.again)} &`,
    `else`,
    `  ${shellCommand(job.first)} &`,
    `fi`,
    `trainer=$!`,
    // wait returns early at every trapped signal.
    `while :; do wait "$trainer"; code=$?; kill -0 "$trainer" 2>/dev/null || break; done`,
    `why=`,
    // What an earlier segment left says nothing about this one.
    `if [ "$(cat ${exit} 2>/dev/null)" != "$before" ]; then`,
    `  why=$(sed -n 's/.*"why": *"\\([a-z]*\\)".*/\\1/p' ${exit})`,
    `fi`,
    `case "$why" in`,
    `  done|stopped) exit 0 ;;`,
    `  preempted)`,
    `    [ "\${SLURM_RESTART_COUNT:-0}" -lt ${MOST_REQUEUES} ] && scontrol requeue "$SLURM_JOB_ID" && sleep 60`,
    `    exit 75 ;;`,
    `  *) exit "$code" ;;`,
    `esac`,
  ].join('\n');
}
