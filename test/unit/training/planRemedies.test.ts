import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import { Said } from '../../../src/core/training/plan/messages/say';
import { judgeDisk, savesBetween } from '../../../src/core/training/plan/messages/disk';
import type { Plan, PlanMessage } from '../../../src/core/training/plan/plan';
import type { PlanDraft } from '../../../src/core/training/plan/planDraft';
import { type PlanRequest, withRemedy } from '../../../src/core/training/plan/request';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

const SCRIPT = 'scripts/train_multi_layer_npt.py';
const codes = (messages: readonly { code: string }[]): string[] => messages.map((message) => message.code);

describe('what a plan says, with what settles it', () => {
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

  const plan = (request: PlanRequest): Promise<Plan> => makePlan({ interpreter: '/py', ...request });

  /** The plan after the remedy of a message that is another plan; `at`: which remedy. */
  async function settled(request: PlanRequest, message: PlanMessage | undefined, at = 0): Promise<Plan> {
    const remedy = message?.remedies?.[at];
    assert.ok(remedy?.kind === 'plan', JSON.stringify(message));
    return plan(withRemedy(request, remedy.request));
  }

  it('training already complete: extends, whatever max_steps was typed', async () => {
    for (const request of [
      { kind: 'resume', checkpoint: newest, changes: { max_steps: '100' } },
      { kind: 'branch', checkpoint: newest, changes: { max_steps: '150' } },
    ] satisfies PlanRequest[]) {
      const made = await plan(request);
      assert.deepEqual(codes(made.errors), ['training-complete']);
      const extended = await settled(request, made.errors[0]);
      assert.deepEqual(extended.errors, []);
      assert.equal(extended.arguments.find(({ name }) => name === 'max_steps')?.value, 15150);
      assert.equal(extended.newRun, request.kind === 'branch');
    }
  });

  it('an older checkpoint: goes on from the newest instead', async () => {
    const request: PlanRequest = { kind: 'resume', checkpoint: older };
    const made = await plan(request);
    assert.equal(made.warnings[0]?.code, 'becomes-branch');
    const instead = await settled(request, made.warnings[0]);
    assert.deepEqual([instead.kind, instead.checkpoint], ['resume', newest]);
  });

  it('a broken checkpoint, or one that is known to be wrong: uses the newest that is well', async () => {
    const request: PlanRequest = { kind: 'resume', checkpoint: newest, notValid: new Map([[newest, 'it holds NaN']]) };
    const instead = await settled(request, (await plan(request)).errors[0]);
    assert.deepEqual([instead.errors, instead.checkpoint], [[], older]);
    fs.rmSync(path.join(newest, 'training_state.pt'));
    const broken: PlanRequest = { kind: 'resume', checkpoint: newest };
    const [error] = (await plan(broken)).errors;
    assert.equal(error?.code, 'checkpoint-broken');
    assert.equal((await settled(broken, error)).checkpoint, older);
  });

  it('a name that is taken: the next one that is free', async () => {
    const request: PlanRequest = { kind: 'branch', checkpoint: newest, name: 'demo' };
    const made = await settled(request, (await plan(request)).errors[0]);
    assert.deepEqual([made.errors, path.basename(made.run)], [[], 'demo-2']);
  });

  it('other layers: says which load, are new and are dropped, and offers those of the checkpoint', async () => {
    const made = await plan({ kind: 'branch', checkpoint: newest, changes: { train_layers: '3,4' } });
    const mismatch = made.warnings.find(({ code }) => code === 'layers-changed');
    assert.match(mismatch?.message ?? '', /^Layer mismatch: loaded 3; new, untrained 4; dropped 2\.$/);
    assert.deepEqual([mismatch?.argument, mismatch?.proposal], ['train_layers', '2,3']);
  });

  it('a step of another size is said, with the number that keeps it', async () => {
    const said = async (changes: Record<string, string>): Promise<PlanMessage | undefined> =>
      (await plan({ kind: 'resume', checkpoint: newest, changes })).warnings[0];
    const smaller = await said({ batch_size: '4' });
    assert.match(smaller?.message ?? '', /A step has 16 samples then, not 32\.$/);
    assert.deepEqual([smaller?.argument, smaller?.proposal], ['gradient_accumulation_steps', '8']);
    const larger = await said({ gradient_accumulation_steps: '16' });
    assert.deepEqual([larger?.argument, larger?.proposal], ['batch_size', '2']);
    assert.equal((await said({ batch_size: '7' }))?.proposal, undefined, '32 is no multiple of 7');
    assert.doesNotMatch((await said({ batch_size: '4', gradient_accumulation_steps: '8' }))?.message ?? '', /samples/);
  });

  it('a curriculum that ends before the step, and stages that are skipped or never reached', async () => {
    const said = async (curriculum: string): Promise<readonly PlanMessage[]> =>
      (await plan({ kind: 'branch', checkpoint: older, changes: { curriculum_stages: curriculum } })).warnings;
    assert.deepEqual(codes(await said('student:50')), ['curriculum-ended', 'stage-changes']);
    assert.match((await said('student:300'))[0]?.message ?? '', /mixed \(ratio 0\.5\) is skipped\.$/);
    assert.doesNotMatch((await said('student:60,mixed:100:0.5'))[0]?.message ?? '', /skipped/);
    const [unreached] = await said('teacher:250,mixed:50:0.5,student:100');
    assert.deepEqual(
      [unreached?.code, unreached?.argument, unreached?.proposal],
      ['stage-not-reached', 'max_steps', '400'],
    );
    const start = await plan({
      kind: 'start',
      workspaceRoot: ws.root,
      preset: 'demo',
      changes: { max_steps: '300' },
    });
    assert.match(start.warnings[0]?.message ?? '', /^Training ends at step 300, before student begins \(step 400\)\.$/);
  });

  it('says several problems at once, each with its own remedies', async () => {
    fs.rmSync(path.join(ws.root, SCRIPT));
    const made = await plan({
      kind: 'resume',
      checkpoint: newest,
      lacks: ['torch'],
      changes: { np_rank: '8', max_steps: '10' },
    });
    assert.deepEqual(codes(made.errors), [
      'script-missing',
      'interpreter-lacks',
      'shape-mismatch',
      'training-complete',
    ]);
    assert.deepEqual(
      made.errors.map(({ remedies = [], proposal }) => [
        ...remedies.map(({ kind }) => kind),
        ...(proposal ? [proposal] : []),
      ]),
      [['create-workspace', 'open-setting'], ['install-requirements', 'choose-interpreter'], ['16'], ['plan']],
    );
    const gone = await plan({ kind: 'resume', checkpoint: path.join(ws.experiments, 'none'), lacks: ['torch'] });
    assert.deepEqual(codes(gone.errors), ['not-found', 'script-missing', 'interpreter-lacks']);
  });

  it('checkpoints for which there is no room', () => {
    const said = (free: number, values: Record<string, number>): PlanMessage | undefined => {
      const draft = {
        disk: { freeBytes: free, checkpointBytes: 1e9 },
        source: { step: 1000 },
        arguments: Object.entries(values).map(([name, value]) => ({ name, value, source: 'default', previous: null })),
      };
      const messages = new Said();
      judgeDisk(draft as unknown as PlanDraft, messages);
      return messages.warnings[0];
    };
    const steps = { max_steps: 11_000, save_steps: 1000 };
    assert.equal(said(10e9, steps), undefined);
    assert.match(said(4.5e9, steps)?.message ?? '', /^The 10 checkpoints to come need about .*: 4 fit\.$/);
    assert.equal(said(4.5e9, steps)?.proposal, '3');
    assert.equal(said(4.5e9, { ...steps, save_total_limit: 3 }), undefined);
    assert.match(said(0.5e9, steps)?.message ?? '', /not even one fits/);
    assert.equal(savesBetween(1500, 4500, 1000), 4);
    assert.equal(savesBetween(0, 500, 0), 1);
  });
});
