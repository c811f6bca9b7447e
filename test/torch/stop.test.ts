/** Stop, with the real supervisor and trainer, and a run's folder that moves while it trains: nothing trained is lost. */
import assert from 'node:assert/strict';
import { execFile, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { validateCheckpoint } from '../../src/core/checkpoint/validate/validate';
import type { RunExit } from '../../src/core/experiment/model';
import { processIn } from '../../src/core/experiment/processFolder';
import { lockState } from '../../src/core/experiment/runLock';
import { scanWorkspace } from '../../src/core/experiment/scan';
import { SHARED_CPU } from '../../tools/demo/training.mjs';
import { randomNumbers } from '../random';
import { python } from './python';
import type { StopOrder } from './stoppingWindow';

const ROOT = path.join(__dirname, '../..');
const SUPERVISOR = path.join(ROOT, 'supervisor/npt_supervise.py');
const ENVIRONMENT = { ...process.env, ...SHARED_CPU };
/** Saves, evaluations and samples come so often that a stop meets them. */
const TRAINING = [
  ...['--demo_mode', '--wandb_mode', 'disabled', '--max_steps', '100000', '--curriculum_stages', 'student:100000'],
  ...['--save_steps', '7', '--save_total_limit', '3', '--eval_steps', '5', '--generation_steps', '9'],
  ...['--logging_steps', '1', '--max_length', '64', '--stride', '32', '--batch_size', '2', '--num_eval_samples', '8'],
];
/** How often a run is stopped; NPT_STRESS=200 for a campaign. */
const TRIES = Number(process.env['NPT_STRESS'] ?? 3);
const LIMIT_MS = 120_000;

const run = promisify(execFile);

describe('a run that trains', function () {
  this.timeout(LIMIT_MS);
  let workspace: string;
  let experiments: string;
  const started: ChildProcess[] = [];

  beforeEach(() => {
    workspace = fs.mkdtempSync(path.join(tmpdir(), 'npt-stop-'));
    experiments = path.join(workspace, 'experiments');
  });
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    for (const name of fs.existsSync(experiments) ? fs.readdirSync(experiments) : []) {
      const left = await processIn(path.join(experiments, name));
      if (left !== null) process.kill(left.pid, 'SIGKILL');
    }
    fs.rmSync(workspace, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Starts a run as the extension's task does; `output` is the terminal. */
  function train(name: string): { path: string; follower: ChildProcess; output: () => string } {
    const folder = path.join(experiments, name);
    const trainer = [python(), path.join(ROOT, 'trainer/scripts/train_multi_layer_npt.py'), ...TRAINING];
    const follower = spawn(
      python(),
      [SUPERVISOR, 'run', '--run-dir', folder, '--stopped-ok', '--', ...trainer, '--output_dir', folder],
      { cwd: workspace, env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    started.push(follower);
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    follower.stdout.on('data', take);
    follower.stderr.on('data', take);
    return { path: folder, follower, output: () => text };
  }

  async function until<T>(what: string, find: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const limit = Date.now() + LIMIT_MS / 2;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      assert.ok(Date.now() < limit, `waited for ${what}`);
      await sleep(5);
    }
  }

  const ended = async (child: ChildProcess): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  };

  function lastStep(folder: string): number {
    const file = path.join(folder, 'metrics.jsonl');
    if (!fs.existsSync(file)) return 0;
    return Math.max(
      0,
      ...[...fs.readFileSync(file, 'utf8').matchAll(/"step":(\d+)/g)].map((match) => Number(match[1])),
    );
  }

  const exitOf = (folder: string): RunExit =>
    JSON.parse(fs.readFileSync(path.join(folder, 'exit.json'), 'utf8')) as RunExit;

  describe('is stopped from two windows and the terminal at once, any number of times', () => {
    const windows: ChildProcess[] = [];
    before(() => {
      const script = path.join(__dirname, 'stoppingWindow.ts');
      for (let index = 0; index < 2; index += 1) windows.push(fork(script, { execArgv: ['--import', 'tsx'] }));
    });
    after(() => {
      for (const window of windows) window.kill();
    });

    let orders = 0;
    async function stopFrom(window: ChildProcess, folder: string, pauses: readonly number[]): Promise<void> {
      orders += 1;
      const order: StopOrder = { order: orders, run: folder, pauses };
      window.send(order);
      await new Promise<void>((resolve) => {
        const done = (answer: { order: number }): void => {
          if (answer.order !== order.order) return;
          window.off('message', done);
          resolve();
        };
        window.on('message', done);
      });
    }

    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      it(`and what was trained is saved (${attempt + 1} of ${TRIES})`, async () => {
        const random = randomNumbers(attempt);
        const upTo = (most: number): number => Math.floor(random() * most);
        const pauses = (): number[] => Array.from({ length: 1 + upTo(4) }, () => upTo(150));
        const { path: folder, follower, output } = train('run');
        await until('its process', () => (fs.existsSync(path.join(folder, 'process.json')) ? true : undefined));
        // One in eight comes while it loads.
        const after = attempt % 8 === 7 ? 0 : 1 + upTo(12);
        if (after > 0) await until(`step ${after}`, () => (lastStep(folder) >= after ? true : undefined));
        await sleep(upTo(after === 0 ? 3000 : 60));
        const before = lastStep(folder);
        const terminal = async (): Promise<void> => {
          for (const pause of pauses()) {
            await sleep(pause);
            follower.kill(random() < 0.5 ? 'SIGINT' : 'SIGTERM');
          }
        };
        await Promise.all([
          ...windows.map((window) => stopFrom(window, folder, pauses())),
          terminal(),
          run(python(), [SUPERVISOR, 'stop', '--run-dir', folder]).catch(() => undefined),
        ]);
        assert.equal(await ended(follower), 0, output());
        const exit = exitOf(folder);
        assert.equal(exit.why, 'stopped', output());
        const step = exit.step ?? 0;
        assert.ok(step >= before, `it was at step ${before} and ended at ${step}`);
        assert.equal(lastStep(folder), step, 'it ended at the last step that it made');
        assert.equal(fs.existsSync(path.join(folder, 'process.json')), false);
        if (step === 0) return;
        const report = await validateCheckpoint(path.join(folder, 'checkpoints', `checkpoint-${step}`));
        assert.equal(report.verdict, 'valid', JSON.stringify(report.findings));
      });
    }
  });

  it('is ended without a save by Stop Now alone', async () => {
    const { path: folder, follower } = train('run');
    await until('step 3', () => (lastStep(folder) >= 3 ? true : undefined));
    await run(python(), [SUPERVISOR, 'stop', '--now', '--run-dir', folder]);
    await ended(follower);
    const { why, signal } = exitOf(folder);
    assert.deepEqual([why, signal], ['killed', 'SIGQUIT']);
  });

  it('is one run wherever its folder goes; a copy of it is another that does not train', async () => {
    const { path: old, follower, output } = train('run');
    await until('step 8', () => (lastStep(old) >= 8 ? true : undefined));
    const states = async (): Promise<Record<string, string>> =>
      Object.fromEntries((await scanWorkspace(workspace)).runs.map((each) => [each.name, each.state]));
    // What is in checkpoints/ comes and goes while it is copied.
    const filter = (source: string): boolean => path.basename(path.dirname(source)) !== 'checkpoints';
    fs.cpSync(old, path.join(experiments, 'copy'), { recursive: true, filter });
    const renamed = path.join(experiments, 'renamed');
    fs.renameSync(old, renamed);
    assert.deepEqual(await states(), { renamed: 'training', copy: 'interrupted' });
    const at = lastStep(renamed);
    await until('checkpoints in the new place', () => (lastStep(renamed) >= at + 10 ? true : undefined));
    assert.deepEqual(await states(), { renamed: 'training', copy: 'interrupted' });
    assert.equal(await lockState(renamed, python(), SUPERVISOR), 'held');
    assert.equal(await lockState(path.join(experiments, 'copy'), python(), SUPERVISOR), 'free');
    await run(python(), [SUPERVISOR, 'stop', '--run-dir', renamed]);
    assert.equal(await ended(follower), 0, output());
    assert.deepEqual(await states(), { renamed: 'stopped', copy: 'interrupted' });
    assert.deepEqual(fs.readdirSync(experiments).sort(), ['copy', 'renamed']);
    const report = await validateCheckpoint(
      path.join(renamed, 'checkpoints', `checkpoint-${exitOf(renamed).step ?? 0}`),
    );
    assert.equal(report.verdict, 'valid');
    assert.equal(await lockState(renamed, python(), SUPERVISOR), 'free');
  });
});
