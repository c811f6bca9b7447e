/**
 * Every way to start training but Resume, Branch and the queue, each to a run that a real trainer has finished. Each goes on with
 * what the first ones trained.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { Run } from '../../../src/core/experiment/model';
import { savePreset } from '../../../src/core/training/plan/savePreset';
import { activated, modelShows, workspaceRoot } from './extension';
import { answering, type Answer } from './picks';

const TRAINS_WITHIN_MS = 600_000;
/** Enough for a step in each stage and two checkpoints; a few seconds on a CPU. */
const SHORT = {
  ...{ demo_mode: true, wandb_mode: 'disabled', curriculum_stages: 'teacher:1,mixed:1:0.5,student:10' },
  ...{ max_steps: 4, save_steps: 2, logging_steps: 1, eval_steps: 0, generation_steps: 0 },
};

interface RunDocument {
  readonly argv: readonly string[];
  readonly parent: { readonly run: string; readonly step: number } | null;
}

describe('ways to start training', function () {
  this.timeout(TRAINS_WITHIN_MS + 60_000);

  const folderOf = (name: string): string => path.join(workspaceRoot(), 'experiments', name);
  const documentOf = (name: string): RunDocument =>
    JSON.parse(readFileSync(path.join(folderOf(name), 'run.json'), 'utf8')) as RunDocument;
  const configOf = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(path.join(folderOf(name), 'config.json'), 'utf8')) as Record<string, unknown>;
  const checkpointOf = (name: string, step: number): string =>
    path.join(folderOf(name), 'checkpoints', `checkpoint-${step}`);

  /** Answers what the command asks, and waits until the run that it starts has finished at this step. */
  async function trained(
    name: string,
    step: number,
    command: string,
    argument: unknown,
    answers: readonly Answer[],
  ): Promise<Run> {
    const api = await activated();
    await answering(answers, () => vscode.commands.executeCommand(command, argument));
    return modelShows(api, `${name} finished at step ${step}`, TRAINS_WITHIN_MS, (runs) => {
      const run = runs.find((each) => each.path === folderOf(name));
      assert.notEqual(run?.state, 'failed', run?.exit?.error ?? '');
      return run?.state === 'finished' && run.step === step ? run : undefined;
    });
  }

  before(async () => {
    await savePreset(workspaceRoot(), 'short', SHORT);
  });
  after(() => {
    rmSync(path.join(workspaceRoot(), '.npt/presets.json'), { force: true });
  });

  it('Start New Run from a preset', async () => {
    const run = await trained('short', 4, 'npt.startRun', undefined, [
      {
        choose: /^short of this workspace/,
        rows: (rows) => {
          assert.ok(rows.some((row) => row.startsWith('demo')) && rows.some((row) => row.startsWith('improved')));
        },
      },
      { choose: /^seed/ },
      { type: '7', refuses: [['x', /whole number/]] },
      { choose: /^Review and start/ },
      {
        choose: /^Start new run short/,
        rows: (rows) => {
          assert.ok(rows.includes('seed 42 → 7'), rows.join('\n'));
        },
      },
    ]);
    assert.deepEqual([...run.checkpoints.map(({ step }) => step), run.final?.step], [2, 4, 4]);
    const { parent, argv } = documentOf('short');
    assert.equal(parent, null);
    assert.ok(argv.includes('--demo_mode'));
    const { seed, max_steps: maxSteps } = configOf('short');
    assert.deepEqual([seed, maxSteps], [7, 4]);
  });

  it("Start New Run from another run's settings", async () => {
    await trained('short-wd0.5', 4, 'npt.startRun', folderOf('short'), [
      { choose: /^weight_decay/ },
      { type: '0.5' },
      { choose: /^Review and start/ },
      { choose: /^Start new run short-wd0\.5/ },
    ]);
    const { seed, weight_decay: weightDecay, curriculum_stages: curriculum } = configOf('short-wd0.5');
    assert.deepEqual([seed, weightDecay, curriculum], [7, 0.5, SHORT.curriculum_stages]);
    assert.equal(documentOf('short-wd0.5').parent, null);
  });

  it('Re-run', async () => {
    await trained('short-2', 4, 'npt.reRun', folderOf('short'), [{ choose: /^Start new run short-2/ }]);
    const { output_dir: here, ...again } = configOf('short-2');
    const { output_dir: there, ...before } = configOf('short');
    assert.notEqual(here, there);
    for (const name of ['seed', 'max_steps', 'learning_rate', 'curriculum_stages', 'demo_mode']) {
      assert.deepEqual(again[name], before[name], name);
    }
  });

  it('Fine-tune', async () => {
    await trained('short', 6, 'npt.fineTune', checkpointOf('short', 4), [
      { type: '0.002' },
      { type: '2', refuses: [['0', /whole number/]] },
      {
        choose: /^Start short from step 4/,
        rows: (rows) => {
          assert.ok(
            rows.some((row) => /^learning_rate \S+ → 0\.002$/.test(row)),
            rows.join('\n'),
          );
        },
      },
    ]);
    const { learning_rate: rate, max_steps: maxSteps } = configOf('short');
    assert.deepEqual([rate, maxSteps], [0.002, 6]);
  });

  it('Extend', async () => {
    const run = await trained('short', 8, 'npt.extend', folderOf('short'), [
      { type: '2', refuses: [['-1', /whole number/]] },
      { choose: /^Start short from step 6/ },
    ]);
    assert.equal(configOf('short').max_steps, 8);
    assert.ok(run.checkpoints.some(({ step }) => step === 4));
  });

  it('Debug a Stage', async () => {
    const api = await activated();
    const before = new Set(api.workspaces.runs.map((run) => run.path));
    await answering([{ choose: /^teacher/ }, { type: '2' }, { choose: /^Start branch short/ }], () =>
      vscode.commands.executeCommand('npt.debugStage', checkpointOf('short', 8)),
    );
    const run = await modelShows(api, 'a finished run in that stage', TRAINS_WITHIN_MS, (runs) =>
      runs.find((each) => !before.has(each.path) && each.state === 'finished'),
    );
    assert.equal(run.step, 10);
    const { parent } = documentOf(run.name);
    assert.deepEqual([parent?.run, parent?.step], ['short', 8]);
    const ratios = readFileSync(path.join(run.path, 'metrics.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { step: number; metrics?: Record<string, number> })
      .filter(({ step }) => step > 8)
      // An evaluation's line has none.
      .flatMap(({ metrics }) => metrics?.['curriculum/mixing_ratio'] ?? []);
    assert.deepEqual(ratios, [0, 0], 'the teacher’s stage');
  });

  it('Resume from an earlier checkpoint is a branch: what came later in its run stays as it is', async () => {
    const api = await activated();
    const before = new Set(api.workspaces.runs.map((run) => run.path));
    const held = filesOf(folderOf('short'));
    await answering(
      [
        {
          choose: /^Start branch short/,
          rows: (rows) => {
            assert.match(rows.join('\n'), /later|newer/);
          },
        },
      ],
      () => vscode.commands.executeCommand('npt.resume', checkpointOf('short', 2)),
    );
    const run = await modelShows(api, 'a finished branch', TRAINS_WITHIN_MS, (runs) =>
      runs.find((each) => !before.has(each.path) && each.state === 'finished'),
    );
    // As far as the run was to go when that was saved.
    assert.equal(run.step, 4);
    const { parent } = documentOf(run.name);
    assert.deepEqual([parent?.run, parent?.step], ['short', 2]);
    assert.deepEqual(filesOf(folderOf('short')), held);
  });
});

/** Every file of a folder with what is in it, as a digest. */
function filesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(folder, file), createHash('sha256').update(readFileSync(file)).digest('hex')];
    }),
  );
}
