import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { PLAN_OPTIONS } from '../../../src/cli/plan';
import { LAUNCHERS, type Launch } from '../../../src/core/training/launchers';
import type { Plan } from '../../../src/core/training/plan/plan';
import type { FixtureWorkspace } from '../experiment/fixtureWorkspace';
import { bundledCli, ROOT } from './bundledCli';

/** Two GPUs, the first of which somebody uses. */
const NVIDIA_SMI = `#!/bin/sh
case "$1" in
  --query-gpu*) echo 'GPU-aaaa1111, 0, Tesla, 1000, 900, 80'; echo 'GPU-bbbb2222, 1, Tesla, 1000, 1, 0';;
esac
`;

describe('how training starts, from the command line', () => {
  let ws: FixtureWorkspace;
  let cli: string;
  let programs: string;
  before(async () => {
    ({ ws, cli } = await bundledCli());
    ws.run('demo');
    ws.checkpoint('demo', 150);
    programs = path.join(ws.root, 'programs');
    fs.mkdirSync(programs);
    fs.writeFileSync(path.join(programs, 'sbatch'), '#!/bin/sh\necho slurm-wlm 22.05.8\n', { mode: 0o755 });
  });
  afterEach(() => {
    fs.rmSync(path.join(ws.root, '.vscode'), { recursive: true, force: true });
    fs.rmSync(path.join(programs, 'nvidia-smi'), { force: true });
  });
  after(() => {
    ws.remove();
  });

  interface Answer {
    readonly code: number | null;
    readonly out: string;
    readonly err: string;
  }
  function run(...words: string[]): Answer {
    const env = { ...process.env, PATH: `${programs}${path.delimiter}${process.env.PATH ?? ''}` };
    const done = spawnSync(process.execPath, [cli, ...words], { cwd: ws.root, encoding: 'utf8', env });
    return { code: done.status, out: done.stdout, err: done.stderr };
  }
  function planned(...words: string[]): Plan {
    const { code, out, err } = run('branch', 'experiments/demo', '--dry-run', '--json', ...words);
    assert.equal(code, 0, out + err);
    return JSON.parse(out) as Plan;
  }
  const launched = (...words: string[]): Launch => planned(...words).launch;
  const refused = (...words: string[]): string => {
    const { code, err } = run('branch', 'experiments/demo', '--dry-run', ...words);
    assert.equal(code, 2);
    return err;
  };

  it('each option of each launcher is one of the command line, and none of them is two', () => {
    const names = LAUNCHERS.flatMap(({ options }) => options.map(({ name }) => name));
    assert.deepEqual(
      names.filter((name) => !(name in PLAN_OPTIONS)),
      [],
    );
    const own = ['set', 'steps', 'launcher', 'preset', 'stage', 'name', 'workspace', 'python', 'env-file', 'env'];
    own.push('module', 'conda', 'restarts', 'queue', 'detach', 'dry-run', 'json');
    assert.deepEqual(
      own.filter((name) => names.includes(name)),
      [],
    );
  });

  it('a job asks Slurm for what the options say', () => {
    const { argv, launch } = planned(
      ...['--launcher', 'slurm', '--partition', 'main', '--account', 'us', '--qos', 'low', '--time', '4:00:00'],
      ...['--nodes', '2', '--gres', 'gpu:a100:2', '--extra=--constraint=a100', '--extra', '#SBATCH --mail-type=END'],
      ...['--module', 'cuda/12.4', '--env', 'A=x=y', '--restarts', '2'],
    );
    assert.equal(argv[0], 'sbatch');
    for (const word of ['partition=main', 'account=us', 'qos=low', 'time=4:00:00', 'nodes=2', 'gres=gpu:a100:2']) {
      assert.ok(argv.includes(`--${word}`), word);
    }
    assert.deepEqual(argv.slice(-3, -1), ['--constraint=a100', '--mail-type=END']);
    assert.match(argv.at(-1) ?? '', /--module cuda\/12\.4 --env A=x=y --restarts 2 /);
    assert.equal(launch.restarts, 2);
  });

  it("what no option says, the workspace's settings do", () => {
    fs.mkdirSync(path.join(ws.root, '.vscode'));
    fs.writeFileSync(path.join(ws.root, 'secrets.env'), 'KEY=1\n');
    const settings = `{
      // As VS Code writes it.
      "npt.launcher": "slurm",
      "npt.slurm.partition": "main",
      "npt.slurm.time": "60",
      "npt.environment.variables": { "A": "1", "B": "2" },
      "npt.environment.envFile": "\${workspaceFolder}/secrets.env",
      "npt.pythonPath": "\${workspaceFolder}/env/bin/python",
    }`;
    fs.writeFileSync(path.join(ws.root, '.vscode/settings.json'), settings);
    const { launch, interpreter } = planned('--time', '90', '--env', 'B=3');
    assert.equal(launch.kind, 'slurm');
    assert.equal(launch.options['partition'], 'main');
    assert.equal(launch.options['time'], '90');
    assert.deepEqual(launch.environment.variables, { A: '1', B: '3' });
    assert.equal(launch.environment.envFile, path.join(ws.root, 'secrets.env'));
    assert.equal(interpreter, path.join(ws.root, 'env/bin/python'));
    assert.equal(launched('--launcher', 'local').kind, 'local');
    fs.writeFileSync(
      path.join(ws.root, '.vscode/settings.json'),
      '{"npt.slurm.time": "soon", "npt.launcher": "slurm"}',
    );
    const wrong = run('branch', 'experiments/demo', '--dry-run');
    assert.equal(wrong.code, 1);
    assert.match(wrong.out, /error: npt\.slurm\.time is "soon": write a time such as 90/);
  });

  it('list and check take them from there, too', () => {
    fs.mkdirSync(path.join(ws.root, '.vscode'), { recursive: true });
    const other = path.join(ws.root, 'runs of mine/other');
    fs.cpSync(path.join(ws.root, 'experiments/demo'), other, { recursive: true });
    const settings = { 'npt.experimentsFolder': 'runs of mine', 'npt.pythonPath': '/nowhere', 'npt.launcher': 'slurm' };
    fs.writeFileSync(path.join(ws.root, '.vscode/settings.json'), JSON.stringify(settings));
    assert.match(run('list').out, /^other: /m);
    assert.match(run('list', '--experiments', 'experiments').out, /^demo: /m);
    const { out } = run('check');
    assert.match(out, /^missing +Python +\/nowhere cannot be used/m);
    assert.match(out, /Slurm/);
  });

  it('--devices: the CPU, a GPU by number or UUID, several together', () => {
    fs.writeFileSync(path.join(programs, 'nvidia-smi'), NVIDIA_SMI, { mode: 0o755 });
    const device = (plan: Plan): unknown => plan.arguments.find(({ name }) => name === 'device')?.value;
    const one = planned('--devices', '1');
    assert.deepEqual([one.launch.kind, one.launch.options['devices']], ['local', ['GPU-bbbb2222']]);
    assert.deepEqual(launched('--devices', 'GPU-aaaa').options['devices'], ['GPU-aaaa1111']);
    const both = planned('--devices', '0,1');
    assert.equal(both.launch.kind, 'torchrun');
    assert.deepEqual(both.launch.options['devices'], ['GPU-aaaa1111', 'GPU-bbbb2222']);
    assert.ok(both.argv.includes('--nproc_per_node=2'), both.argv.join(' '));
    const cpu = planned('--devices', 'cpu');
    assert.deepEqual([cpu.launch.kind, cpu.launch.options['devices'], device(cpu)], ['local', [], 'cpu']);
    assert.equal(device(planned('--devices', 'cpu', '--set', 'device=auto')), 'auto');
    assert.match(refused('--devices', '7'), /^error: This machine has no GPU 7: it has 0 \(GPU-aaaa1111\), 1 \(GPU-b/);
    assert.match(refused('--devices', 'cpu,0'), /write cpu alone, or GPUs/);
    fs.rmSync(path.join(programs, 'nvidia-smi'));
    assert.deepEqual(launched('--devices', '0').options['devices'], ['0']);
  });

  it('what cannot be is refused in one line', () => {
    assert.match(
      refused('--partition', 'main'),
      /^error: --partition is not for the launcher local: add --launcher slurm\.$/m,
    );
    assert.match(refused('--launcher', 'slurm', '--time', 'soon'), /^error: --time "soon": write a time such as 90/);
    assert.match(refused('--restarts', 'often'), /^error: --restarts "often" is not a whole number from 0 to 100\.$/m);
    const secret = refused('--env', 'hunter2');
    assert.match(secret, /^error: --env takes NAME=VALUE/);
    assert.ok(!secret.includes('hunter2'));
  });

  it('several values make several runs, with different names', () => {
    const { code, out } = run(
      ...['plan', 'branch', 'experiments/demo', '--set', 'learning_rate=1e-5, 3e-5', '--set'],
      ...['weight_decay=lin 0.1..0.2 x2', '--set', 'curriculum_stages=teacher:100,student:300', '--json'],
    );
    assert.equal(code, 0, out);
    const document = JSON.parse(out) as { readonly plans: readonly Plan[] };
    const ajv = new Ajv2020({ strict: true, strictTypes: false });
    const schema = (name: string): object =>
      JSON.parse(fs.readFileSync(path.join(ROOT, 'schemas', name), 'utf8')) as object;
    ajv.addSchema(schema('cli-plan.schema.json'));
    const validate = ajv.compile(schema('cli-plans.schema.json'));
    assert.ok(validate(document), JSON.stringify(validate.errors));
    const value = (plan: Plan, name: string): unknown => plan.arguments.find((each) => each.name === name)?.value;
    assert.deepEqual(
      document.plans.map((plan) => [value(plan, 'learning_rate'), value(plan, 'weight_decay')]),
      [
        [1e-5, 0.1],
        [1e-5, 0.2],
        [3e-5, 0.1],
        [3e-5, 0.2],
      ],
    );
    assert.equal(new Set(document.plans.map(({ run: folder }) => folder)).size, 4);
    assert.match(refused('--set', 'learning_rate=1e-5,fast'), /^error: --set learning_rate: Value 2: /);
    assert.match(refused('--set', 'learning_rate=1e-5,3e-5', '--name', 'x'), /^error: --name names one run/);
    assert.match(
      refused('--set', 'seed=lin 1..20 x20', '--set', 'warmup_steps=lin 1..6 x6'),
      /^error: These are 120 runs; 100 are the most at once/,
    );
  });
});
