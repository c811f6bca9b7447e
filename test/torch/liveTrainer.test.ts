/** A checkpoint that a live trainer is writing is valid, on its way, or not there yet: never damaged. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeletedFolder, isTemporaryFolder } from '../../src/core/checkpoint/folderNames';
import { CheckpointPathError } from '../../src/core/checkpoint/pathErrors';
import { validateCheckpoint } from '../../src/core/checkpoint/validate/validate';
import { SHARED_CPU } from '../../tools/demo/training.mjs';
import { python } from './python';

const TRAINER = join(__dirname, '../../trainer/scripts/train_multi_layer_npt.py');
const DEMO = [
  ...['--demo_mode', '--wandb_mode', 'disabled', '--max_steps', '100000', '--curriculum_stages', 'student:100000'],
  ...['--save_steps', '1', '--save_total_limit', '3', '--logging_steps', '100', '--eval_steps', '100000'],
  ...['--generation_steps', '100000'],
];

/** So many validations must meet a checkpoint during its write, and moments after it. */
const DURING = 10;
const FRESH = 25;
/** A checkpoint is fresh so long after its newest file was written. */
const FRESH_MS = 300;
const LIMIT_MS = 240_000;
/** What may be said of a checkpoint that is coming, going, or has only the first of its files. */
const PASSING: ReadonlySet<string> = new Set(['being-written', 'being-deleted', 'missing-file']);

interface Seen {
  validations: number;
  /** Validations of folders that were being written. */
  during: number;
  /** Validations that began moments after a checkpoint was written, or while it changed. */
  fresh: number;
  valid: number;
  readonly damage: string[];
}

function newestChange(folder: string): number {
  try {
    return Math.max(...readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs));
  } catch {
    return 0; // renamed or deleted since it was listed
  }
}

/** Validates whatever is new under `checkpoints`, again and again, while `writer` runs. */
async function watch(writer: ChildProcess, checkpoints: string, errors: () => string): Promise<Seen> {
  const seen: Seen = { validations: 0, during: 0, fresh: 0, valid: 0, damage: [] };
  const deadline = Date.now() + LIMIT_MS;
  const enough = (): boolean => seen.during >= DURING && seen.fresh >= FRESH && seen.valid >= FRESH;
  while (!enough() && Date.now() < deadline) {
    if (writer.exitCode !== null) throw new Error(`The writer ended with ${writer.exitCode}: ${errors()}`);
    await sleep(1);
    if (!existsSync(checkpoints)) continue;
    for (const name of readdirSync(checkpoints)) {
      const folder = join(checkpoints, name);
      const passing = isTemporaryFolder(folder) || isDeletedFolder(folder);
      const age = Date.now() - newestChange(folder);
      if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory() || (!passing && age > FRESH_MS)) continue;
      try {
        const report = await validateCheckpoint(folder, { blocking: true });
        const codes = report.findings.filter((item) => item.severity === 'error').map((item) => item.code);
        seen.validations++;
        if (report.verdict === 'valid') seen.valid++;
        if (codes.includes('being-written')) seen.during++;
        if (!passing && age <= FRESH_MS) seen.fresh++;
        if (codes.some((code) => !PASSING.has(code)))
          seen.damage.push(`${name}: ${report.findings.map((item) => item.message).join(' ')}`);
      } catch (error) {
        if (!(error instanceof CheckpointPathError)) throw error; // gone since it was listed
      }
    }
  }
  return seen;
}

describe('validating while a trainer writes', function () {
  this.timeout(LIMIT_MS + 40_000);
  const root = mkdtempSync(join(tmpdir(), 'npt-live-'));
  after(() => {
    rmSync(root, { recursive: true, force: true });
  });

  async function watchWriter(args: readonly string[], checkpoints: string): Promise<Seen> {
    const writer = spawn(python(), args, {
      cwd: root,
      env: { ...process.env, ...SHARED_CPU },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    writer.stderr.on('data', (chunk: Buffer) => (errors = `${errors}${chunk.toString()}`.slice(-2000)));
    const ended = once(writer, 'close');
    try {
      return await watch(writer, checkpoints, () => errors);
    } finally {
      writer.kill('SIGTERM');
      await Promise.race([ended, sleep(15_000, null, { ref: false })]);
      writer.kill('SIGKILL');
      await ended;
    }
  }

  for (const [how, args, folder] of [
    ['ours, saving beside the training', [TRAINER, ...DEMO, '--async_save', '--output_dir', 'async'], 'async'],
    ['ours, saving between two steps', [TRAINER, ...DEMO, '--no-async_save', '--output_dir', 'sync'], 'sync'],
    ['one that writes in place', [join(__dirname, 'write_in_place.py'), 'field/checkpoints'], 'field'],
  ] as const) {
    it(`never finds damage: ${how}`, async () => {
      const checkpoints = join(root, folder, 'checkpoints');
      if (folder === 'field') mkdirSync(checkpoints, { recursive: true });
      const seen = await watchWriter(args, checkpoints);
      assert.deepEqual(seen.damage, []);
      // Otherwise the test has looked at nothing.
      assert.ok(seen.during >= DURING && seen.fresh >= FRESH && seen.valid >= FRESH, JSON.stringify(seen));
    });
  }
});
