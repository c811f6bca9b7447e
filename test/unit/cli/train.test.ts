import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { build } from 'esbuild';
import { processIn } from '../../../src/core/experiment/processFolder';
import { readQueue } from '../../../src/core/experiment/queueFiles';
import { procStat, thisHost } from '../../../src/core/thisHost';
import type { FixtureWorkspace } from '../experiment/fixtureWorkspace';
import { bundledCli, ROOT } from './bundledCli';

/** Stands for the trainer: steps until it is asked to stop or its steps are done, and says how it was started. */
const TRAINER = `
from npt import nothing
import json, os, signal, sys, time
asked = []
signal.signal(signal.SIGINT, lambda *_: asked.append(1))
if '--output_dir' in sys.argv:
    run = sys.argv[sys.argv.index('--output_dir') + 1]
else:
    run = sys.argv[sys.argv.index('--resume_from') + 1]
    if os.path.basename(run).startswith('checkpoint-'):
        run = os.path.dirname(os.path.dirname(run))
os.makedirs(run, exist_ok=True)
print('words', json.dumps(sys.argv[1:]), flush=True)
if '--seed' not in sys.argv:
    while not asked:
        time.sleep(0.02)
    print('saved', flush=True)
json.dump({'schema': 1, 'why': 'stopped' if asked else 'done', 'step': 1, 'segment': 1, 'signal': None,
           'error': None, 'time': 0}, open(os.path.join(run, 'exit.json'), 'w'))
sys.exit(130 if asked else 0)
`;

/** A trainer whose supervisor is killed before it has named it, and that names itself. */
const NAMES_ITSELF = `
from npt import nothing
import json, os, signal, socket, sys, time
run = os.path.abspath(sys.argv[sys.argv.index('--resume_from') + 1])
os.kill(os.getppid(), signal.SIGKILL)
found = os.stat(run)
stat = open('/proc/self/stat').read().rpartition(')')[2].split() if os.path.exists('/proc/self/stat') else []
boot = open('/proc/sys/kernel/random/boot_id').read().strip() if stat else ''
named = {'schema': 1, 'host': socket.gethostname(), 'boot_id': boot, 'pid': os.getpid(), 'started': time.time(),
         'start_ticks': int(stat[19]) if stat else 0, 'launcher': 'local', 'job': None, 'segment': 1,
         'folder': {'device': found.st_dev, 'inode': found.st_ino, 'path': run}}
json.dump(named, open(run + '/process.json.new', 'w'))
os.rename(run + '/process.json.new', run + '/process.json')
while True:
    time.sleep(0.02)
`;

const supervise = path.join(ROOT, 'supervisor/npt_supervise.py');

describe('starting training from the command line', function () {
  let ws: FixtureWorkspace;
  let cli: string;
  let python: string;
  const children: ChildProcess[] = [];

  before(async function () {
    if (process.platform === 'win32') this.skip();
    const bundled = await bundledCli();
    ws = bundled.ws;
    // As it ships: the supervisor lies beside the command line's folder.
    cli = bundled.cli;
    const modules = path.join(ws.root, 'modules');
    for (const name of ['npt', 'torch', 'transformers']) fs.mkdirSync(path.join(modules, name), { recursive: true });
    for (const name of ['npt', 'torch', 'transformers']) fs.writeFileSync(path.join(modules, name, '__init__.py'), '');
    fs.writeFileSync(path.join(modules, 'npt', 'nothing.py'), '');
    python = path.join(ws.root, 'python');
    const real = process.env.NPT_PY ?? 'python3';
    fs.writeFileSync(python, `#!/bin/sh\nPYTHONPATH='${modules}' exec '${real}' "$@"\n`, { mode: 0o755 });
    fs.writeFileSync(path.join(ws.root, 'scripts/train_multi_layer_npt.py'), TRAINER);
  });
  after(() => {
    for (const child of children) child.kill('SIGKILL');
    ws.remove();
  });

  const words = (...more: string[]): string[] => [
    cli,
    'start',
    '--preset',
    'demo',
    '--python',
    python,
    '--workspace',
    ws.root,
    ...more,
  ];

  it('follows the trainer to its end, and its answer is the exit code', () => {
    const done = spawnSync(process.execPath, words('--name', 'whole', '--set', 'seed=7'), {
      cwd: ws.root,
      encoding: 'utf8',
    });
    assert.equal(done.status, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /words \["--output_dir", "experiments\/whole", "--seed", "7", "--demo_mode"\]/);
    assert.match(fs.readFileSync(path.join(ws.experiments, 'whole/train.log'), 'utf8'), /words/);
  });

  it('Ctrl+C asks the trainer to save, and is waited for', async () => {
    const child = spawn(process.execPath, words('--name', 'asked'), { cwd: ws.root, detached: true });
    children.push(child);
    let out = '';
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (text: Buffer) => {
        out += text.toString();
        if (out.includes('words [')) resolve();
      });
      void ended.then(() => {
        resolve();
      });
    });
    // To the whole foreground group, as a terminal does it.
    assert.ok(child.pid !== undefined);
    process.kill(-child.pid, 'SIGINT');
    assert.equal(await ended, 1);
    assert.match(out, /saved/);
  });

  it('--detach returns as soon as it runs; it goes on running until it is asked to stop', async () => {
    const done = spawnSync(process.execPath, words('--name', 'alone', '--detach'), { cwd: ws.root, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stdout + done.stderr);
    const run = path.join(ws.experiments, 'alone');
    const trainer = await processIn(run);
    assert.ok(trainer !== null);
    process.kill(trainer.pid, 0);
    const stop = (): { status: number | null; stdout: string } =>
      spawnSync(process.execPath, [cli, 'stop', run], { encoding: 'utf8' });
    const asked = stop();
    assert.equal(asked.status, 0, asked.stdout);
    assert.match(asked.stdout, new RegExp(`^process ${trainer.pid} was asked to finish its step, save and stop: `));
    const following = spawnSync(python, [supervise, 'follow', '--run-dir', run], { encoding: 'utf8' });
    assert.match(following.stdout + fs.readFileSync(path.join(run, 'train.log'), 'utf8'), /saved/);
    const again = stop();
    assert.equal(again.status, 1);
    assert.equal(again.stdout, `Nothing is training in ${run}.\n`);
  });

  it('stop --now ends it without a save', async () => {
    const done = spawnSync(process.execPath, words('--name', 'now', '--detach'), { cwd: ws.root, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stdout + done.stderr);
    const run = path.join(ws.experiments, 'now');
    const trainer = await processIn(run);
    const asked = spawnSync(process.execPath, [cli, 'stop', run, '--now', '--json'], { encoding: 'utf8' });
    assert.equal(asked.status, 0, asked.stderr);
    assert.deepEqual(JSON.parse(asked.stdout), { run, asked: 'now', process: trainer?.pid, job: null, reason: null });
    const limit = Date.now() + 30_000;
    while ((await processIn(run)) !== null) {
      assert.ok(Date.now() < limit, 'its supervisor did not write down how it ended');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { why, signal } = JSON.parse(fs.readFileSync(path.join(run, 'exit.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual([why, signal], ['killed', 'SIGQUIT']);
    assert.doesNotMatch(fs.readFileSync(path.join(run, 'train.log'), 'utf8'), /saved/);
  });

  describe('--detach beside a process.json that is there already', () => {
    const resume = (run: string): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [cli, 'resume', run, '--python', python, '--workspace', ws.root, '--detach'], {
        cwd: ws.root,
        encoding: 'utf8',
      });
    const stop = (run: string): void => {
      spawnSync(process.execPath, [cli, 'stop', run]);
      spawnSync(python, [supervise, 'follow', '--run-dir', run]);
    };
    /** As a trainer writes it that nobody supervises. */
    const byTheTrainer = (run: string, pid: number): void => {
      const { dev, ino } = fs.statSync(run);
      ws.write(`${path.basename(run)}/process.json`, {
        ...{ schema: 1, host: thisHost().name, boot_id: thisHost().bootId, pid, started: Date.now() / 1000 },
        ...{ start_ticks: procStat(pid)?.startTicks ?? 0, launcher: 'shell', job: null, segment: 1 },
        folder: { device: dev, inode: ino, path: run },
      });
    };

    it('a stale one is no sign of the new trainer', async () => {
      const run = ws.run('stale');
      ws.checkpoint('stale', 50);
      const dead = spawnSync('true').pid;
      byTheTrainer(run, dead);
      const done = resume(run);
      assert.equal(done.status, 0, done.stdout + done.stderr);
      const trainer = await processIn(run);
      assert.ok(trainer !== null && trainer.pid !== dead);
      process.kill(trainer.pid, 0);
      stop(run);
    });

    it('one of a trainer that was started by hand is not trained beside, and stays', async () => {
      const run = ws.run('by-hand');
      ws.checkpoint('by-hand', 50);
      const trainer = spawn('sleep', ['infinity']);
      children.push(trainer);
      byTheTrainer(run, trainer.pid ?? 0);
      const done = resume(run);
      assert.equal(done.status, 1, done.stderr);
      assert.match(done.stdout, /error: by-hand is being trained right now \(.*\): stop it first/);
      assert.equal((await processIn(run))?.pid, trainer.pid);
      assert.ok(!fs.existsSync(path.join(run, 'train.log')));
    });

    it('one that the trainer itself writes, as where its supervisor is gone, is a sign of it', async () => {
      const run = ws.run('itself');
      ws.checkpoint('itself', 50);
      fs.writeFileSync(path.join(ws.root, 'scripts/train_multi_layer_npt.py'), NAMES_ITSELF);
      try {
        const done = resume(run);
        assert.equal(done.status, 0, done.stdout + done.stderr);
        const trainer = await processIn(run);
        assert.ok(trainer !== null);
        process.kill(trainer.pid, 0);
        process.kill(trainer.pid, 'SIGKILL');
      } finally {
        fs.writeFileSync(path.join(ws.root, 'scripts/train_multi_layer_npt.py'), TRAINER);
      }
    });
  });

  it('--dry-run starts nothing; an interpreter without what training needs is refused', () => {
    const dry = spawnSync(process.execPath, words('--name', 'dry', '--dry-run', '--json'), { encoding: 'utf8' });
    assert.equal(dry.status, 0);
    assert.equal((JSON.parse(dry.stdout) as { run: string }).run, path.join(ws.experiments, 'dry'));
    assert.ok(!fs.existsSync(path.join(ws.experiments, 'dry')));
    fs.renameSync(path.join(ws.root, 'modules/torch'), path.join(ws.root, 'modules/torch_'));
    const bare = path.join(ws.root, 'bare');
    fs.writeFileSync(
      bare,
      `#!/bin/sh\nPYTHONPATH='${path.join(ws.root, 'modules')}' exec /usr/bin/env python3 -S "$@"\n`,
      { mode: 0o755 },
    );
    const refused = spawnSync(process.execPath, [...words('--name', 'bare'), '--python', bare], { encoding: 'utf8' });
    fs.renameSync(path.join(ws.root, 'modules/torch_'), path.join(ws.root, 'modules/torch'));
    assert.equal(refused.status, 1, refused.stderr);
    assert.match(refused.stdout, /error: .*bare does not have torch, which training needs\./);
  });

  it('runs wait in the queue, are moved and cancelled there, and train one after the other while nobody looks', async () => {
    type Entries = readonly { id: string; run: string; state: string; position: number | null; changed: object }[];
    const queue = (...more: string[]): { status: number | null; stderr: string; entries: Entries; paused: boolean } => {
      const all = [cli, 'queue', ...more, '--workspace', ws.root, '--python', python, '--json'];
      const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
      if (stdout === '') return { status, stderr, entries: [], paused: false };
      const document = JSON.parse(stdout) as { entries: Entries; paused: boolean; cpuSlots: number };
      const schema = fs.readFileSync(path.join(ROOT, 'schemas/cli-queue.schema.json'), 'utf8');
      const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(JSON.parse(schema) as object);
      assert.ok(validate(document), JSON.stringify(validate.errors));
      return { status, stderr, ...document };
    };
    const names = ({ entries }: { entries: Entries }): string[] => entries.map(({ run }) => path.basename(run));
    assert.deepEqual(queue('pause').entries, []);
    const several = spawnSync(process.execPath, words('--set', 'seed=7,8,9'), { cwd: ws.root, encoding: 'utf8' });
    assert.equal(several.status, 0, several.stdout + several.stderr);
    assert.equal(several.stdout.match(/^queued as [0-9a-z]+: /gm)?.length, 3);
    const one = spawnSync(process.execPath, words('--name', 'last', '--set', 'seed=7', '--queue'), {
      encoding: 'utf8',
    });
    assert.equal(one.status, 0, one.stdout + one.stderr);
    const before = queue();
    assert.equal(before.paused, true);
    assert.deepEqual(
      before.entries.map(({ state, position }) => [state, position]),
      [1, 2, 3, 4].map((position) => ['waiting', position]),
    );
    const [a = '', b = '', c = '', last = ''] = names(before);
    assert.equal(last, 'last');
    assert.deepEqual(names(queue('first', 'last')), [last, a, b, c]);
    assert.deepEqual(names(queue('up', before.entries[2]?.id ?? '')), [last, a, c, b]);
    assert.deepEqual(names(queue('cancel', path.join(ws.experiments, a), '--cpu-slots', '2')), [last, c, b]);
    const nobody = queue('cancel', 'nothing');
    assert.equal(nobody.status, 2);
    assert.match(nobody.stderr, /^error: nothing is not in the queue of /);
    const done = queue('resume');
    assert.equal(done.status, 0);
    const { status, entries } = queue('run', '--wait');
    assert.deepEqual([status, entries], [0, []]);
    for (const name of [last, c, b]) {
      assert.match(fs.readFileSync(path.join(ws.experiments, name, 'train.log'), 'utf8'), /words/, name);
    }
    assert.ok(!fs.existsSync(path.join(ws.experiments, a)));
    const { cpuSlots } = await readQueue(ws.root);
    assert.equal(cpuSlots, 2);
    const text = spawnSync(process.execPath, [cli, 'queue', '--workspace', ws.root], { encoding: 'utf8' }).stdout;
    assert.equal(text, 'Nothing waits.\n');
  });

  it('two windows and the command line change one queue: each change is granted to one of them, and all see the same', async () => {
    const cliQueue = (...more: string[]): Promise<number | null> => {
      const all = [cli, 'queue', ...more, '--workspace', ws.root, '--python', python, '--json'];
      return new Promise((resolve) => spawn(process.execPath, all, { stdio: 'ignore' }).once('exit', resolve));
    };
    // A window, in a process of its own: of one process the changes come one after the other.
    const bundled = path.join(ws.root, 'window.js');
    await build({
      stdin: {
        contents: `
          import { cancel, move } from './src/core/training/queue/queue';
          const [how, id] = process.argv.slice(2);
          const change = how === 'cancel' ? cancel(process.cwd(), id) : move(process.cwd(), id, how);
          change.then(() => process.exit(0), () => process.exit(2));`,
        resolveDir: ROOT,
        loader: 'ts',
      },
      ...{ bundle: true, platform: 'node', format: 'cjs', outfile: bundled, logLevel: 'error' },
    });
    const windowQueue = (how: string, id: string): Promise<number | null> =>
      new Promise((resolve) =>
        spawn(process.execPath, [bundled, how, id], { cwd: ws.root, stdio: 'ignore' }).once('exit', resolve),
      );
    assert.equal(await cliQueue('pause'), 0);
    const several = spawnSync(process.execPath, words('--set', 'seed=1,2,3,4,5,6'), { cwd: ws.root, encoding: 'utf8' });
    assert.equal(several.status, 0, several.stdout + several.stderr);
    const ids = (await readQueue(ws.root)).entries.map(({ id }) => id);
    assert.equal(ids.length, 6);
    const [first = '', second = ''] = ids;
    const taken = await Promise.all([
      windowQueue('cancel', first),
      windowQueue('cancel', first),
      cliQueue('cancel', first),
    ]);
    assert.deepEqual(taken.sort(), [0, 2, 2]);
    const moved = await Promise.all([
      windowQueue('last', second),
      windowQueue('up', ids[3] ?? ''),
      cliQueue('first', ids[5] ?? ''),
    ]);
    assert.deepEqual(moved, [0, 0, 0]);
    const seen = (await readQueue(ws.root)).entries.map(({ id }) => id);
    assert.deepEqual([...seen].sort(), ids.slice(1).sort(), 'none is lost, and none is there twice');
    for (const id of seen) assert.equal(await windowQueue('cancel', id), 0);
    assert.deepEqual((await readQueue(ws.root)).entries, []);
    assert.equal(await cliQueue('resume'), 0);
  });

  it("--dry-run with another trainer's script says what nothing on disk tells, and takes the answer", () => {
    const other = path.join(ws.root, 'other');
    const checkpoint = path.join(other, 'experiments/theirs/checkpoints/checkpoint-24000');
    const fixtures = path.join(ROOT, 'test/fixtures');
    fs.cpSync(path.join(fixtures, 'checkpoints/field/checkpoint-24000'), checkpoint, { recursive: true });
    fs.mkdirSync(path.join(other, 'scripts'));
    fs.copyFileSync(
      path.join(fixtures, 'trainers/contract_names.py'),
      path.join(other, 'scripts/train_multi_layer_npt.py'),
    );
    const dry = (...more: string[]): string => {
      const env = { ...process.env, XDG_CACHE_HOME: path.join(ws.root, 'cache') };
      const told = spawnSync(process.execPath, [cli, 'resume', checkpoint, '--dry-run', ...more], {
        encoding: 'utf8',
        env,
      });
      assert.equal(told.status, 0, told.stderr);
      return told.stdout;
    };
    assert.match(
      dry(),
      /^question: Nothing on disk says which lambda_reg .*: the script takes its own, 0\.005\.\n {2}→ --set lambda_reg=0\.005$/m,
    );
    const answered = dry('--set', 'lambda_reg=0.02');
    assert.doesNotMatch(answered, /question: .*lambda_reg/);
    assert.match(answered, /--lambda_reg 0\.02/);
    const { questions } = JSON.parse(dry('--json')) as { questions: { argument: string }[] };
    assert.ok(questions.some(({ argument }) => argument === 'weight_decay'));
  });
});
