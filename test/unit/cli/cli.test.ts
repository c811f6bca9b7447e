import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import type { Comparison } from '../../../src/core/checkpoint/compare/compare';
import type { MetricsDocument } from '../../../src/core/metrics/read';
import { type FixtureWorkspace, metricsLine } from '../experiment/fixtureWorkspace';
import { bundledCli, ROOT } from './bundledCli';
import { version } from '../../../package.json';

const FIXTURES = path.join(ROOT, 'test/fixtures/checkpoints');

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('the command line', function () {
  let ws: FixtureWorkspace;
  let cli: string;

  before(async () => {
    ({ ws, cli } = await bundledCli());
    ws.run('demo');
    ws.checkpoint('demo', 50);
    ws.checkpoint('demo', 150);
    ws.write('demo/checkpoints/best.json', { schema: 1, checkpoint: 'checkpoint-50' });
    ws.metrics('demo', [
      { event: 'start', segment: 1, resume_step: 0 },
      metricsLine(10, 3),
      metricsLine(20, 'NaN'),
      metricsLine(30, 1),
      { event: 'start', segment: 2, resume_step: 20 },
      { event: 'metrics', segment: 2, step: 30, time: 2000, metrics: { 'loss/total': 2, 'training/grad_norm': 5 } },
    ]);
    ws.run('child', {
      run: { created: 2000, parent: { id: 'id-demo', run: 'demo', checkpoint: 'checkpoint-50', step: 50 } },
    });
    ws.write('bad/run.json', '{');
  });
  after(() => {
    ws.remove();
  });

  function run(...words: string[]): Outcome {
    const done = spawnSync(process.execPath, [cli, ...words], { cwd: ws.root, encoding: 'utf8' });
    return { code: done.status, out: done.stdout, err: done.stderr };
  }

  function json(schema: string, ...words: string[]): { code: number | null; document: Record<string, never> } {
    const { code, out, err } = run(...words, '--json');
    assert.equal(err, '');
    const document = JSON.parse(out) as Record<string, never>;
    const ajv = new Ajv2020({ strict: true, strictTypes: false });
    const validate = ajv.compile(
      JSON.parse(fs.readFileSync(path.join(ROOT, 'schemas', schema), 'utf8')) as Record<string, unknown>,
    );
    assert.ok(validate(document), JSON.stringify(validate.errors));
    return { code, document };
  }

  it('presets, which start takes by their names', () => {
    const { code, document } = json('cli-presets.schema.json', 'presets');
    assert.equal(code, 0);
    const names = ({ presets }: { presets?: { name: string }[] }): string[] => presets?.map(({ name }) => name) ?? [];
    assert.deepEqual(names(document), ['demo', 'improved']);
    const folder = path.join(ws.root, '.npt');
    fs.mkdirSync(folder);
    try {
      const file = path.join(folder, 'presets.json');
      const values = { demo_mode: true, seed: 7 };
      fs.writeFileSync(file, JSON.stringify({ schema: 1, presets: { 'my\u001b[2J': { arguments: values } } }));
      const listed = json('cli-presets.schema.json', 'presets', ws.root).document;
      assert.deepEqual(names(listed), ['my\u001b[2J', 'demo', 'improved']);
      assert.match(run('presets').out, /^my\\x1b\[2J +of this workspace +demo_mode=true seed=7$/m);
      const started = run('start', '--preset', 'my\u001b[2J', '--dry-run', '--name', 'mine');
      assert.equal(started.code, 0, started.err);
      assert.match(started.out, /--output_dir experiments\/mine --seed 7 --demo_mode/);
      fs.writeFileSync(file, '{"schema":2}');
      const newer = run('presets');
      assert.equal(newer.code, 1);
      assert.match(
        newer.out,
        /^demo .*\nimproved .*\nerror: .*presets\.json has schema 2; .*update it to read this\.$/m,
      );
      const refused = run('start', '--preset', 'mine', '--dry-run');
      assert.match(refused.out + refused.err, /presets\.json has schema 2/);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it('check', () => {
    const { code, document } = json('cli-check.schema.json', 'check');
    const { canTrain, entries } = document as unknown as {
      canTrain: boolean;
      entries: { title: string; text: string }[];
    };
    assert.equal(code, canTrain ? 0 : 1);
    assert.match(entries.find(({ title }) => title === 'Python')?.text ?? '', /^3\.\d+\.\d+ \(python3\)/);
    assert.match(run('check').out, /^ok +Training script +scripts\/train_multi_layer_npt\.py$/m);
    assert.match(run('check', '--python', '/nowhere').out, /^missing +Python +\/nowhere cannot be used/m);
  });

  it('list', () => {
    const { code, document } = json('cli-list.schema.json', 'list');
    assert.equal(code, 0);
    const { runs, problems } = document as unknown as {
      runs: { name: string; state: string; parent: object | null; checkpoints: { name: string; best: boolean }[] }[];
      problems: { path: string; message: string }[];
    };
    assert.deepEqual(
      runs.map((r) => r.name),
      ['bad', 'child', 'demo'],
    );
    assert.deepEqual(runs[1]?.parent, { id: 'id-demo', run: 'demo', step: 50 });
    assert.deepEqual(
      runs[2]?.checkpoints.map((c) => [c.name, c.best]),
      [
        ['checkpoint-50', true],
        ['checkpoint-150', false],
      ],
    );
    assert.deepEqual(problems, [{ path: path.join(ws.experiments, 'bad/run.json'), message: 'is not JSON' }]);
    const { out } = run('list', ws.root);
    assert.match(out, /demo: interrupted, step 30 of 300, teacher\n {2}checkpoint-50 .*best/);
    assert.match(out, /child: .*branched from demo at 50/);
    assert.match(run('list', path.join(ws.root, 'scripts')).out, /^No runs in /);
  });

  it('list takes from what it kept what did not change since, and looks at each file where asked to', () => {
    const many = path.join(ws.root, 'many');
    const weights = (step: number): string => path.join(checkpointOf(step), 'npt_weights.pt');
    const checkpointOf = (step: number): string => path.join(many, 'experiments/run/checkpoints', `checkpoint-${step}`);
    const files = { 'npt_weights.pt': { bytes: 3 } };
    for (let step = 1; step <= 200; step += 1) {
      fs.mkdirSync(checkpointOf(step), { recursive: true });
      fs.writeFileSync(weights(step), 'abc');
      fs.writeFileSync(path.join(checkpointOf(step), 'manifest.json'), JSON.stringify({ schema: 1, step, files }));
    }
    const env = { ...process.env, XDG_CACHE_HOME: path.join(ws.root, 'cache') };
    const brokenIn = (...words: string[]): string[] => {
      const done = spawnSync(process.execPath, [cli, 'list', many, '--json', ...words], { env, encoding: 'utf8' });
      assert.equal(done.stderr, '');
      const { runs } = JSON.parse(done.stdout) as { runs: { checkpoints: { name: string; state: string }[] }[] };
      assert.equal(runs[0]?.checkpoints.length, 200);
      return runs[0].checkpoints.flatMap(({ name, state }) => (state === 'broken' ? [name] : []));
    };
    // What changed within the last seconds is not kept.
    const newest = fs.statSync(checkpointOf(200)).ctimeMs;
    while (Date.now() - newest < 2100) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    assert.deepEqual(brokenIn(), []);
    assert.equal(fs.readdirSync(path.join(env.XDG_CACHE_HOME, 'npt-checkpoints/scans')).length, 1);
    fs.truncateSync(weights(7), 1);
    fs.rmSync(weights(9));
    assert.deepEqual(brokenIn(), ['checkpoint-9']);
    assert.deepEqual(brokenIn('--fresh'), ['checkpoint-7', 'checkpoint-9']);
    assert.deepEqual(brokenIn(), ['checkpoint-7', 'checkpoint-9']);
  });

  it('plan', () => {
    const resume = json('cli-plan.schema.json', 'plan', 'resume', 'experiments/demo/checkpoints/checkpoint-150');
    assert.equal(resume.code, 0);
    assert.deepEqual((resume.document as { argv?: string[] }).argv?.slice(1), [
      'scripts/train_multi_layer_npt.py',
      '--resume_from',
      'experiments/demo/checkpoints/checkpoint-150',
    ]);
    const branch = json(
      'cli-plan.schema.json',
      ...['plan', 'branch', 'experiments/demo/checkpoints/checkpoint-50', '--set', 'learning_rate=1e-4', '--set'],
      'curriculum_stages=student:300',
    );
    assert.equal(branch.code, 0);
    assert.equal((branch.document as { stageAtStart?: string }).stageAtStart, 'student');
    const text = run('plan', 'extend', 'experiments/demo', '--steps', '1000');
    assert.equal(text.code, 0);
    assert.match(text.out, /max_steps: 300 → 1150/);
    assert.match(text.out, /curriculum: teacher 0–100, mixed 100–200 \(ratio 0\.5\), student 200–300 and on/);
    const refused = json('cli-plan.schema.json', 'plan', 'branch', 'experiments/demo', '--set', 'np_rank=8');
    assert.equal(refused.code, 1);
    assert.match(run('plan', 'branch', 'experiments/demo', '--set', 'np_rank=8').out, /error: .*cannot fit/);
  });

  it('metrics', () => {
    const { code, document } = json('cli-metrics.schema.json', 'metrics', 'experiments/demo');
    assert.equal(code, 0);
    const series = (document as unknown as { series: Record<string, object> }).series;
    assert.deepEqual(series['loss/total'], { steps: [10, 20, 30], values: [3, 'NaN', 2] });
    const one = json('cli-metrics.schema.json', 'metrics', 'experiments/demo', '--metric', 'training/grad_norm');
    assert.deepEqual(Object.keys((one.document as unknown as { series: object }).series), ['training/grad_norm']);
    const trainer = json('cli-metrics.schema.json', 'metrics', path.join(ROOT, 'test/fixtures/huggingface/run'));
    assert.deepEqual(
      (trainer.document as unknown as MetricsDocument).series['eval_loss/total']?.steps,
      [10, 20, 30, 40],
    );
    assert.equal(run('metrics', 'experiments/demo', '--metric', 'nothing').code, 1);
    assert.match(run('metrics', 'experiments/demo').out, /loss\/total +3 points +step 30 +2/);
  });

  it('validate', () => {
    const good = run('validate', path.join(FIXTURES, 'ours-dual/checkpoint-30'), '--json');
    assert.deepEqual([good.code, good.err], [0, '']);
    const report = JSON.parse(good.out) as { verdict: string; step: number; modulation: string };
    assert.deepEqual([report.verdict, report.step, report.modulation], ['valid', 30, 'dual']);
    const damaged = path.join(ws.root, 'damaged');
    fs.cpSync(path.join(FIXTURES, 'ours-dual/checkpoint-30'), damaged, { recursive: true });
    fs.truncateSync(path.join(damaged, 'npt_weights.pt'), 100);
    const bad = run('validate', damaged, '--level', 'structure');
    assert.equal(bad.code, 1);
    assert.match(bad.out, /^invalid: .*damaged\n/);
    assert.match(bad.out, /error: npt_weights\.pt/);
  });

  it('compare', () => {
    const original = path.join(FIXTURES, 'ours-dual/checkpoint-30');
    const changed = path.join(ws.root, 'changed');
    fs.cpSync(original, changed, { recursive: true });
    const config = path.join(changed, 'config.json');
    const settings = JSON.parse(fs.readFileSync(config, 'utf8')) as Record<string, unknown>;
    const same = json('cli-compare.schema.json', 'compare', original, changed);
    assert.equal(same.code, 0);
    assert.match(run('compare', original, changed).out, /^same: .*\n {2}A: .*checkpoint-30, step 30\n/);

    fs.writeFileSync(config, JSON.stringify({ ...settings, learning_rate: 5e-5 }));
    const { code, document } = json('cli-compare.schema.json', 'compare', original, changed);
    assert.equal(code, 1);
    const comparison = document as unknown as Comparison;
    assert.deepEqual(comparison.arguments, [{ name: 'learning_rate', a: 0.001, b: 5e-5 }]);
    assert.ok(comparison.tensors.length === 12 && comparison.tensors.every((tensor) => tensor.same));
    const text = run('compare', original, changed);
    assert.equal(text.code, 1);
    assert.match(text.out, /^different: All tensors are the same; 1 argument differs\.\n/);
    assert.match(text.out, /\n {2}layer 1 +identical\n {2}layer 2 +identical\n {2}learning_rate: 0\.001 → 5e-5\n$/);

    const field = path.join(FIXTURES, 'field/checkpoint-24000');
    const numpy1 = run('compare', path.join(FIXTURES, 'field-numpy1/checkpoint-24000'), field);
    assert.equal(numpy1.code, 1);
    assert.match(numpy1.out, /\n {2}layer \d+ +changed by [\d.]+ +cosine -?[\d.]+\n/);
    assert.match(numpy1.out, /\n {2}layer \d+ +only in B\n/);
    assert.doesNotMatch(numpy1.out, /W_down/);
    assert.match(run('compare', original, field).out, /\n {2}stage 1: teacher 0–20 → teacher 0–20000\n/);
  });

  it('--help and --version', () => {
    assert.equal(run('--version').out, `npt-checkpoints ${version}\n`);
    assert.match(run('--help').out, /list \[workspace\][\s\S]*Exit codes/);
    for (const command of ['list', 'validate', 'compare', 'plan', 'metrics']) {
      const { code, out } = run(command, '--help');
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Usage: npt-checkpoints ${command} `));
    }
  });

  for (const [words, line] of [
    [[], /Name a command: list, validate, compare, plan, metrics/],
    [['dance'], /There is no command "dance"/],
    [['list', 'a', 'b'], /Usage: list \[workspace\]/],
    [['list', '--no-such'], /list: Unknown option '--no-such'/],
    [['list', '/no/such/folder'], /\/no\/such\/folder does not exist/],
    [['validate', '/no/such/folder'], /\/no\/such\/folder does not exist/],
    [['validate', '.', '--level', 'deep'], /--level "deep" is not one of files, structure/],
    [['compare', 'a'], /Usage: compare <a> <b>/],
    [['compare', 'nowhere', 'nothing'], /NPT weights not found: .*nowhere.npt_weights\.pt does not exist/],
    [['plan', 'resume'], /Usage: plan/],
    [
      ['plan', 'dance', 'experiments/demo'],
      /The kind "dance" is not one of start, resume, extend, fine-tune, debug, branch, re-run\./,
    ],
    [['plan', 'resume', 'nowhere'], /NPT weights not found: .*nowhere does not exist/],
    [['plan', 'branch', 'experiments/demo', '--set', 'x'], /--set "x" is not NAME=VALUE/],
    [['plan', 'extend', 'experiments/demo', '--steps', '-5'], /steps/],
    [['metrics', '.'], /is not a run/],
  ] as const) {
    it(`refuses "${words.join(' ')}" in one line, with exit code 2`, () => {
      const { code, out, err } = run(...words);
      assert.equal(code, 2);
      assert.equal(out, '');
      assert.match(err, line);
      assert.match(err, /^error: [^\n]+\n$/);
    });
  }

  it('a reader that closes the pipe gets no stack trace', async () => {
    const lines = Array.from({ length: 20000 }, (_, i) => metricsLine(i, i));
    ws.run('long');
    ws.metrics('long', lines);
    const shell = spawn('sh', ['-c', `"$0" "$1" metrics experiments/long --json | head -c 10`, process.execPath, cli], {
      cwd: ws.root,
    });
    let out = '';
    let err = '';
    shell.stdout.on('data', (data: Buffer) => (out += data.toString()));
    shell.stderr.on('data', (data: Buffer) => (err += data.toString()));
    await new Promise((resolve) => shell.on('close', resolve));
    assert.equal(out.length, 10);
    assert.equal(err, '');
  });

  for (const way of ['| true', '>&-', '2>&-', '>&- 2>&-', '> /dev/full', '2> /dev/full']) {
    it(`exit codes are the answer's, also with "${way}"`, function () {
      if (way.includes('/dev/full') && !fs.existsSync('/dev/full')) this.skip();
      const broken = path.join(ws.experiments, 'demo/checkpoints/checkpoint-50');
      fs.writeFileSync(path.join(broken, 'npt_weights.pt'), 'no torch file');
      for (const [words, code] of [
        [['list', '.'], 0],
        [['validate', broken], 1],
        [['validate', 'nowhere'], 2],
      ] as const) {
        const line = `set -o pipefail; "$0" "$@" ${way}`;
        const done = spawnSync('bash', ['-c', line, process.execPath, cli, ...words], {
          cwd: ws.root,
          encoding: 'utf8',
        });
        assert.equal(done.status, code, `${words.join(' ')}: ${done.stderr}`);
        assert.ok(!/\n\s+at /.test(done.stderr), done.stderr);
        if (way === '> /dev/full' && code < 2) assert.match(done.stderr, /^error: the output was not written: ENOSPC/);
      }
    });
  }

  it('prints whole numbers beyond a double as they are, and sees that they differ', () => {
    const config = (seed: string): string => `{"schema":1,"train_layers":[2,3],"max_steps":300,"seed":${seed}}`;
    for (const [step, seed] of [
      [50, '9223372036854775807'],
      [100, '9223372036854775806'],
    ] as const) {
      const from = path.join(FIXTURES, 'ours-dual/checkpoint-30');
      const to = path.join(ws.experiments, 'seeds/checkpoints', `checkpoint-${step}`);
      fs.cpSync(from, to, { recursive: true });
      fs.writeFileSync(path.join(to, 'config.json'), config(seed));
    }
    const [a, b] = [50, 100].map((step) => `experiments/seeds/checkpoints/checkpoint-${step}`);
    const { out } = run('compare', a ?? '', b ?? '');
    assert.match(out, /seed: 9223372036854775807 → 9223372036854775806/);
    const json = run('compare', a ?? '', b ?? '', '--json').out;
    assert.match(json, /"a": ?9223372036854775807/);
  });
});
