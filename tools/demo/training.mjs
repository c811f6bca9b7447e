/** The demo's training run: really trained, and interrupted in its mixed stage. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { endWithProcess, signalGroup } from '../setup/ending.mjs';
import { SetupError } from '../setup/failure.mjs';

const LIMIT_MS = 15 * 60_000;
const POLL_MS = 200;

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // absent, or being written
  }
}

/** Whole lines of a run's metrics.jsonl, oldest first; a torn last line is left out (contract section 6). */
function events(run) {
  const file = path.join(run, 'metrics.jsonl');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}

/** Where a run's training stands, as its metrics tell. */
function progress(run) {
  let stage;
  let stageStart = 0;
  let step = 0;
  let loss;
  let savedInMixed = false;
  for (const event of events(run)) {
    if (event.event === 'stage') ({ stage, step: stageStart } = event);
    // The checkpoint at the boundary counts as mixed already, but no step of that stage has been trained then.
    if (event.event === 'checkpoint' && stage === 'mixed' && event.step > stageStart) savedInMixed = true;
    if (event.event !== 'metrics') continue;
    step = event.step;
    loss = event.metrics['loss/total'] ?? loss;
  }
  return { stage, step, loss, savedInMixed };
}

/** True for a run that stopped in its mixed stage and waits to be resumed. */
function waitsInMixed(run) {
  if (existsSync(path.join(run, 'process.json')) || existsSync(path.join(run, 'checkpoints/final'))) return false;
  const steps = existsSync(path.join(run, 'checkpoints'))
    ? readdirSync(path.join(run, 'checkpoints')).flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.[1] ?? [])
    : [];
  if (steps.length === 0) return false;
  const newest = `checkpoint-${Math.max(...steps.map(Number))}`;
  return readJson(path.join(run, 'checkpoints', newest, 'manifest.json'))?.stage === 'mixed';
}

const runName = (number) => (number === 1 ? 'npt_demo' : `npt_demo-${number}`);

/**
 * The run of an earlier demo that was interrupted in its mixed stage and that nobody has resumed since.
 * @param {string} workspace
 * @returns {string | undefined} the run's name
 */
export function findInterruptedRun(workspace) {
  for (let number = 1; ; number += 1) {
    const run = path.join(workspace, 'experiments', runName(number));
    if (!existsSync(run)) return undefined;
    if (waitsInMixed(run)) return runName(number);
  }
}

/**
 * Trains a new run and interrupts it in its mixed stage.
 * @param {string} python
 * @param {string} workspace
 * @param {(line: string) => void} report
 * @returns {Promise<string>} the run's name
 * @throws {SetupError}
 */
export async function makeInterruptedRun(python, workspace, report) {
  let number = 1;
  while (existsSync(path.join(workspace, 'experiments', runName(number)))) number += 1;
  await trainUntilMixed(python, workspace, path.join(workspace, 'experiments', runName(number)), report);
  return runName(number);
}

/**
 * For PyTorch on a machine that does other things too: its threads otherwise spin while they wait for each other, and with
 * more of them than free cores a step took ten times as long (60 steps: 95 s against 11 s, two cores with a load of five).
 */
export const SHARED_CPU = { OMP_WAIT_POLICY: 'PASSIVE' };

/** Trains a new run and asks it to stop (SIGINT) once it has saved a checkpoint of its mixed stage. */
async function trainUntilMixed(python, workspace, run, report) {
  const args = ['scripts/train_multi_layer_npt.py', '--demo_mode', '--wandb_mode', 'disabled', '--output_dir', run];
  const trainer = spawn(python, args, {
    cwd: workspace,
    env: { ...process.env, ...SHARED_CPU, PYTHONUNBUFFERED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  const take = (chunk) => {
    output = (output + chunk.toString()).slice(-20_000);
  };
  trainer.stdout.on('data', take);
  trainer.stderr.on('data', take);
  let code;
  const ended = new Promise((resolve) => {
    trainer.once('error', (error) => resolve(error.message));
    trainer.once('close', (status, signal) => resolve(status ?? signal));
  }).then((how) => {
    code = how;
  });
  // Asked as Ctrl+C would: it saves before it ends.
  const stop = () => signalGroup(trainer.pid, 'SIGINT');
  const forget = endWithProcess(async () => {
    stop();
    await ended;
  });
  const started = performance.now();
  let asked = false;
  while (code === undefined) {
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
    const { stage, step, loss, savedInMixed } = progress(run);
    if (stage !== undefined && !asked)
      report(`${stage} stage, step ${step}${typeof loss === 'number' ? `, loss ${loss.toFixed(4)}` : ''}`);
    if (savedInMixed && !asked) {
      asked = true;
      report(`interrupting it at step ${step}`);
      stop();
    }
    if (performance.now() - started > LIMIT_MS) {
      signalGroup(trainer.pid, 'SIGKILL');
      throw new SetupError(
        `The demo's training did not reach its mixed stage within ${LIMIT_MS / 60_000} minutes: ${run} holds what it did.`,
      );
    }
  }
  forget();
  if (!waitsInMixed(run)) {
    const last = output.trim().split('\n').at(-1) ?? '';
    throw new SetupError(
      `The demo's training ended (${code}) without a checkpoint in its mixed stage: ${last || `see ${run}`}`,
    );
  }
}

/**
 * Asks every run that still trains in the workspace to save and stop, and waits for them.
 * @param {string} workspace
 * @param {number} limitMs
 * @returns {Promise<string[]>} names of the runs that were asked
 */
export async function stopTraining(workspace, limitMs) {
  const experiments = path.join(workspace, 'experiments');
  const live = () =>
    readdirSync(experiments).flatMap((name) => {
      const process = readJson(path.join(experiments, name, 'process.json'));
      return process === undefined ? [] : [{ name, pid: process.pid }];
    });
  const asked = live().filter(({ pid }) => signalProcess(pid));
  const until = performance.now() + limitMs;
  while (asked.length > 0 && performance.now() < until && live().some(({ pid }) => isAlive(pid))) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return asked.map(({ name }) => name);
}

function signalProcess(pid) {
  try {
    process.kill(pid, 'SIGINT');
    return true;
  } catch {
    return false; // ended by itself, its process.json is a leftover
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
