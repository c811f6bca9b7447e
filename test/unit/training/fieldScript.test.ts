/** Plans with another trainer's script: real parsers, and real checkpoints of theirs, in each dialect (contract section 7). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { askScript, type ScriptQuestion } from '../../../src/core/training/field/askScript';
import { readHelp } from '../../../src/core/training/field/help';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import type { Plan } from '../../../src/core/training/plan/plan';
import type { PlanRequest } from '../../../src/core/training/plan/request';
import { definitionOf, requestOf } from '../../../src/core/training/plan/taskDefinition';
import { FixtureWorkspace } from '../experiment/fixtureWorkspace';

const SCRIPT = 'scripts/train_multi_layer_npt.py';
const FIXTURES = path.resolve(__dirname, '../../fixtures');
const TRAINER = path.resolve(__dirname, '../../../trainer');
const codes = (messages: readonly { code: string }[]): string[] => messages.map((message) => message.code);

/** Where each dialect's checkpoint lies in its run, and what it holds. */
const DIALECTS = {
  field: {
    layers: [13, 14, 15],
    rank: 4,
    ranks: 1,
    dual: false,
    step: 24000,
    at: 'theirs/checkpoints/checkpoint-24000',
  },
  'field-boundary': {
    layers: [13],
    rank: 4,
    ranks: 2,
    dual: true,
    step: 20000,
    at: 'theirs/checkpoints/checkpoint-20000',
  },
  'field-numpy1': {
    layers: [13],
    rank: 4,
    ranks: 1,
    dual: false,
    step: 24000,
    at: 'seq/layer_13_x/checkpoints/checkpoint-24000',
  },
  'field-old': { layers: [5], rank: 4, ranks: 1, dual: false, step: 1500, at: 'theirs/checkpoints/checkpoint-1500' },
  'field-merged': { layers: [1, 2], rank: 4, ranks: 1, dual: false, step: 24000, at: 'theirs/checkpoints/final' },
} as const;
type Dialect = keyof typeof DIALECTS;
const CURRICULUM = 'teacher:20000,mixed:30000:0.5,student:40000';

describe("another trainer's script", () => {
  let ws: FixtureWorkspace;
  let cache: string;

  beforeEach(() => {
    ws = new FixtureWorkspace();
    cache = path.join(ws.root, 'cache');
    fs.mkdirSync(path.join(ws.root, 'scripts'));
  });
  afterEach(() => {
    ws.remove();
  });

  const ask = (question: ScriptQuestion, limitMs = 60_000) => askScript(question, { cache, limitMs });

  function script(text: string): void {
    fs.writeFileSync(path.join(ws.root, SCRIPT), text);
  }

  function theirs(name: string): void {
    fs.copyFileSync(path.join(FIXTURES, 'trainers', `${name}.py`), path.join(ws.root, SCRIPT));
  }

  function ours(): void {
    script('from npt.main import main\n');
  }

  /** A dialect's checkpoint in the workspace. @returns its path */
  function checkpoint(dialect: Dialect): string {
    const { at } = DIALECTS[dialect];
    const target = path.join(ws.experiments, at);
    fs.cpSync(path.join(FIXTURES, 'checkpoints', dialect, path.basename(at)), target, { recursive: true });
    // Nothing marks an older one's end: only a new one may still be being written.
    for (const file of fs.readdirSync(target)) fs.utimesSync(path.join(target, file), 1000, 1000);
    return target;
  }

  const plan = (request: Partial<PlanRequest>): Promise<Plan> =>
    makePlan({ kind: 'resume', interpreter: 'python3', askScript: (question) => ask(question), ...request });

  /** What the script's own parser reads of a plan's command line. */
  function parsed(made: Plan): Record<string, unknown> {
    const [program = '', ...words] = made.argv;
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: made.cwd, encoding: 'utf8' });
    assert.equal(status, 0, `${made.argv.join(' ')}: ${stderr}`);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  }

  /** What our trainer's parser reads of it. */
  function parsedByOurs(made: Plan): Record<string, unknown> {
    const asking =
      'import json, sys; from npt.arguments import parse_typed; print(json.dumps(parse_typed(sys.argv[1:])))';
    const { status, stdout, stderr } = spawnSync('python3', ['-c', asking, ...made.argv.slice(2)], {
      cwd: TRAINER,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${made.argv.join(' ')}: ${stderr}`);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  const asked = (made: Plan): string[] => made.questions.map(({ argument }) => argument);

  for (const [dialect, holds] of Object.entries(DIALECTS) as [Dialect, (typeof DIALECTS)[Dialect]][]) {
    const old = dialect === 'field-old';

    it(`${dialect}: a plan recovers what is there, and ours and theirs accept its command line`, async () => {
      const from = checkpoint(dialect);
      ours();
      const own = await plan({ checkpoint: from });
      theirs('contract_names');
      const other = await plan({ checkpoint: from });
      for (const made of [own, other]) {
        assert.deepEqual(made.errors, []);
        assert.equal(made.startStep, holds.step);
        const value = new Map(made.arguments.map((each) => [each.name, each.value]));
        assert.deepEqual(value.get('train_layers'), holds.layers);
        assert.deepEqual([value.get('np_rank'), value.get('num_ranks')], [holds.rank, holds.ranks]);
        assert.deepEqual([value.get('dual_modulation'), value.get('triple_modulation')], [holds.dual, false]);
        assert.deepEqual(
          made.questions.filter(({ argument }) => ['np_rank', 'train_layers', 'learning_rate'].includes(argument)),
          [],
        );
      }
      const read = parsedByOurs(own);
      const readByThem = parsed(other);
      assert.equal(read.train_layers, holds.layers.join(','));
      assert.equal(readByThem.train_layers, holds.layers.join(','));
      for (const each of [{ num_ranks: 1, dual_modulation: false, ...read }, readByThem]) {
        assert.deepEqual([each.np_rank, each.num_ranks, each.dual_modulation], [holds.rank, holds.ranks, holds.dual]);
        assert.equal(path.resolve(ws.root, String(each.resume_from)), from);
      }
      assert.ok(asked(own).includes('lambda_reg') && asked(other).includes('lambda_reg'));
      if (old) {
        // It stores no curriculum.
        for (const made of [own, other]) {
          assert.ok(['curriculum_stages', 'layer_weights'].every((name) => asked(made).includes(name)));
        }
        return;
      }
      assert.equal(read.curriculum_stages, CURRICULUM);
      assert.equal(readByThem.curriculum_stages, CURRICULUM);
      // What is their own default is passed, too: nobody knows what it is in the next version.
      assert.deepEqual(
        [readByThem.model_name, readByThem.batch_size, readByThem.learning_rate, readByThem.max_steps],
        ['meta-llama/Llama-3.2-1B', 4, 5e-5, 90000],
      );
      assert.deepEqual([readByThem.gradient_clip_value, readByThem.mixed_precision], [0.5, true]);
      assert.ok(!asked(own).includes('model_name') && !asked(other).includes('batch_size'));
    });
  }

  it('a question says what is taken, by ours or by their script, and goes once it is answered', async () => {
    const from = checkpoint('field');
    ours();
    const own = await plan({ checkpoint: from });
    const find = (made: Plan, name: string) => made.questions.find(({ argument }) => argument === name);
    assert.deepEqual(find(own, 'lambda_reg'), {
      argument: 'lambda_reg',
      message: 'Nothing on disk says which lambda_reg it was trained with: 0.01 is taken.',
      proposal: '0.01',
    });
    assert.match(find(own, 'curriculum_stages')?.message ?? '', /mixing ratio of its own/);
    // Of what it may train on but not of what changes nothing.
    assert.ok(asked(own).includes('dataset_preset'));
    for (const name of ['num_workers', 'logging_steps', 'device', 'wandb_name']) assert.ok(!asked(own).includes(name));
    const answered = await plan({ checkpoint: from, changes: { lambda_reg: '0.01', weight_decay: '0.1' } });
    assert.deepEqual([find(answered, 'lambda_reg'), find(answered, 'weight_decay')], [undefined, undefined]);
    assert.deepEqual(
      answered.arguments.filter(({ source }) => source === 'answered').map(({ name, value }) => [name, value]),
      [['lambda_reg', 0.01]],
    );
    assert.ok(!codes(answered.warnings).includes('no-effect'));
    const saved = requestOf({ ...definitionOf(answered) }, ws.root);
    assert.deepEqual(typeof saved === 'string' ? saved : saved.changes, { lambda_reg: '0.01', weight_decay: '0.1' });
    theirs('contract_names');
    const other = await plan({ checkpoint: from });
    assert.deepEqual(find(other, 'lambda_reg'), {
      argument: 'lambda_reg',
      message: 'Nothing on disk says which lambda_reg it was trained with: the script takes its own, 0.005.',
      proposal: '0.005',
    });
    assert.equal(find(other, 'fidelity_weight'), undefined, 'it cannot be told');
    const told = parsed(await plan({ checkpoint: from, changes: { lambda_reg: '0.01' } }));
    assert.equal(told.lambda_reg, 0.01, 'what is our default is passed once it is an answer');
  });

  it('names with dashes, lists, choices: each as the script takes it', async () => {
    theirs('dashed_names');
    const from = checkpoint('field');
    const needs = await plan({ checkpoint: from });
    assert.deepEqual(
      needs.errors.map(({ code, argument }) => [code, argument]),
      [['missing-value', 'data_dir']],
    );
    assert.ok(codes(needs.warnings).includes('script-refuses'), 'mixed_precision true may be fp16 or bf16');
    assert.match(
      needs.warnings.find(({ code }) => code === 'script-lacks')?.message ?? '',
      /no option for gradient_accumulation_steps/,
    );
    const made = await plan({ checkpoint: from, changes: { data_dir: '-my text', mixed_precision: 'bf16' } });
    assert.deepEqual(made.errors, []);
    const read = parsed(made);
    assert.deepEqual(read.train_layers, [13, 14, 15]);
    assert.deepEqual([read.lr, read.max_grad_norm, read.dual_modulation], [5e-5, 0.5, false]);
    assert.deepEqual([read.data_dir, read.mixed_precision, read.num_ranks], ['-my text', 'bf16', 1]);
    assert.equal(path.resolve(ws.root, String(read.resume_from_checkpoint)), from);
    assert.ok(made.argv.includes('--no-dual-modulation') && made.argv.includes('--learning-rate'));
    const saved = definitionOf(made);
    assert.equal(saved.changes?.data_dir, '-my text');
  });

  it('what it stored itself is passed in its own words', async () => {
    theirs('dashed_names');
    const from = checkpoint('field');
    const config = path.join(from, 'config.json');
    const stored = JSON.parse(fs.readFileSync(config, 'utf8')) as object;
    fs.writeFileSync(
      config,
      JSON.stringify({ ...stored, mixed_precision: 'fp16', lr: 1e-3, wandb_tags: ['a', 'b c'] }),
    );
    const read = parsed(await plan({ checkpoint: from, changes: { data_dir: 'x' } }));
    assert.deepEqual([read.mixed_precision, read.wandb_tags], ['fp16', ['a', 'b c']]);
    assert.equal(read.lr, 5e-5, 'a value under our name counts');
  });

  it('refuses to change what the script has no option for, and a value that it would refuse', async () => {
    theirs('dashed_names');
    const from = checkpoint('field');
    const change = (changes: Record<string, string>) =>
      plan({ checkpoint: from, changes: { data_dir: 'x', ...changes } });
    assert.deepEqual(codes((await change({ lambda_reg: '0.5' })).errors), ['script-lacks']);
    assert.deepEqual(codes((await change({ init_strategy: 'conservative' })).errors), ['invalid-value']);
    assert.deepEqual(codes((await change({ stop_at_all: '5' })).errors), ['unknown-argument']);
    const own = await change({ stop_at: '5' });
    assert.deepEqual(own.errors, []);
    assert.equal(parsed(own).stop_at, '5');
  });

  it('never passes what the script does not have', async () => {
    theirs('few_options');
    const made = await plan({ checkpoint: checkpoint('field-boundary') });
    assert.deepEqual(made.errors, []);
    const read = parsed(made);
    assert.deepEqual([read.max_steps, read.train_layers], [90000, '13']);
    assert.match(String(read.resume), /checkpoint-20000$/);
    assert.deepEqual(made.argv.filter((word) => word.startsWith('--')).sort(), [
      '--max_steps',
      '--resume',
      '--train_layers',
    ]);
    assert.match(
      made.warnings.find(({ code }) => code === 'script-lacks')?.message ?? '',
      /no option for .*np_rank.*dual_modulation/,
    );
    // A start again goes on from the same checkpoint: a run's folder means nothing to it.
    assert.deepEqual(made.again, made.argv);
    const branch = await plan({ kind: 'branch', checkpoint: path.join(ws.experiments, DIALECTS['field-boundary'].at) });
    assert.ok(codes(branch.warnings).includes('script-chooses-folder'));
    assert.ok(!branch.argv.includes('--output_dir'));
  });

  it('a script that cannot go on, or needs words of its own, is refused', async () => {
    const from = checkpoint('field');
    script(
      'import argparse\np = argparse.ArgumentParser()\np.add_argument("--resume", action="store_true")\np.parse_args()\n',
    );
    assert.deepEqual(codes((await plan({ checkpoint: from })).errors), ['script-cannot-resume']);
    script(
      'import argparse\np = argparse.ArgumentParser()\np.add_argument("recipe", help="a file")\np.add_argument("more", nargs="?")\np.add_argument("--resume_from")\np.parse_args()\n',
    );
    const [error, ...others] = (await plan({ checkpoint: from })).errors;
    assert.deepEqual([error?.code, others], ['script-needs-words', []]);
    assert.match(error?.message ?? '', /needs recipe on its command line/);
  });

  it('says in one line why a script gave no answer', async () => {
    const from = checkpoint('field');
    const failure = async (text: string, limitMs?: number): Promise<string> => {
      script(text);
      const made = await plan({ checkpoint: from, askScript: (question) => ask(question, limitMs) });
      assert.deepEqual(codes(made.errors), ['script-options-unknown']);
      assert.doesNotMatch(made.errors[0]?.message ?? '', /\n/);
      return made.errors[0]?.message ?? '';
    };
    assert.match(
      await failure('import no_such_library\n'),
      /^scripts\/train_multi_layer_npt\.py could not be asked for its options: ModuleNotFoundError: No module named 'no_such_library'\. Run python3 .* --help to see why\.$/,
    );
    assert.match(await failure('print("training…")\n'), /its --help lists no options/);
    assert.match(await failure('import time\ntime.sleep(600)\n', 500), /it did not answer within/);
    fs.rmSync(path.join(ws.root, SCRIPT));
    assert.deepEqual(codes((await plan({ checkpoint: from })).errors), ['script-missing']);
  });

  it('is asked once for as long as it is the same file, and never where that is not allowed', async () => {
    const from = checkpoint('field');
    const count = path.join(ws.root, 'asked');
    const counting = (more: string): string =>
      `import argparse\nopen(${JSON.stringify(count)}, "a").write("x")\np = argparse.ArgumentParser()\np.add_argument("--resume_from")\n${more}p.parse_args()\n`;
    const times = (): number => (fs.existsSync(count) ? fs.statSync(count).size : 0);
    script(counting(''));
    await makePlan({ kind: 'resume', checkpoint: from, interpreter: 'python3' });
    assert.equal(times(), 0);
    await Promise.all([plan({ checkpoint: from }), plan({ checkpoint: from })]);
    await plan({ checkpoint: from });
    assert.equal(times(), 1);
    // Another process finds the answer on disk.
    const other = spawnSync(
      process.execPath,
      [
        ...['--import', 'tsx', '-e'],
        `const { askScript } = require(${JSON.stringify(path.resolve(__dirname, '../../../src/core/training/field/askScript.ts'))});
        void askScript(${JSON.stringify({ interpreter: 'python3', script: path.join(ws.root, SCRIPT), folder: ws.root, variables: {} })}, ${JSON.stringify({ cache })}).then((answer) => {
          console.log(answer.help.options.map((each) => each.spellings.at(-1)).join());
        });`,
      ],
      { encoding: 'utf8', cwd: path.resolve(__dirname, '../../..') },
    );
    assert.equal(other.stdout.trim(), '--help,--resume_from', other.stderr);
    assert.equal(times(), 1);
    script(counting('p.add_argument("--max_steps", type=int)\n'));
    const made = await plan({ checkpoint: from });
    assert.equal(times(), 2);
    assert.ok(made.argv.includes('--max_steps'));
  });

  it('is asked again where what was kept is damaged', async () => {
    theirs('few_options');
    const question = { interpreter: 'python3', script: path.join(ws.root, SCRIPT), folder: ws.root, variables: {} };
    const first = await ask(question);
    const [name = ''] = fs.readdirSync(cache);
    const whole = JSON.parse(fs.readFileSync(path.join(cache, name), 'utf8')) as { help: string };
    const damaged = path.join(ws.root, 'damaged');
    fs.mkdirSync(damaged);
    fs.writeFileSync(path.join(damaged, name), '{"schema": 1, "help": ');
    assert.deepEqual(await askScript(question, { cache: damaged }), first);
    const mended = JSON.parse(fs.readFileSync(path.join(damaged, name), 'utf8')) as { help: string };
    assert.equal(mended.help, whole.help);
    // A folder that cannot be written only means that it is asked again.
    fs.writeFileSync(path.join(ws.root, 'file'), '');
    assert.deepEqual(await askScript(question, { cache: path.join(ws.root, 'file/cache') }), first);
  });
});

describe('the text of --help', () => {
  const names = (text: string): string[] =>
    (readHelp(text)?.options ?? []).map(({ spellings, negation, takes }) =>
      [...spellings, negation ?? '', takes].join(' '),
    );

  it('is read in the forms of old and new Pythons and of click', () => {
    assert.deepEqual(
      names(
        'usage: a [-h] [--lr LR] [--x | --no-x]\n\noptions:\n  -h, --help  show\n  --lr LR, --learning_rate LR\n                the rate (default: 0.1)\n  --x, --no-x   on or off\n',
      ),
      ['-h --help  nothing', '--lr --learning_rate  one', '--x --no-x nothing'],
    );
    assert.deepEqual(
      names('usage: a [-h] [--lr LR]\n\noptions:\n  -h, --help  show\n  --lr, --learning_rate LR  the rate\n'),
      ['-h --help  nothing', '--lr --learning_rate  one'],
    );
    assert.deepEqual(
      names('Usage: a [OPTIONS]\n\nOptions:\n  --lr FLOAT       the rate\n  --x / --no-x     on or off\n'),
      ['--lr  one', '--x --no-x nothing'],
    );
    assert.deepEqual(
      names('\u001b[1;34musage: \u001b[0ma [--lr LR]\n\noptions:\n  \u001b[1;36m--lr\u001b[0m LR  x\n'),
      ['--lr  one'],
    );
  });

  it('says what is needed and what is taken', () => {
    const help = readHelp(
      'usage: a [-h] --data DIR [--rank {1,2}] (--a A | --b B) recipe [more]\n\npositional arguments:\n  recipe  a file\n  more    another\n\noptions:\n  -h, --help    show\n  --data DIR    text\n  --rank {1,2}  of (default: 2)\n  --a A\n  --b B\n',
    );
    assert.deepEqual(help?.words, ['recipe']);
    assert.deepEqual(
      help.options.map(({ spellings: [name], required }) => [name, required]),
      [
        ['-h', false],
        ['--data', true],
        ['--rank', false],
        ['--a', false],
        ['--b', false],
      ],
    );
    assert.deepEqual(help.options[2], {
      spellings: ['--rank'],
      negation: null,
      takes: 'one',
      choices: ['1', '2'],
      default: '2',
      required: false,
    });
    assert.equal(readHelp('nothing of the kind\n'), null);
    assert.equal(readHelp(''), null);
  });
});
