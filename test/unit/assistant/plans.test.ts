import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { answerText } from '../../../src/core/assistant/answer';
import {
  changesOf,
  commandOf,
  fingerprintOf,
  launchOf,
  obstaclesOf,
  planAnswer,
  requestFrom,
  type PlanInput,
} from '../../../src/core/assistant/plans';
import { ShownPlans } from '../../../src/core/assistant/shownPlans';
import { placeNamed } from '../../../src/core/experiment/named';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import type { LaunchRequest } from '../../../src/core/training/launchers';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import type { Plan } from '../../../src/core/training/plan/plan';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

interface Answer {
  readonly kind: string;
  readonly askedFor?: string;
  readonly run: string;
  readonly newRun: boolean;
  readonly checkpoint: string;
  readonly changes: readonly object[];
  readonly canStart: boolean;
  readonly inTheWay?: readonly string[];
  readonly started: boolean;
  readonly errors?: readonly { readonly code: string; readonly remedies?: readonly object[] }[];
}

describe('npt_plan_resume', () => {
  let ws: FixtureWorkspace;
  let older: string;

  beforeEach(() => {
    ws = new FixtureWorkspace();
    fs.mkdirSync(path.join(ws.root, 'scripts'));
    fs.writeFileSync(path.join(ws.root, 'scripts/train_multi_layer_npt.py'), 'from npt.main import main\n');
    ws.run('demo');
    older = ws.checkpoint('demo', 50);
    ws.checkpoint('demo', 150);
  });
  afterEach(() => {
    ws.remove();
  });

  async function planOf(input: PlanInput, launch?: LaunchRequest): Promise<Plan> {
    const workspace = await scanWorkspace(ws.root);
    const request = requestFrom(input, placeNamed([workspace], input.run, input.checkpoint));
    return makePlan({ ...request, interpreter: '/py', ...(launch === undefined ? {} : { launch }) });
  }
  async function answerOf(input: PlanInput, trusted = true): Promise<Answer> {
    const plan = await planOf(input);
    return JSON.parse(answerText(planAnswer(plan, input.kind ?? 'resume', trusted))) as Answer;
  }

  it('says of a run what resuming it would do, and starts nothing', async () => {
    const answer = await answerOf({ run: 'demo' });
    assert.deepEqual(
      [answer.kind, answer.run, answer.newRun, answer.checkpoint, answer.canStart, answer.started],
      ['resume', 'demo', false, 'checkpoint-150', true, false],
    );
    assert.equal(answer.askedFor, undefined);
    assert.ok(!fs.existsSync(path.join(ws.experiments, 'demo/process.json')));
  });

  it('says that a resume from an older checkpoint becomes a branch', async () => {
    const answer = await answerOf({ run: 'demo', checkpoint: '50' });
    assert.deepEqual([answer.kind, answer.askedFor, answer.run], ['branch', 'resume', 'demo-from-50']);
  });

  it('shows what changes, and how what is wrong can be settled', async () => {
    const changes = { learning_rate: '1e-5', nonsense: '1' };
    const answer = await answerOf({ run: 'demo', kind: 'branch', changes });
    assert.deepEqual(answer.changes, [{ argument: 'learning_rate', was: '0.005', becomes: '1e-5' }]);
    assert.equal(answer.canStart, false);
    assert.deepEqual(answer.inTheWay, ['nonsense: The trainer has no such argument.']);
    const taken = await answerOf({ run: 'demo', kind: 'branch', name: 'demo' });
    assert.deepEqual(taken.errors?.[0]?.remedies, [{ label: 'Name it demo-2', input: { name: 'demo-2' } }]);
  });

  it('can be made in Restricted Mode, where nothing can be started', async () => {
    const answer = await answerOf({ run: 'demo' }, false);
    assert.equal(answer.canStart, false);
    assert.match(answer.inTheWay?.[0] ?? '', /Restricted Mode/);
  });

  it('offers the newest checkpoint that is valid where one is not', async () => {
    const weights = path.join(older, 'npt_weights.pt');
    fs.writeFileSync(weights, Buffer.alloc(fs.statSync(weights).size));
    const answer = await answerOf({ run: 'demo', checkpoint: 'checkpoint-50' });
    assert.deepEqual(answer.errors?.[0]?.remedies, [
      {
        label: 'Use checkpoint-150',
        input: { checkpoint: path.join(ws.experiments, 'demo/checkpoints/checkpoint-150') },
      },
    ]);
  });

  it('keeps back what the user’s variables hold, in a Slurm job’s script, too', async () => {
    const environment = { variables: { HF_TOKEN: 'hf_xyzzy', B: "it's an xyzzy", NAME: 'xyzzy' } };
    for (const kind of ['local', 'slurm'] as const) {
      const plan = await planOf({ run: 'demo' }, { kind, environment });
      const text = [
        commandOf(plan),
        JSON.stringify(launchOf(plan)),
        answerText(planAnswer(plan, 'resume', true)),
      ].join();
      assert.doesNotMatch(text, /xyzzy/);
      assert.match(commandOf(plan), /HF_TOKEN=/, 'that it is set is told');
    }
  });

  it('is the same plan when it is made again, and another where what would run is another', async () => {
    const input: PlanInput = { run: 'demo', kind: 'branch', changes: { seed: '7' } };
    const first = fingerprintOf(await planOf(input));
    assert.equal(fingerprintOf(await planOf(input)), first);
    for (const other of [{ changes: { seed: '8' } }, { name: 'x' }, { checkpoint: '50' }, { additionalSteps: 9 }]) {
      assert.notEqual(fingerprintOf(await planOf({ ...input, ...other })), first);
    }
    // Somebody else's branch has taken the name meanwhile.
    ws.run('demo-seed7');
    assert.notEqual(fingerprintOf(await planOf(input)), first);
    const resume = fingerprintOf(await planOf({ run: 'demo' }));
    ws.checkpoint('demo', 160);
    assert.notEqual(fingerprintOf(await planOf({ run: 'demo' })), resume, 'from another checkpoint');
  });

  it('is started only as it was shown, and once', async () => {
    const input: PlanInput = { run: 'demo', kind: 'branch', changes: { seed: '7' } };
    const plans = new ShownPlans();
    const plan = await planOf(input);
    assert.equal(plans.take(input, plan), 'unseen');
    plans.show(input, plan);
    assert.equal(plans.take({ ...input, changes: { seed: '8' } }, plan), 'unseen', 'the person changed the input');
    const { changes, kind, run } = input;
    assert.equal(plans.take({ changes, kind, run }, await planOf(input)), 'shown');
    assert.equal(plans.take(input, plan), 'unseen', 'that was one start');
    plans.show(input, plan);
    ws.run('demo-seed7');
    assert.equal(plans.take(input, await planOf(input)), 'changed');
    for (let n = 0; n < 30; n += 1) plans.show({ n }, plan);
    assert.equal(plans.take({ n: 0 }, plan), 'unseen');
    assert.equal(plans.take({ n: 29 }, plan), 'shown');
  });

  it('has questions in the way, with what answers them', async () => {
    const plan = await planOf({ run: 'demo' });
    const questions = [{ argument: 'np_rank', message: 'Nothing tells the rank.', proposal: '64' }];
    assert.deepEqual(obstaclesOf({ ...plan, questions }, true), [
      'Nothing tells the rank. Answer it in "changes" as np_rank, such as 64.',
    ]);
    assert.deepEqual(changesOf(plan), []);
  });
});
