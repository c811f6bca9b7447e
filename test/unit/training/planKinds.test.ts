import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readCommand } from '../../../src/core/arguments/commandWords';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import type { Plan } from '../../../src/core/training/plan/plan';
import { type PlanRequest, withRemedy } from '../../../src/core/training/plan/request';
import { readPresets } from '../../../src/core/training/plan/presets';
import { definitionOf, requestOf, taskEntry } from '../../../src/core/training/plan/taskDefinition';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

const SCRIPT = 'scripts/train_multi_layer_npt.py';
const TRAINER = path.resolve(__dirname, '../../../trainer');
const codes = (messages: readonly { code: string }[]): string[] => messages.map((message) => message.code);

/** What the trainer makes of each command line: its arguments, or its refusal. Needs only Python's standard library. */
const RESOLVE = `
import json, sys
from npt.arguments import parse_command, resolve
from npt.errors import UsageError
def resolved(words):
    try:
        return resolve(*((lambda typed, script: (typed, None, script))(*parse_command(words)))).as_config()
    except UsageError as error:
        return str(error)
print(json.dumps([resolved(words) for words in json.load(sys.stdin)]))
`;

/** The arguments that our trainer resolves from each command line, or its refusal. */
function resolvedByTrainer(commands: readonly (readonly string[])[]): (Record<string, unknown> | string)[] {
  const python = process.env.NPT_PY ?? 'python3';
  const { stdout, stderr } = spawnSync(python, ['-c', RESOLVE], {
    cwd: TRAINER,
    input: JSON.stringify(commands),
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as (Record<string, unknown> | string)[];
}

describe('the kinds of plans', () => {
  let ws: FixtureWorkspace;
  let older: string;
  let newest: string;
  let demo: string;

  beforeEach(() => {
    ws = new FixtureWorkspace();
    fs.mkdirSync(path.join(ws.root, 'scripts'));
    fs.writeFileSync(path.join(ws.root, SCRIPT), 'from npt.main import main\n');
    demo = ws.run('demo');
    older = ws.checkpoint('demo', 50);
    newest = ws.checkpoint('demo', 150);
  });
  afterEach(() => {
    ws.remove();
  });

  const plan = (request: PlanRequest): Promise<Plan> =>
    makePlan({ interpreter: '/py', workspaceRoot: ws.root, ...request });
  const changedOf = (made: Plan): object =>
    Object.fromEntries(
      made.arguments.filter((a) => a.source === 'changed').map((a) => [a.name, [a.previous, a.value]]),
    );
  const sourceOf = (made: Plan, name: string): string | undefined =>
    made.arguments.find((a) => a.name === name)?.source;

  describe('start', () => {
    it('from a preset that comes along: a new run beside the others, and nothing but the preset is passed', async () => {
      const made = await plan({ kind: 'start', preset: 'demo' });
      assert.deepEqual(made.errors, []);
      assert.deepEqual(made.warnings, []);
      assert.deepEqual(made.argv, ['/py', SCRIPT, '--output_dir', 'experiments/demo-2', '--demo_mode']);
      assert.deepEqual(
        [made.kind, made.newRun, made.parent, made.checkpoint, made.preset, made.startStep, made.stageAtStart],
        ['start', true, null, null, 'demo', 0, 'teacher'],
      );
      assert.equal(sourceOf(made, 'demo_mode'), 'preset');
      assert.equal(made.arguments.find((a) => a.name === 'max_steps')?.value, 600, 'the demo has its own defaults');
    });

    it('every preset that comes along is accepted by the trainer, which takes what the plan shows', async () => {
      const { presets } = await readPresets(ws.root);
      const plans = await Promise.all(presets.map(({ name }) => plan({ kind: 'start', preset: name })));
      const resolved = resolvedByTrainer(plans.map((made) => made.argv.slice(2)));
      for (const [at, made] of plans.entries()) {
        assert.deepEqual(made.errors, []);
        assertSame(made, resolved[at]);
      }
    });

    it('the preset "improved" is what train_improved_npt.sh runs', () => {
      const script = fs.readFileSync(path.join(TRAINER, 'train_improved_npt.sh'), 'utf8');
      const words = /train_multi_layer_npt\.py" \\\n([\s\S]*?) -- "\$@"/.exec(script)?.[1] ?? '';
      const { values, unknown } = readCommand(words.replaceAll('\\\n', ' ').trim().split(/\s+/));
      assert.deepEqual(unknown, []);
      const own = new Map([...values].filter(([name]) => !['output_dir', 'wandb_name'].includes(name)));
      assert.ok(own.size > 10);
      return readPresets(ws.root).then(({ presets }) => {
        const words = Object.entries(presets.find(({ name }) => name === 'improved')?.arguments ?? {}).flatMap(
          ([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]),
        );
        assert.deepEqual(readCommand(words).values, own);
      });
    });

    it('from a preset of the workspace, with its name for the run, and typed values on top', async () => {
      fs.mkdirSync(path.join(ws.root, '.npt'));
      const file = { schema: 1, presets: { 'my/own': { arguments: { train_layers: '2,3', batch_size: '2' } } } };
      fs.writeFileSync(path.join(ws.root, '.npt/presets.json'), JSON.stringify(file));
      const made = await plan({ kind: 'start', preset: 'my/own', changes: { batch_size: '16', seed: '42' } });
      assert.deepEqual(made.errors, []);
      assert.deepEqual(changedOf(made), { batch_size: [2, 16] }, 'a seed of 42 is what it would be');
      assert.deepEqual(made.argv.slice(2), [
        ...['--output_dir', 'experiments/my-own', '--batch_size', '16', '--train_layers', '2,3'],
      ]);
    });

    it('a preset that is not there is an error that says which there are', async () => {
      const made = await plan({ kind: 'start', preset: 'demi' });
      assert.match(made.errors[0]?.message ?? '', /^There is no preset "demi": there are demo, improved\.$/);
    });

    it("from another run's settings: all that is not as by default is passed, what belongs to one start is not", async () => {
      ws.run('other', { config: { output_dir: 'experiments/other', resume_from: 'x', wandb_mode: 'offline' } });
      const made = await plan({ kind: 'start', from: path.join(ws.experiments, 'other'), changes: { np_rank: '8' } });
      assert.deepEqual(made.errors, []);
      assert.equal(made.run, path.join(ws.experiments, 'other-np-rank8'));
      assert.equal(made.from, path.join(ws.experiments, 'other'));
      assert.equal(sourceOf(made, 'wandb_mode'), 'run');
      const [resolved] = resolvedByTrainer([made.argv.slice(2)]);
      assertSame(made, resolved);
      assert.ok(!made.argv.includes('--resume_from'));
    });

    it('from nothing: layers have to be said; the run is named after its model and the time', async () => {
      const made = await plan({ kind: 'start' });
      assert.deepEqual(codes(made.errors), ['missing-value']);
      assert.deepEqual([made.errors[0]?.argument, made.errors[0]?.proposal], ['train_layers', 'upper_half']);
      const typed = await plan({ kind: 'start', changes: { train_layers: 'upper_half', model_size: '3b' } });
      assert.deepEqual(typed.errors, []);
      assert.match(path.basename(typed.run), /^random-3b-\d{8}-\d{6}$/);
      assertSame(typed, resolvedByTrainer([typed.argv.slice(2)])[0]);
    });

    it('in the folder for runs that the settings name', async () => {
      const made = await plan({ kind: 'start', preset: 'demo', experiments: 'runs' });
      assert.equal(made.run, path.join(ws.root, 'runs', 'demo'));
    });
  });

  it('fine-tune: another rate for 10,000 steps more, in the same run; from an older checkpoint a branch', async () => {
    const asked = await plan({ kind: 'fine-tune', checkpoint: newest });
    assert.deepEqual(codes(asked.errors), ['missing-value']);
    assert.deepEqual([asked.errors[0]?.argument, asked.errors[0]?.proposal], ['learning_rate', '5e-4']);
    const made = await plan({ kind: 'fine-tune', checkpoint: newest, changes: { learning_rate: '1e-5' } });
    assert.deepEqual(made.errors, []);
    assert.deepEqual([made.kind, made.run, made.newRun], ['fine-tune', demo, false]);
    assert.deepEqual(made.argv.slice(4), ['--learning_rate', '1e-5', '--max_steps', '10150']);
    const branch = await plan({ kind: 'fine-tune', checkpoint: older, changes: { learning_rate: '1e-5' } });
    assert.deepEqual([branch.kind, path.basename(branch.run)], ['branch', 'demo-lr1e-5']);
  });

  it('debug: a branch in one stage for a few steps', async () => {
    const made = await plan({ kind: 'debug', checkpoint: older, stage: 'student', additionalSteps: 20 });
    assert.deepEqual(made.errors, []);
    assert.deepEqual([made.kind, made.newRun, path.basename(made.run)], ['debug', true, 'demo-debug-student']);
    assert.deepEqual(made.parent, { id: 'id-demo', run: 'demo', checkpoint: 'checkpoint-50', step: 50 });
    assert.equal(made.stageAtStart, 'student');
    assert.deepEqual(made.argv.slice(6), ['--curriculum_stages', 'student:70', '--max_steps', '70']);
    const mixed = await plan({ kind: 'debug', checkpoint: newest, stage: 'mixed' });
    assert.deepEqual(changedOf(mixed), {
      curriculum_stages: ['teacher:100,mixed:100:0.5,student:100', 'mixed:2150:0.5'],
      max_steps: [300, 2150],
    });
    assert.match((await plan({ kind: 'debug', checkpoint: newest, stage: 'warm' })).errors[0]?.message ?? '', /"warm"/);
  });

  it('debug without a stage offers them, each as a plan', async () => {
    const request: PlanRequest = { kind: 'debug', checkpoint: newest, additionalSteps: 5 };
    const [error] = (await plan(request)).errors;
    assert.equal(error?.code, 'missing-value');
    const [, , last] = error.remedies ?? [];
    assert.ok(last?.kind === 'plan');
    const settled = await plan(withRemedy(request, last.request));
    assert.deepEqual([settled.errors, settled.stageAtStart], [[], 'student']);
  });

  it('a resume with a name becomes a branch of that name', async () => {
    const made = await plan({ kind: 'resume', checkpoint: newest, name: 'mine' });
    assert.deepEqual([made.kind, made.newRun, path.basename(made.run)], ['branch', true, 'mine']);
  });

  describe('re-run', () => {
    const born = (argv: readonly string[], cwd = ws.root): string =>
      ws.run('born', { run: { argv: [SCRIPT, ...argv], cwd } });

    it('gives every argument of the original command again, into a new run', async () => {
      const words = [
        '--train_layers',
        '2-3',
        '--learning_rate=1e-3',
        '--output_dir',
        'experiments/born',
        '--no-async_save',
      ];
      const made = await plan({ kind: 're-run', from: born([...words, '--wandb_tags', 'a', 'b c', '--demo_mode']) });
      assert.deepEqual([made.errors, made.warnings], [[], []]);
      assert.deepEqual([made.kind, path.basename(made.run), made.parent], ['re-run', 'born-2', null]);
      for (const name of ['train_layers', 'learning_rate', 'async_save', 'wandb_tags', 'demo_mode']) {
        assert.equal(sourceOf(made, name), 'command line', name);
      }
      const [again, before] = resolvedByTrainer([
        made.argv.slice(2),
        [...words, '--wandb_tags', 'a', 'b c', '--demo_mode'],
      ]);
      assertSame(made, again);
      assert.deepEqual(
        { ...(again as object), output_dir: '' },
        { ...(before as object), output_dir: '', train_layers: '2,3' },
      );
    });

    it('of a script with settings: what was typed behind them wins', async () => {
      const made = await plan({
        kind: 're-run',
        from: born([
          '--model_name',
          'x/y',
          '--train_layers',
          '8-15',
          '--max_steps',
          '50',
          '--',
          '--demo_mode',
          '--seed',
          '7',
        ]),
      });
      const [resolved] = resolvedByTrainer([made.argv.slice(2)]);
      assertSame(made, resolved);
      assert.deepEqual(
        ['model_name', 'max_steps', 'seed'].map((name) => made.arguments.find((a) => a.name === name)?.value),
        ['npt-demo', 600, 7],
      );
    });

    it('of a branch: from the same checkpoint, with the same changes', async () => {
      const from = born(['--resume_from', 'experiments/demo/checkpoints/checkpoint-50', '--learning_rate', '1e-3']);
      const made = await plan({ kind: 're-run', from, changes: { batch_size: '4' } });
      assert.deepEqual(made.errors, []);
      assert.equal(made.checkpoint, older);
      assert.deepEqual(made.parent, { id: 'id-demo', run: 'demo', checkpoint: 'checkpoint-50', step: 50 });
      assert.deepEqual(made.argv.slice(2), [
        ...['--resume_from', 'experiments/demo/checkpoints/checkpoint-50', '--output_dir', 'experiments/born-bs4'],
        ...['--learning_rate', '0.001', '--batch_size', '4'],
      ]);
      assert.equal(sourceOf(made, 'learning_rate'), 'command line');
    });

    it('of a branch whose checkpoint is gone: its settings are offered', async () => {
      const request: PlanRequest = {
        kind: 're-run',
        from: born(['--resume_from', 'experiments/gone/checkpoints/checkpoint-5']),
      };
      const [error] = (await plan(request)).errors;
      assert.equal(error?.code, 'not-found');
      const [remedy] = error.remedies ?? [];
      assert.ok(remedy?.kind === 'plan');
      const settled = await plan(withRemedy(request, remedy.request));
      assert.deepEqual([settled.kind, settled.errors], ['start', []]);
    });

    it('finds the files of the command where they were, and where they were taken along to', async () => {
      const before = path.join(ws.root, 'before');
      fs.mkdirSync(before);
      fs.writeFileSync(path.join(ws.root, 'here.txt'), 'text');
      const made = await plan({
        kind: 're-run',
        from: born(['--train_layers', '2', '--train_file', 'here.txt', '--train_file', 'there.txt'], before),
      });
      const files = made.arguments.find((a) => a.name === 'train_file')?.value;
      assert.deepEqual(files, ['here.txt', path.join(before, 'there.txt')]);
      assertSame(made, resolvedByTrainer([made.argv.slice(2)])[0], ['train_file']);
    });

    it('of a run that does not keep its command: its settings, and that is said', async () => {
      const made = await plan({ kind: 're-run', from: demo });
      assert.deepEqual(codes(made.warnings), ['command-unknown']);
      assert.equal(sourceOf(made, 'learning_rate'), 'run');
      assert.equal(path.basename(made.run), 'demo-2');
    });
  });

  it('a plan as a task of tasks.json makes the same plan again', async () => {
    const born = ws.run('born', { run: { argv: [SCRIPT, '--train_layers', '2-3', '--seed', '7'] } });
    const requests: PlanRequest[] = [
      { kind: 'start', preset: 'demo', changes: { learning_rate: '1e-3' } },
      { kind: 'start', changes: { train_layers: '1,2' } },
      { kind: 'start', from: demo },
      { kind: 'resume', checkpoint: newest },
      { kind: 'resume', checkpoint: older },
      { kind: 'extend', checkpoint: newest, additionalSteps: 20 },
      { kind: 'fine-tune', checkpoint: newest, changes: { learning_rate: '1e-5' } },
      { kind: 'fine-tune', checkpoint: older, changes: { learning_rate: '1e-5' } },
      { kind: 'debug', checkpoint: older, stage: 'mixed' },
      { kind: 'branch', checkpoint: newest, changes: { batch_size: '2' } },
      { kind: 're-run', from: born, changes: { batch_size: '2' } },
    ];
    for (const request of requests) {
      const made = await plan(request);
      assert.deepEqual(made.errors, []);
      const again = requestOf(JSON.parse(JSON.stringify(definitionOf(made))) as Record<string, unknown>, ws.root);
      assert.ok(typeof again !== 'string', JSON.stringify(again));
      assert.deepEqual((await plan(again)).argv, made.argv);
    }
  });

  it('an entry of tasks.json starts as its plan would, whatever is set by then', async () => {
    const launch = { kind: 'torchrun', options: { processes: 2, devices: ['GPU-1', 'GPU-2'] } } as const;
    const made = await plan({ kind: 'branch', checkpoint: newest, changes: { batch_size: '2' }, launch });
    const entry = JSON.parse(JSON.stringify(taskEntry(made))) as Record<string, unknown>;
    assert.deepEqual([entry['launcher'], entry['launcherOptions']], [launch.kind, launch.options]);
    const again = requestOf(entry, ws.root);
    assert.ok(typeof again !== 'string', JSON.stringify(again));
    assert.deepEqual((await plan(again)).launch, made.launch);
    const wrong = requestOf({ ...entry, launcherOptions: { processes: 'many' } }, ws.root);
    assert.ok(typeof wrong !== 'string');
    assert.match((await plan(wrong)).errors[0]?.message ?? '', /npt\.torchrun\.processes is "many"/);
  });

  /** Asserts that the trainer resolves what the plan shows. */
  function assertSame(made: Plan, resolved: Record<string, unknown> | string | undefined, except: string[] = []): void {
    assert.ok(typeof resolved === 'object', JSON.stringify(resolved));
    const text = (value: unknown): string => JSON.stringify(value ?? null).replace(/^\[([\d,]*)\]$/, '"$1"');
    for (const { name, value } of made.arguments) {
      if (!except.includes(name)) assert.equal(text(value), text(resolved[name]), name);
    }
  }
});
