import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { makePlan, makePlans, requestsFor } from '../../../src/core/training/plan/makePlan';
import type { PlanRequest } from '../../../src/core/training/plan/request';
import type { Plan } from '../../../src/core/training/plan/plan';
import { readPlanSource } from '../../../src/core/training/plan/planSource';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { procStat, thisHost } from '../../../src/core/thisHost';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

const SCRIPT = 'scripts/train_multi_layer_npt.py';
const codes = (messages: readonly { code: string }[]): string[] => messages.map((message) => message.code);

describe('plans', () => {
  let ws: FixtureWorkspace;
  let older: string;
  let newest: string;

  beforeEach(() => {
    ws = new FixtureWorkspace();
    fs.mkdirSync(path.join(ws.root, 'scripts'));
    fs.writeFileSync(path.join(ws.root, SCRIPT), 'from npt.main import main\n');
    ws.run('demo');
    older = ws.checkpoint('demo', 50);
    newest = ws.checkpoint('demo', 150);
  });
  afterEach(() => {
    ws.remove();
  });

  const plan = (request: Partial<PlanRequest> = {}): Promise<Plan> =>
    makePlan({ kind: 'resume', checkpoint: newest, interpreter: '/py', ...request });
  const changedOf = (made: Plan): object =>
    Object.fromEntries(
      made.arguments.filter((a) => a.source === 'changed').map((a) => [a.name, [a.previous, a.value]]),
    );

  it('refuses a checkpoint that is not valid, and offers the newest that is; a run means that one', async () => {
    const weights = path.join(newest, 'npt_weights.pt');
    fs.writeFileSync(weights, Buffer.alloc(fs.statSync(weights).size));
    const refused = await plan();
    assert.deepEqual(codes(refused.errors), ['checkpoint-invalid']);
    assert.match(refused.errors[0]?.message ?? '', /^checkpoint-150 cannot be used: npt_weights\.pt: .* are zeros/);
    const [remedy] = refused.errors[0]?.remedies ?? [];
    assert.deepEqual(remedy, { kind: 'plan', label: 'Use checkpoint-50', request: { checkpoint: older } });
    const ofRun = await plan({ checkpoint: path.join(ws.experiments, 'demo') });
    assert.deepEqual(ofRun.errors, []);
    assert.equal(ofRun.checkpoint, older);
    assert.equal(ofRun.newRun, false, 'nothing valid came later');
    assert.match(
      ofRun.warnings.find(({ code }) => code === 'passed-over')?.message ?? '',
      /^checkpoint-150 is not valid, and passed over: npt_weights\.pt: .* are zeros.*[^.]\.$/,
    );
    fs.writeFileSync(path.join(older, 'npt_weights.pt'), 'no torch file');
    const none = await plan({ checkpoint: path.join(ws.experiments, 'demo') });
    assert.match(none.errors[0]?.message ?? '', /^checkpoint-150 cannot be used/);
  });

  it('resume of a run: the run itself is named, so that its newest valid checkpoint is taken when it starts', async () => {
    const run = path.join(ws.experiments, 'demo');
    const made = await plan({ checkpoint: run });
    assert.deepEqual(made.errors, []);
    assert.deepEqual(made.argv, ['/py', SCRIPT, '--resume_from', 'experiments/demo']);
    assert.equal(made.startStep, 150);
    assert.equal(made.checkpoint, path.join(run, 'checkpoints/checkpoint-150'));
    const changed = await plan({ checkpoint: run, changes: { num_workers: '2' } });
    assert.deepEqual(changed.argv.slice(2), ['--resume_from', 'experiments/demo', '--num_workers', '2']);
    // What is counted from a checkpoint, or branches off it, names it.
    const named = ['--resume_from', 'experiments/demo/checkpoints/checkpoint-150'];
    assert.deepEqual((await plan({ kind: 'extend', checkpoint: run })).argv.slice(2, 4), named);
    assert.deepEqual((await plan({ kind: 'branch', checkpoint: run })).argv.slice(2, 4), named);
  });

  it('resume from the newest checkpoint: the same run, a minimal command, nothing to warn of', async () => {
    const made = await plan();
    assert.deepEqual(made.errors, []);
    assert.deepEqual(made.warnings, []);
    assert.equal(made.kind, 'resume');
    assert.equal(made.run, path.join(ws.experiments, 'demo'));
    assert.equal(made.cwd, ws.root);
    assert.equal(made.parent, null);
    assert.deepEqual(made.argv, ['/py', SCRIPT, '--resume_from', 'experiments/demo/checkpoints/checkpoint-150']);
    assert.equal(made.startStep, 150);
    assert.equal(made.stageAtStart, 'mixed');
    assert.deepEqual(
      made.curriculum.map((stage) => [stage.name, stage.from, stage.until]),
      [
        ['teacher', 0, 100],
        ['mixed', 100, 200],
        ['student', 200, 300],
      ],
    );
    const find = (name: string): object | undefined => made.arguments.find((a) => a.name === name);
    assert.deepEqual(find('learning_rate'), {
      name: 'learning_rate',
      value: 0.005,
      source: 'checkpoint',
      previous: null,
    });
    assert.deepEqual(find('weight_decay'), { name: 'weight_decay', value: 0.01, source: 'default', previous: null });
  });

  it('a run instead of a checkpoint means its newest', async () => {
    const made = await plan({ checkpoint: path.join(ws.experiments, 'demo') });
    assert.deepEqual(made.errors, []);
    assert.equal(made.startStep, 150);
  });

  describe('a checkpoint that is deleted while the plan is made', () => {
    /** Asked about a checkpoint, which the plan does before it reads it. */
    class Deleting extends Map<string, string> {
      override has(folder: string): boolean {
        return this.get(folder) !== undefined;
      }
      override get(folder: string): string | undefined {
        if (folder === newest && fs.existsSync(folder)) fs.renameSync(folder, path.join(ws.root, 'deleted'));
        return undefined;
      }
    }

    it('is not gone on from where its run is meant: the newest one that is left is', async () => {
      const made = await plan({ checkpoint: path.join(ws.experiments, 'demo'), notValid: new Deleting() });
      assert.deepEqual(made.errors, []);
      assert.equal(made.startStep, 50);
    });

    it('is told of as deleted, with another to use, where it itself is meant', async () => {
      const { errors } = await plan({ notValid: new Deleting() });
      assert.deepEqual(
        errors.map(({ code, message, remedies }) => [code, message, remedies?.map(({ label }) => label)]),
        [['not-found', `NPT weights not found: ${newest} does not exist.`, ['Use checkpoint-50']]],
      );
    });
  });

  describe('a verdict that is known', () => {
    const known = (...names: string[]): ReadonlyMap<string, string> =>
      new Map(names.map((name) => [path.join(ws.experiments, 'demo/checkpoints', name), 'npt_weights.pt holds NaN']));

    it('a run means its newest checkpoint that is not known to be wrong, and what was passed over is said', async () => {
      ws.checkpoint('demo', 200);
      const made = await plan({
        checkpoint: path.join(ws.experiments, 'demo'),
        notValid: known('checkpoint-200', 'checkpoint-50'),
      });
      assert.deepEqual(made.errors, []);
      assert.equal(made.checkpoint, newest);
      assert.deepEqual(made.warnings, [
        {
          code: 'passed-over',
          message: 'checkpoint-200 is not valid, and passed over: npt_weights.pt holds NaN.',
        },
      ]);
    });

    it('training goes on in the same run: what is wrong is nothing to branch away from', async () => {
      ws.checkpoint('demo', 200);
      for (const checkpoint of [newest, path.join(ws.experiments, 'demo')]) {
        const made = await plan({ checkpoint, notValid: known('checkpoint-200') });
        assert.equal(made.kind, 'resume');
        assert.equal(made.run, path.join(ws.experiments, 'demo'));
        // Without it the trainer, which knows of no verdict, would branch.
        assert.deepEqual(made.argv.slice(2, 6), [
          ...['--resume_from', 'experiments/demo/checkpoints/checkpoint-150'],
          ...['--output_dir', 'experiments/demo'],
        ]);
      }
    });

    it('one that is asked for by name is refused, and another is named', async () => {
      const made = await plan({ notValid: known('checkpoint-150') });
      assert.deepEqual(made.errors, [
        {
          code: 'checkpoint-not-valid',
          message:
            'checkpoint-150 is not valid: npt_weights.pt holds NaN. The newest one that can be used is checkpoint-50.',
          remedies: [{ kind: 'plan', label: 'Use checkpoint-50', request: { checkpoint: older } }],
        },
      ]);
    });

    it('a run without any other says which is wrong', async () => {
      const made = await plan({
        checkpoint: path.join(ws.experiments, 'demo'),
        notValid: known('checkpoint-150', 'checkpoint-50'),
      });
      assert.deepEqual(made.errors, [
        { code: 'checkpoint-not-valid', message: 'checkpoint-150 is not valid: npt_weights.pt holds NaN.' },
      ]);
    });

    it('a branch of an older one is not concerned', async () => {
      const made = await plan({ kind: 'branch', checkpoint: older, notValid: known('checkpoint-150') });
      assert.deepEqual(codes(made.errors), []);
      assert.equal(made.kind, 'branch');
    });
  });

  it('resume from an older checkpoint becomes a branch whose folder is known beforehand', async () => {
    const made = await plan({ checkpoint: older });
    assert.equal(made.kind, 'branch');
    assert.equal(path.basename(made.run), 'demo-from-50');
    assert.deepEqual(made.argv.slice(2), [
      '--resume_from',
      'experiments/demo/checkpoints/checkpoint-50',
      '--output_dir',
      'experiments/demo-from-50',
    ]);
    assert.deepEqual(made.parent, { id: 'id-demo', run: 'demo', checkpoint: 'checkpoint-50', step: 50 });
    assert.deepEqual(codes(made.warnings), ['becomes-branch']);
    fs.mkdirSync(made.run);
    assert.equal(path.basename((await plan({ checkpoint: older })).run), 'demo-from-50-2');
  });

  it('our own merge takes the optimizer state along, so that there is nothing to warn of', async () => {
    const config = path.join(ws.experiments, 'demo', 'config.json');
    const document = JSON.parse(fs.readFileSync(config, 'utf8')) as object;
    fs.writeFileSync(config, JSON.stringify({ ...document, merge_info: { sources: ['a', 'b'], steps: [50, 150] } }));
    const merged = ws.checkpoint('demo', 160);
    assert.equal((await readPlanSource(merged)).merged, true);
    assert.deepEqual(codes((await plan({ checkpoint: merged })).warnings), []);
  });

  it('extend: max_steps is the step plus what was asked, 15000 by itself', async () => {
    const made = await plan({ kind: 'extend', additionalSteps: 20000 });
    assert.deepEqual(made.argv.slice(4), ['--max_steps', '20150']);
    assert.deepEqual(changedOf(made), { max_steps: [300, 20150] });
    assert.deepEqual(codes(made.warnings), ['schedule-extended']);
    assert.deepEqual((await plan({ kind: 'extend' })).argv.slice(4), ['--max_steps', '15150']);
    assert.deepEqual(codes((await plan({ kind: 'extend', additionalSteps: 50 })).warnings), ['stops-earlier']);
    assert.deepEqual(codes((await plan({ kind: 'extend', additionalSteps: 0 })).errors), ['invalid-value']);
  });

  it('branch: what changes names the run and is all that is passed', async () => {
    const made = await plan({ kind: 'branch', changes: { learning_rate: '5e-5', batch_size: '8' } });
    assert.equal(path.basename(made.run), 'demo-lr5e-5');
    assert.deepEqual(changedOf(made), { learning_rate: [0.005, 0.00005] }, 'batch_size 8 is what it was');
    assert.deepEqual(made.argv.slice(4), ['--output_dir', 'experiments/demo-lr5e-5', '--learning_rate', '5e-5']);
    assert.deepEqual(codes(made.warnings), ['learning-rate-changed']);
    assert.equal(path.basename((await plan({ kind: 'branch' })).run), 'demo-from-150');
  });

  it('a branch may be named; not like one that is there, and not outside the folder', async () => {
    assert.equal((await plan({ kind: 'branch', name: 'my run' })).run, path.join(ws.experiments, 'my run'));
    for (const name of ['demo', '../x', '', 'a/b', '.hidden']) {
      const made = await plan({ kind: 'branch', name });
      assert.deepEqual(codes(made.errors), ['invalid-name'], name);
    }
  });

  it('several values make a plan a combination, each with a folder of its own', async () => {
    const plans = await makePlans(
      requestsFor(
        { kind: 'branch', checkpoint: newest, interpreter: '/py' },
        { learning_rate: ['1e-4', '2e-4'], curriculum_stages: ['student:300', 'mixed:300:0.75'] },
      ),
    );
    assert.equal(plans.length, 4);
    assert.equal(new Set(plans.map((made) => made.run)).size, 4);
    assert.deepEqual(
      plans.map((made) => made.stageAtStart),
      ['student', 'mixed', 'student', 'mixed'],
    );
    const long = 'x'.repeat(100);
    const named = await makePlans(
      requestsFor({ kind: 'branch', checkpoint: newest }, { wandb_name: [long, `${long}y`] }),
    );
    assert.deepEqual(
      named.map((made) => path.basename(made.run)),
      [`demo-wandb-name${'x'.repeat(24)}`, `demo-wandb-name${'x'.repeat(24)}-2`],
    );
  });

  it('of several that are started together, two cannot have one name', async () => {
    const twice = { kind: 'branch', checkpoint: newest, name: 'same' } as const;
    const [first, second] = await makePlans([twice, twice]);
    assert.deepEqual(codes(first!.errors), []);
    assert.deepEqual(
      second!.errors.map(({ message }) => message),
      ['A run named same is about to be started already.'],
    );
  });

  it('a changed curriculum is in absolute ranges, and says that the stage changes', async () => {
    const made = await plan({ changes: { curriculum_stages: 'student:400' } });
    assert.deepEqual(made.curriculum, [{ name: 'student', from: 0, until: 400, mixingRatio: 1, mlpMixingRatio: null }]);
    assert.equal(made.stageAtStart, 'student');
    assert.match(made.warnings[0]?.message ?? '', /At step 150 the stage becomes student; it was mixed \(ratio 0\.5\)/);
    assert.deepEqual(made.argv.slice(4), ['--curriculum_stages', 'student:400']);
  });

  it('warns of other layers, and names what is loaded, new and dropped', async () => {
    const made = await plan({ kind: 'branch', changes: { train_layers: '3,4' } });
    assert.match(
      made.warnings.find((w) => w.code === 'layers-changed')?.message ?? '',
      /Layer mismatch: loaded 3; new, untrained 4; dropped 2/,
    );
    assert.equal((await plan({ kind: 'branch', changes: { train_layers: '2-3' } })).warnings.length, 0);
  });

  it('warns where a resume is not bit-identical, has other data, or is not touched by the change', async () => {
    const made = await plan({
      changes: { batch_size: '16', max_length: '1024', seed: '7', init_strategy: 'conservative' },
    });
    assert.deepEqual(codes(made.warnings), ['not-bit-identical', 'data-changes', 'no-effect']);
    assert.match(made.warnings[0]?.message ?? '', /another batch_size training/);
    assert.match(made.warnings[1]?.message ?? '', /max_length and seed means other samples/);
    assert.match(made.warnings[2]?.message ?? '', /init_strategy has no effect here, improved stays/);
  });

  it('says of a change only what it does here: new layers, a schedule that restarts, a run that W&B knows', async () => {
    const warned = async (changes: Record<string, string>, kind: 'resume' | 'branch' = 'resume'): Promise<string[]> =>
      codes((await plan({ kind, changes })).warnings).filter((code) => code === 'no-effect');
    assert.deepEqual(await warned({ np_init_scale: '0.5' }), ['no-effect']);
    assert.deepEqual(await warned({ np_init_scale: '0.5', train_layers: '1,3' }), []);
    assert.deepEqual(await warned({ warmup_steps: '5' }), ['no-effect']);
    assert.deepEqual(await warned({ warmup_steps: '5', max_steps: '900' }), []);
    assert.deepEqual(await warned({ warmup_steps: '5', max_steps: '900', learning_rate: '1e-4' }), ['no-effect']);
    assert.deepEqual(await warned({ wandb_project: 'other' }), []);
    ws.write('demo/wandb.json', { schema: 1, id: 'x', project: 'npt' });
    assert.deepEqual(await warned({ wandb_project: 'other' }), ['no-effect']);
    assert.deepEqual(await warned({ wandb_project: 'other' }, 'branch'), []);
  });

  it('a stride above the length is a warning with an offer: others train like that', async () => {
    const made = await plan({ changes: { stride: '1000' } });
    assert.deepEqual(made.errors, []);
    const odd = made.warnings.find((warning) => warning.code === 'stride-above-length');
    assert.equal(odd?.argument, 'stride');
    assert.equal(odd.proposal, '512');
    assert.deepEqual(
      (await plan({ changes: { stride: '512' } })).warnings.map(({ code }) => code),
      ['data-changes'],
    );
  });

  it('a base model in a folder may be the same one somewhere else', async () => {
    const made = await plan({ kind: 'branch', changes: { model_name: '/models/llama' } });
    assert.deepEqual(made.errors, []);
    assert.deepEqual(codes(made.warnings), ['other-base-model']);
  });

  for (const [name, value, words] of [
    ['batch_size', 'auto', /config\.json of checkpoint-160 has batch_size: "auto" is not a whole number/],
    ['learning_rate', 'NaN', /learning_rate: "NaN" is not a number/],
    ['learning_rate', Number.NaN, /learning_rate: "NaN" is not a number/],
    ['batch_size', true, /batch_size: true is not a whole number/],
    ['mixed_precision', 'fp8', /mixed_precision: "fp8" is neither true nor false/],
    ['max_steps', [300], /max_steps: 300 is not a whole number/],
    ['weight_decay', { a: 1 }, /weight_decay: \{"a":1\} is not a number/],
    ['stride', 0, /stride: 0 is below 1/],
  ] as const) {
    it(`a stored ${name} of ${JSON.stringify(value)} (${typeof value}) is asked about, and never passed on`, async () => {
      const config = ws.write('demo/config.json', { schema: 1, train_layers: [2, 3], max_steps: 300, [name]: value });
      if (Number.isNaN(value)) fs.writeFileSync(config, fs.readFileSync(config, 'utf8').replace(':null', ':NaN'));
      const checkpoint = ws.checkpoint('demo', 160);
      const made = await plan({ checkpoint });
      assert.deepEqual(codes(made.errors), ['stored-value']);
      assert.match(made.errors[0]?.message ?? '', words);
      assert.equal(made.errors[0]?.argument, name);
      assert.ok(made.errors[0].proposal !== undefined);
      assert.ok(!made.argv.includes(`--${name}`));
      const settled = await plan({ checkpoint, changes: { [name]: name === 'max_steps' ? '400' : '1' } });
      assert.deepEqual(codes(settled.errors), []);
    });
  }

  it('takes stored values that are clear as the trainer does', async () => {
    ws.write('demo/config.json', {
      schema: 1,
      max_steps: 300,
      learning_rate: '5e-3',
      batch_size: '4',
      mixed_precision: 'no',
      train_layers: '2-3',
      layer_weights: [1, 0.5],
      wandb_name: '',
      nobodys: 'auto',
    });
    const made = await plan({ checkpoint: ws.checkpoint('demo', 160) });
    assert.deepEqual(made.errors, []);
    const value = (name: string): unknown => made.arguments.find((a) => a.name === name)?.value;
    assert.deepEqual(
      ['learning_rate', 'batch_size', 'mixed_precision', 'train_layers', 'layer_weights', 'wandb_name'].map(value),
      [5e-3, 4, false, [2, 3], '1,0.5', null],
    );
  });

  it('a seed of 64 bits is exact; one beyond them is one line that names it', async () => {
    ws.write('demo/config.json', '{"schema":1,"train_layers":[2,3],"max_steps":300,"seed":18446744073709551615}');
    const checkpoint = ws.checkpoint('demo', 160);
    const made = await plan({ checkpoint, changes: { seed: '18446744073709551614' } });
    assert.deepEqual(made.errors, []);
    assert.deepEqual(made.argv.slice(-2), ['--seed', '18446744073709551614']);
    assert.deepEqual(changedOf(made), { seed: [18446744073709551615n, 18446744073709551614n] });
    const beyond = await plan({ checkpoint, changes: { seed: '18446744073709551616' } });
    assert.match(beyond.errors[0]?.message ?? '', /^seed: .*18446744073709551615 is the largest/);
  });

  it('a checkpoint without a run around it names its branch', async () => {
    const alone = path.join(ws.experiments, 'merged-7');
    fs.renameSync(newest, alone);
    const made = await plan({ checkpoint: alone });
    assert.equal(made.run, path.join(ws.experiments, 'merged-7-from-150'));
    assert.equal(made.parent?.run, 'merged-7');
  });

  it('a run that was killed between its last save and final/ is resumed like any other: its trainer writes final/', async () => {
    const last = ws.checkpoint('demo', 300);
    for (const checkpoint of [last, path.join(ws.experiments, 'demo')]) {
      assert.deepEqual((await plan({ checkpoint })).errors, []);
    }
    // As after an extension: final/ is what the run came to before.
    fs.cpSync(older, path.join(ws.experiments, 'demo/checkpoints/final'), { recursive: true });
    assert.deepEqual((await plan({ checkpoint: last })).errors, []);
    for (const request of [{ kind: 'branch' }, { changes: { max_steps: '200' } }] as const) {
      assert.deepEqual(codes((await plan({ checkpoint: last, ...request })).errors), ['training-complete']);
    }
  });

  it('training already complete', async () => {
    ws.checkpoint('demo', 300, { name: 'final' });
    const made = await plan({ checkpoint: ws.checkpoint('demo', 300) });
    assert.deepEqual(codes(made.errors), ['training-complete']);
    assert.match(
      made.errors[0]?.message ?? '',
      /Training already complete: checkpoint-300 is at step 300 and max_steps is 300/,
    );
    const further = await plan({
      checkpoint: path.join(ws.experiments, 'demo/checkpoints/checkpoint-300'),
      changes: { max_steps: '400' },
    });
    assert.deepEqual(further.errors, []);
  });

  it('final/ at the newest step goes on in the same run', async () => {
    ws.checkpoint('demo', 300);
    const made = await plan({ kind: 'extend', checkpoint: ws.checkpoint('demo', 300, { name: 'final' }) });
    assert.equal(made.kind, 'extend');
    assert.deepEqual(made.errors, []);
  });

  for (const [what, changes, code] of [
    ['an unknown argument', { learning_rat: '1' }, 'unknown-argument'],
    ['an argument of the start itself', { resume_from: 'x' }, 'unknown-argument'],
    ['an invalid value', { learning_rate: '-1' }, 'invalid-value'],
    ['a rank that cannot fit', { np_rank: '32' }, 'shape-mismatch'],
    ['another base model', { model_name: 'other' }, 'other-base-model'],
    ['custom data without files', { dataset_preset: 'custom' }, 'invalid-value'],
    ['weights for another number of layers', { layer_weights: '1,1,1' }, 'invalid-value'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const made = await plan({ kind: 'branch', changes });
      assert.deepEqual(codes(made.errors), [code]);
      assert.ok(!made.errors[0]?.message.includes('\n'));
    });
  }

  it('refuses a run that is being trained; branching from it is fine', async () => {
    ws.write('demo/process.json', {
      schema: 1,
      host: thisHost().name,
      boot_id: thisHost().bootId,
      pid: process.pid,
      started: 1,
      start_ticks: procStat(process.pid)?.startTicks,
      launcher: 'local',
      job: null,
      segment: 1,
    });
    const made = await plan();
    assert.deepEqual(codes(made.errors), ['run-is-training']);
    assert.match(made.errors[0]?.message ?? '', new RegExp(`process ${process.pid}`));
    assert.deepEqual((await plan({ kind: 'branch', changes: { learning_rate: '1e-5' } })).errors, []);
  });

  it('refuses what is no checkpoint, is broken or incomplete, each in one line', async () => {
    const refused = async (checkpoint: string): Promise<string[]> => {
      const made = await plan({ checkpoint });
      assert.equal(made.errors.length, 1);
      assert.ok(!made.errors[0]?.message.includes('\n'));
      assert.deepEqual(made.argv, []);
      return codes(made.errors);
    };
    assert.deepEqual(await refused(path.join(ws.root, 'nothing')), ['not-found']);
    assert.deepEqual(await refused(ws.root), ['not-found']);
    ws.run('empty');
    assert.deepEqual(await refused(path.join(ws.experiments, 'empty')), ['not-found']);
    fs.truncateSync(path.join(newest, 'npt_weights.pt'), 1);
    const made = await plan();
    assert.match(
      made.errors[0]?.message ?? '',
      /checkpoint-150 is broken: npt_weights\.pt has 1 bytes.*The newest complete one is checkpoint-50/,
    );
    fs.rmSync(path.join(older, 'npt_weights.pt'));
    assert.deepEqual(await refused(older), ['not-found']);
  });

  it('says when the workspace has no training script', async () => {
    fs.rmSync(path.join(ws.root, SCRIPT));
    const made = await plan();
    assert.deepEqual(codes(made.errors), ['script-missing']);
    assert.equal(made.cwd, ws.root);
  });

  it("says what another trainer's script will not do", async () => {
    fs.writeFileSync(path.join(ws.root, SCRIPT), 'import torch\nclass MultiLayerNPTTrainer: ...\n');
    const made = await plan({ changes: { learning_rate: '1e-5', max_steps: '500' } });
    assert.deepEqual(
      codes(made.warnings).filter((code) => code.startsWith('other-trainer')),
      ['other-trainer-script', 'other-trainer-run', 'other-trainer-learning-rate', 'other-trainer-schedule'],
    );
  });

  describe('after a segment with other arguments that saved nothing', () => {
    const last = { config: { max_steps: 900, learning_rate: 0.001, wandb_name: null } };

    it('goes on with them', async () => {
      ws.run('demo', last);
      const made = await plan();
      assert.deepEqual(made.errors, []);
      assert.deepEqual(codes(made.warnings), ['run-config-differs']);
      assert.match(
        made.warnings[0]?.message ?? '',
        /learning_rate 0\.001, max_steps 900, and saved nothing since checkpoint-150/,
      );
      assert.deepEqual(made.argv.slice(4), ['--learning_rate', '0.001', '--max_steps', '900']);
      assert.deepEqual(
        made.arguments.find((argument) => argument.name === 'max_steps'),
        { name: 'max_steps', value: 900, source: 'run', previous: 300 },
      );
    });

    it('what is changed now wins, and a branch is from what was saved', async () => {
      ws.run('demo', last);
      const extended = await plan({ kind: 'extend', additionalSteps: 50, changes: { learning_rate: '0.005' } });
      assert.deepEqual(extended.argv.slice(4), ['--max_steps', '200']);
      assert.deepEqual((await plan({ kind: 'branch' })).argv.slice(6), []);
    });

    it('but not when that segment failed', async () => {
      ws.run('demo', last);
      ws.write('demo/exit.json', {
        schema: 1,
        why: 'failed',
        step: 150,
        segment: 2,
        signal: null,
        error: 'x',
        time: 1,
      });
      const made = await plan();
      assert.deepEqual(made.argv.slice(4), []);
      assert.match(made.warnings[0]?.message ?? '', /and failed: it goes on as checkpoint-150 was saved/);
    });
  });

  it('carries its launch as plain data, and says what is wrong with one', async () => {
    const torchrun = await plan({ launch: { kind: 'torchrun', options: { processes: '2', devices: 'GPU-1a,3' } } });
    assert.deepEqual(torchrun.errors, []);
    assert.deepEqual(torchrun.argv.slice(0, 3), ['/py', '-m', 'torch.distributed.run']);
    assert.ok(torchrun.argv.includes('--nproc_per_node=2'));
    assert.deepEqual(torchrun.launch.options, { processes: 2, devices: ['GPU-1a', '3'] });
    assert.deepEqual(JSON.parse(JSON.stringify(torchrun.launch)), torchrun.launch);
    const wrong = await plan({ launch: { kind: 'torchrun', options: { processes: 0, devices: ['$(id)'], nodes: 2 } } });
    assert.deepEqual(codes(wrong.errors), ['invalid-launch', 'invalid-launch', 'invalid-launch']);
    assert.match(wrong.errors[0]?.message ?? '', /^npt\.torchrun\.processes is 0: write gpu, or a whole number/);
  });

  it('does not resume a run whose job waits; a branch of it may start', async () => {
    const programs = fs.mkdtempSync(path.join(ws.root, 'programs-'));
    fs.writeFileSync(path.join(programs, 'squeue'), "#!/bin/sh\necho '77|77|PENDING|Resources|N/A||0:00|1:00'\n", {
      mode: 0o755,
    });
    ws.write('demo/process.json', {
      ...{ schema: 1, host: thisHost().name, boot_id: thisHost().bootId, pid: 0, started: 1, start_ticks: 0 },
      ...{ launcher: 'slurm', job: '77', segment: 2 },
    });
    const { PATH } = process.env;
    try {
      process.env.PATH = programs;
      const [error, ...others] = (await plan()).errors;
      assert.deepEqual(others, []);
      assert.equal(error?.code, 'run-is-queued');
      assert.match(error.message, /demo is to be trained already \(job 77 is waiting \(Resources\)\): stop it first/);
      assert.deepEqual((await plan({ kind: 'branch', changes: { learning_rate: '1e-5' } })).errors, []);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('shows what Slurm would run, and says where there is none', async () => {
    const programs = fs.mkdtempSync(path.join(ws.root, 'programs-'));
    const { PATH } = process.env;
    try {
      process.env.PATH = programs;
      const slurm = await plan({ launch: { kind: 'slurm' }, kind: 'branch' });
      assert.deepEqual(codes(slurm.errors), ['launcher-unsupported']);
      assert.match(slurm.errors[0]?.message ?? '', /there is no sbatch on this machine/);
      assert.equal(slurm.argv[0], 'sbatch');
      assert.match(
        slurm.argv.at(-1) ?? '',
        /--from-step 150 --first 6 -- .*--output_dir experiments\/demo-from-150 .*--resume_from experiments\/demo-from-150$/,
      );
      fs.writeFileSync(path.join(programs, 'sbatch'), '#!/bin/sh\necho slurm-wlm 22.05.8\n', { mode: 0o755 });
      assert.deepEqual((await plan({ launch: { kind: 'slurm' }, kind: 'branch' })).errors, []);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('finds the workspace from a checkpoint that was moved, and passes absolute paths outside it', async () => {
    const elsewhere = fs.mkdtempSync(path.join(ws.root, 'moved-'));
    fs.cpSync(path.join(ws.experiments, 'demo'), path.join(elsewhere, 'demo'), { recursive: true });
    const made = await plan({ checkpoint: path.join(elsewhere, 'demo/checkpoints/checkpoint-150') });
    assert.equal(made.cwd, ws.root);
    assert.equal(made.run, path.join(elsewhere, 'demo'));
    const outside = await plan({ workspaceRoot: path.join(ws.root, 'scripts') });
    assert.ok(path.isAbsolute(outside.argv[3]!));
  });

  describe("of other trainers' checkpoints", () => {
    const FIXTURES = path.resolve(__dirname, '../../fixtures/checkpoints');

    function theirs(fixture: string, name: string, config?: object): string {
      const at = path.join(ws.experiments, 'theirs/checkpoints', name);
      fs.cpSync(path.join(FIXTURES, fixture, name), at, { recursive: true });
      if (config !== undefined) ws.write('theirs/config.json', config);
      return at;
    }

    it('takes layers, curriculum and rank from the tensors, not from what the run says', async () => {
      const checkpoint = theirs('field', 'checkpoint-24000', { np_rank: 64, weight_decay: 0.1, warmup_steps: 1000 });
      const made = await plan({ checkpoint });
      assert.deepEqual(made.errors, []);
      assert.deepEqual([made.kind, made.startStep, made.stageAtStart], ['resume', 24000, 'mixed']);
      const found = new Map(made.arguments.map((a) => [a.name, [a.value, a.source]]));
      assert.deepEqual(found.get('np_rank'), [4, 'tensors']);
      assert.deepEqual(found.get('train_layers'), [[13, 14, 15], 'tensors']);
      assert.deepEqual(found.get('max_steps'), [90000, 'checkpoint']);
      assert.deepEqual(found.get('weight_decay'), [0.1, 'run']);
      const text = made.argv.join(' ');
      for (const words of [
        '--np_rank 4',
        '--train_layers 13,14,15',
        '--curriculum_stages teacher:20000,mixed:30000:0.5,student:40000',
        '--weight_decay 0.1',
      ]) {
        assert.ok(text.includes(words), `${words} in ${text}`);
      }
      assert.ok(!text.includes('warmup_steps'), 'what is the default anyway is not passed');
      assert.deepEqual(codes(made.warnings), ['other-trainer-checkpoint']);
    });

    it('a checkpoint on a boundary is in the next stage, whatever index is stored', async () => {
      const made = await plan({ checkpoint: theirs('field-boundary', 'checkpoint-20000') });
      assert.equal(made.stageAtStart, 'mixed');
      assert.ok(made.argv.includes('--dual_modulation'));
    });

    it('the older form keeps its arguments in the training state', async () => {
      const checkpoint = theirs('field-old', 'checkpoint-1500');
      // Nothing marks its end: a new one may still be being written.
      assert.deepEqual(codes((await plan({ checkpoint })).errors), ['checkpoint-incomplete']);
      for (const file of fs.readdirSync(checkpoint)) fs.utimesSync(path.join(checkpoint, file), 1000, 1000);
      const made = await plan({ checkpoint });
      assert.deepEqual(made.errors, []);
      assert.equal(made.startStep, 1500);
      assert.match(made.argv.join(' '), /--learning_rate 1e-4 --train_layers 5 --np_rank 4/);
    });

    it('merged checkpoints warn that the optimizer state does not fit', async () => {
      const made = await plan({ checkpoint: theirs('field-merged', 'final') });
      assert.deepEqual(codes(made.warnings), ['merged', 'other-trainer-checkpoint']);
      assert.equal(made.startStep, 24000);
    });

    it('a scan knows their stages and where final stands', async () => {
      theirs('field', 'checkpoint-24000');
      theirs('field-merged', 'final');
      const { runs, problems } = await scanWorkspace(ws.root);
      const run = runs.find((candidate) => candidate.name === 'theirs');
      assert.deepEqual(problems, []);
      assert.deepEqual([run?.stage, run?.maxSteps, run?.final?.step], ['mixed', 90000, 24000]);
      assert.equal(run?.checkpoints[0]?.stage, 'mixed');
    });
  });
});
