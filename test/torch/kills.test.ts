/**
 * Runs that are never lost: random kills over real training (kills/campaign.ts). An ordinary run takes a few; `npm run faults`
 * asks for 200 (NPT_KILL_ROUNDS) and prints what came of them. NPT_SEED=<n> draws as an earlier campaign did.
 */
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SHARED_CPU } from '../../tools/demo/training.mjs';
import { demoWorkspace } from '../../tools/demo/workspace.mjs';
import { bundleCli, ROOT } from '../unit/cli/bundledCli';
import { Campaign } from './kills/campaign';
import { RunUnderFire, type Range } from './kills/runUnderFire';
import { python } from './python';

const ROUNDS = Number(process.env['NPT_KILL_ROUNDS'] ?? 12);
const SEED = Number(process.env['NPT_SEED'] ?? randomInt(1_000_000));
const MAX_STEPS = 80;
/** Steps of a few milliseconds, and saves so often that a kill meets them. */
const SETTINGS = {
  ...{ demo_mode: 'true', wandb_mode: 'disabled', max_steps: String(MAX_STEPS), warmup_steps: '5' },
  ...{ curriculum_stages: 'teacher:25,mixed:25:0.5,student:30', np_rank: '4', num_ranks: '2' },
  ...{ max_length: '32', stride: '16', batch_size: '2', num_eval_samples: '4' },
  ...{ save_steps: '3', save_total_limit: '3', eval_steps: '5', generation_steps: '7', logging_steps: '1' },
};

describe(`random kills over training runs (seed ${SEED})`, function () {
  // A kill costs a start of the trainer; a slow machine is no fault.
  this.timeout(300_000 + ROUNDS * 60_000);
  let folder: string;

  before(function () {
    // Processes are found by what Linux says of them.
    if (process.platform !== 'linux') this.skip();
    folder = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'npt-kills-')));
  });
  after(() => {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it(`${ROUNDS} kills: all is resumed in one click, nothing saved is lost, never two trainers`, async () => {
    const range: Range = {
      workspace: demoWorkspace(ROOT, path.join(folder, 'workspace')).folder,
      cli: await bundleCli(folder),
      supervisor: path.join(folder, 'supervisor/npt_supervise.py'),
      python: python(),
      environment: { ...process.env, ...SHARED_CPU },
      settings: SETTINGS,
      maxSteps: MAX_STEPS,
    };
    const reference = new RunUnderFire(range, 'reference');
    const campaign = new Campaign(range, reference, SEED);
    const began = Date.now();
    try {
      await reference.start();
      await reference.until('the uninterrupted run', async () => ((await reference.isFinished()) ? true : undefined));
      await campaign.go(ROUNDS);
    } finally {
      reference.end();
      if ('NPT_KILL_ROUNDS' in process.env)
        console.log(
          JSON.stringify(
            { seed: SEED, minutes: Math.round((Date.now() - began) / 6000) / 10, ...campaign.figures },
            null,
            2,
          ),
        );
    }
  });
});
