import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { launcherOf, readLaunch, stopCommand } from '../../../src/core/training/launchers';
import type { Answer, AskSlurm } from '../../../src/core/training/launchers/slurm/commands';
import { arrayArgv, batchScript, sbatchArgv } from '../../../src/core/training/launchers/slurm/job';
import { type NamedJob, SlurmQueue } from '../../../src/core/training/launchers/slurm/queue';
import { isJob, phaseOf, readSacct, readSqueue } from '../../../src/core/training/launchers/slurm/squeue';
import type { Start } from '../../../src/core/training/launchers/launcher';

const SQUEUE = `12|12|PENDING|Resources|2026-11-25T21:04:05||0:00|2:00:00
13_1|15|PENDING|JobArrayTaskLimit|N/A||0:00|UNLIMITED
14|14|PENDING|JobHeldUser|N/A||0:00|UNLIMITED
13_0|14|RUNNING|None|2026-11-25T20:38:03|n[1-2],gpu7|1-02:03:04|2-00:00:00
16|16|COMPLETING|None|2026-11-25T20:38:03|n1|0:09|1:00
9|9|CANCELLED|None|2026-11-25T20:42:46|n1|0:03|UNLIMITED
17|17|TIMEOUT|TimeLimit|2026-11-25T20:42:46|n1|1:23|1:00
18|18|PENDING|ReqNodeNotAvail, UnavailableNodes:n[1-2]|N/A||0:00|UNLIMITED
`;

function startOf(options: Record<string, unknown> = {}, rest: Partial<Start> = {}): Start {
  const { launch, problems } = readLaunch({ kind: 'slurm', options });
  assert.deepEqual(problems, []);
  const trainer = { interpreter: '/env/bin/python', script: 'scripts/t.py' };
  return {
    ...{ run: '/w/experiments/r', cwd: '/w', fromStep: -1, launch },
    first: { ...trainer, args: ['--output_dir', 'experiments/r'] },
    again: { ...trainer, args: ['--resume_from', 'experiments/r'] },
    ...rest,
  };
}

const wrapOf = (argv: readonly string[]): string => argv.find((word) => word.startsWith('--wrap='))?.slice(7) ?? '';

describe('slurm', () => {
  it('reads what squeue prints: waiting, held, running, of an array, ended, and what waits for nodes that are gone', () => {
    const jobs = readSqueue(SQUEUE);
    assert.deepEqual(
      jobs.map(({ job, number, phase, reason }) => [job, number, phase, reason]),
      [
        ['12', '12', 'waiting', 'Resources'],
        ['13_1', '15', 'waiting', 'JobArrayTaskLimit'],
        ['14', '14', 'waiting', 'JobHeldUser'],
        ['13_0', '14', 'running', null],
        ['16', '16', 'running', null],
        ['9', '9', 'ended', null],
        ['17', '17', 'ended', null],
        ['18', '18', 'waiting', 'ReqNodeNotAvail, UnavailableNodes:n[1-2]'],
      ],
    );
    assert.equal(jobs[0]?.start, new Date(2026, 10, 25, 21, 4, 5).getTime() / 1000);
    assert.equal(jobs[1]?.start, null);
    const { nodes, elapsed, limit } = jobs[3] ?? {};
    assert.deepEqual({ nodes, elapsed, limit }, { nodes: 'n[1-2],gpu7', elapsed: '1-02:03:04', limit: '2-00:00:00' });
  });

  it('takes nothing for a job that is none, and no state that it does not know for an end', () => {
    assert.deepEqual(readSqueue('slurm_load_jobs error: Invalid job id specified\n\n|||||||\n1|1|RUNNING|None\n'), []);
    assert.equal(phaseOf('EXPEDITING'), 'unknown');
    for (const text of ['', '12 13', '12;rm', '--all', '12_', '-1', '12_1_1', 'n1'])
      assert.equal(isJob(text), false, text);
    for (const text of ['12', '12_0']) assert.equal(isJob(text), true, text);
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const { job, number } of readSqueue(text)) assert.ok(isJob(job) && isJob(number));
      }),
    );
  });

  it('reads how a job ended from sacct, and nothing where it has not', () => {
    const text =
      '12|TIMEOUT|0:0\n13_1|CANCELLED by 1000|0:15\n14|OUT_OF_MEMORY|0:125\n15|RUNNING|0:0\n16|CANCELLED+|0:0\n';
    assert.deepEqual(readSacct(text, '12'), { state: 'TIMEOUT', exitCode: '0:0' });
    assert.deepEqual(readSacct(text, '13_1'), { state: 'CANCELLED', exitCode: '0:15' });
    assert.deepEqual(readSacct(text, '14'), { state: 'OUT_OF_MEMORY', exitCode: '0:125' });
    assert.deepEqual(readSacct(text, '16'), { state: 'CANCELLED', exitCode: '0:0' });
    for (const job of ['15', '1', '13']) assert.equal(readSacct(text, job), null, job);
  });

  it('asks sbatch for what the settings say, and for nothing that they do not', () => {
    const plain = sbatchArgv(startOf());
    assert.deepEqual(plain.slice(0, -1), [
      ...['sbatch', '--parsable', '--job-name=r', '--comment=npt:r', '--chdir=/w'],
      ...['--output=/w/experiments/r/train.log', '--open-mode=append', '--requeue'],
      ...['--nodes=1', '--ntasks-per-node=1', '--signal=B:USR1@120'],
    ]);
    const all = sbatchArgv(
      startOf({
        ...{ partition: 'gpu,long', account: 'lab', qos: 'high', time: '4:00:00', gpus: 2, cpus: '8', memory: '64G' },
        ...{ warning: 300, extra: ['--constraint=a100', '#SBATCH --mail-type=END'] },
      }),
    );
    for (const word of [
      ...['--partition=gpu,long', '--account=lab', '--qos=high', '--time=4:00:00', '--gpus-per-node=2'],
      ...['--cpus-per-task=8', '--mem=64G', '--signal=B:USR1@300', '--constraint=a100', '--mail-type=END'],
    ]) {
      assert.ok(all.includes(word), word);
    }
    assert.ok(sbatchArgv(startOf({ gres: 'gpu:a100:2', gpus: 4 })).every((word) => !word.startsWith('--gpus')));
    assert.ok(all.every((word) => !word.includes('CUDA_VISIBLE_DEVICES')));
  });

  it('refuses settings that are not what Slurm takes, or that are ours to say', () => {
    const wrong: Record<string, unknown>[] = [
      ...['two words', '$(x)', 'a;b', "a'b", 'a\nb', 3].map((partition) => ({ partition })),
      ...['soon', '1:2:3:4', '-5', '1 day'].map((time) => ({ time })),
      ...[0, -1, 1.5, '2x', null, []].filter((nodes) => nodes !== null).map((nodes) => ({ nodes })),
      ...[5, 'x', 1e9].map((warning) => ({ warning })),
      ...[
        ['--wrap=x'],
        ['--output=/x'],
        ['-o/x'],
        ['--array=0-9'],
        ['--signal=INT@5'],
        ['--no-requeue'],
        ['constraint=a'],
        ['--mail-type=END\n--wrap=x'],
        [7],
        ['a script.sh'],
      ].map((extra) => ({ extra })),
    ];
    for (const options of wrong) {
      assert.equal(readLaunch({ kind: 'slurm', options }).problems.length, 1, JSON.stringify(options));
    }
    const fine = [{ time: 90 }, { time: '2-12' }, { nodes: '2' }, { extra: '--exclusive' }, { extra: '' }];
    for (const options of fine) assert.deepEqual(readLaunch({ kind: 'slurm', options }).problems, []);
  });

  it('trains on one process, on a GPU each with torchrun, on each node with srun', () => {
    const words = (options: Record<string, unknown>): string => wrapOf(sbatchArgv(startOf(options)));
    assert.match(words({}), /--first 4 -- \/env\/bin\/python scripts\/t\.py --output_dir/);
    const gpus = words({ gpus: 4 });
    assert.match(
      gpus,
      /-- \/env\/bin\/python -m torch\.distributed\.run --standalone --nproc_per_node=4 scripts\/t\.py/,
    );
    assert.equal(words({ gres: 'gpu:a100:4' }), gpus);
    const nodes = words({ nodes: 2, gpus: 4, cpus: 6 });
    assert.match(
      nodes,
      /-- srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --kill-on-bad-exit=1 --cpus-per-task=6 \/env\/bin\/python -m torch\.distributed\.run --nproc_per_node=4 scripts/,
    );
    assert.match(nodes, /^export PET_NNODES="\$SLURM_JOB_NUM_NODES" PET_RDZV_BACKEND=c10d/);
  });

  describe('the batch script, run by sh', () => {
    let folder: string;
    before(() => {
      folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'npt-slurm-script-')));
      // Stands where the interpreter does: says what it was started with.
      const teller = path.join(folder, "an interpreter's");
      fs.writeFileSync(teller, `#!/bin/sh\nprintf '%s\\0' "$@" > "$TOLD"\n`, { mode: 0o755 });
    });
    after(() => {
      fs.rmSync(folder, { recursive: true });
    });

    function told(script: string, env: NodeJS.ProcessEnv = {}): { readonly words: string[] } {
      const file = path.join(folder, 'told');
      const { status, stderr } = spawnSync('sh', ['-c', script], { env: { ...process.env, ...env, TOLD: file } });
      assert.equal(status, 0, stderr.toString());
      return {
        words: fs.readFileSync(file, 'utf8').split('\0').slice(0, -1),
      };
    }

    it('hands every word on as it is: names of runs, arguments, the environment', () => {
      const text = fc
        .string({ unit: 'binary', maxLength: 12 })
        .filter((word) => !word.includes('\0') && Buffer.from(word).toString() === word);
      const hostile = fc.oneof(
        text,
        fc.constantFrom("'", '"; touch x; "', '$(touch x)', '`x`', '\n', '--', '-x', '\\', '%d', '*'),
      );
      fc.assert(
        fc.property(hostile, fc.array(hostile, { maxLength: 4 }), hostile, (name, args, value) => {
          const start = startOf();
          const trainer = { interpreter: path.join(folder, "an interpreter's"), script: 'scripts/t.py' };
          const run = `/w/experiments/${name}`;
          const script = batchScript({
            ...{ ...start, run, fromStep: 40 },
            first: { ...trainer, args },
            again: { ...trainer, args: ['--resume_from', run] },
            launch: {
              ...start.launch,
              environment: {
                variables: { NPT_X: value },
                envFile: '/s/a b.env',
                modules: ['cuda/12.4'],
                conda: "/c/e'v",
              },
              restarts: 2,
            },
          });
          const { words } = told(script);
          assert.deepEqual(words, [
            ...['/w/.npt/supervisor/npt_slurm.py', 'job', '--run-dir', run, '--from-step', '40'],
            ...['--first', (2 + args.length).toString(), '--module', 'cuda/12.4', '--conda', "/c/e'v"],
            ...['--env-file', '/s/a b.env', '--env', `NPT_X=${value}`, '--restarts', '2'],
            ...['--', trainer.interpreter, 'scripts/t.py', ...args],
            ...[trainer.interpreter, 'scripts/t.py', '--resume_from', run],
          ]);
        }),
        { numRuns: 100 },
      );
    });

    it('of several runs gives each task its own, and its own log', () => {
      const jobs = ['a b', "c'd", 'e%f'].map((name) => {
        const run = path.join(folder, name);
        fs.mkdirSync(run, { recursive: true });
        const trainer = { interpreter: path.join(folder, "an interpreter's"), script: 't.py', args: [name] };
        return sbatchArgv(startOf({ partition: 'p' }, { run, cwd: folder, first: trainer, again: trainer }));
      });
      const argv = arrayArgv(jobs, 'sweep of a b');
      assert.ok(
        argv.includes('--array=0-2') && argv.includes('--partition=p') && argv.includes('--job-name=sweep of a b'),
      );
      assert.equal(argv.filter((word) => /^--(wrap|output|comment|job-name)=/.test(word)).length, 4);
      for (const [task, name] of ['a b', "c'd", 'e%f'].entries()) {
        const { words } = told(wrapOf(argv), { SLURM_ARRAY_TASK_ID: task.toString() });
        assert.equal(words[3], path.join(folder, name));
        assert.ok(fs.existsSync(path.join(folder, name, 'train.log')));
      }
    });
  });

  it('is stopped from anywhere by its number, which nothing but a number is', () => {
    const process_ = {
      ...{ host: 'node7', bootId: '', pid: 1, started: 1, startTicks: 1, launcher: 'slurm', segment: 1 },
      job: '42',
    };
    assert.equal(stopCommand(process_), 'scancel 42');
    assert.equal(stopCommand({ ...process_, job: '42; rm -rf /' }), null);
    const plan = {
      run: '/w/r',
      cwd: '/w',
      interpreter: 'py',
      argv: ['sbatch', 'x'],
      again: ['sbatch', 'x'],
      launch: readLaunch({ kind: 'slurm' }).launch,
    };
    assert.deepEqual(launcherOf('slurm').command(plan, '/x/npt_supervise.py'), [
      ...['py', '/x/npt_slurm.py', 'submit', '--run-dir', '/w/r', '--', 'sbatch', 'x'],
    ]);
  });

  describe('the queue', () => {
    const answered = (output: string): Answer => ({ kind: 'answered', output });
    const config = answered('Configuration data as of now\nClusterName             = here\nSlurmUser = root\n');
    const named = (job: string, rest: Partial<NamedJob> = {}): NamedJob => ({
      ...{ job, cluster: 'here', user: 'me', since: 1 },
      ...rest,
    });

    /** A queue whose Slurm says what the test does; `asked` are the calls of squeue. */
    function queueOf(): {
      readonly queue: SlurmQueue;
      readonly asked: string[][];
      readonly says: { squeue: Answer; named: Answer; sacct: Answer };
      readonly clock: { now: number };
    } {
      const says = {
        squeue: answered(SQUEUE),
        named: { kind: 'refused', reason: 'Invalid job id specified' } as Answer,
        sacct: { kind: 'refused', reason: 'Slurm accounting storage is disabled' } as Answer,
      };
      const clock = { now: 0 };
      const asked: string[][] = [];
      const ask: AskSlurm = (program, words) => {
        if (program === 'scontrol') return Promise.resolve(config);
        if (program === 'sacct') return Promise.resolve(says.sacct);
        asked.push([...words]);
        return Promise.resolve(words.some((word) => word.startsWith('--jobs=')) ? says.named : says.squeue);
      };
      return { queue: new SlurmQueue(ask, 'me', () => clock.now), asked, says, clock };
    }

    it('is one call for all jobs, however many ask, and a next one later and later while nothing changes', async () => {
      const { queue, asked, clock, says } = queueOf();
      const jobs = ['12', '13_1', '15', '13_0', '16', '17'];
      const found = await Promise.all(jobs.map((job) => queue.knowledgeOf(named(job))));
      for (const job of jobs) await queue.knowledgeOf(named(job));
      assert.deepEqual(
        found.map((each) => (each.kind === 'status' ? each.status.state : each.kind)),
        ['PENDING', 'PENDING', 'PENDING', 'RUNNING', 'COMPLETING', 'TIMEOUT'],
      );
      const count = (): number => asked.length;
      assert.equal(count(), 1);
      const calls: number[] = [];
      for (; clock.now < 600_000; clock.now += 1000) {
        const before = count();
        await queue.knowledgeOf(named('12'));
        if (count() > before) calls.push(clock.now);
      }
      assert.ok(calls.length < 16, `${calls.length} calls in ten minutes`);
      assert.ok((calls.at(-1) ?? 0) - (calls.at(-2) ?? 0) <= 61_000);
      says.squeue = answered(SQUEUE.replace('12|12|PENDING', '12|12|RUNNING'));
      clock.now += 61_000;
      await queue.knowledgeOf(named('12'));
      await new Promise(setImmediate);
      const known = await queue.knowledgeOf(named('12'));
      assert.equal(known.kind === 'status' && known.status.state, 'RUNNING');
    });

    it('takes a job for ended only when Slurm was asked for it by name and does not know it', async () => {
      const { queue, says, asked } = queueOf();
      assert.deepEqual(await queue.knowledgeOf(named('99')), { kind: 'gone', end: null });
      assert.ok(asked.some((words) => words.includes('--jobs=99')));
      await queue.knowledgeOf(named('99'));
      assert.equal(asked.length, 2, 'what has ended is asked for once');
      says.sacct = answered('98|TIMEOUT|0:0\n');
      assert.deepEqual(await queue.knowledgeOf(named('98')), {
        kind: 'gone',
        end: { state: 'TIMEOUT', exitCode: '0:0' },
      });
      says.named = { kind: 'silent', reason: 'Unable to contact slurm controller' };
      assert.equal((await queue.knowledgeOf(named('97'))).kind, 'silent');
      says.named = { kind: 'refused', reason: 'Access/permission denied' };
      assert.equal((await queue.knowledgeOf(named('96'))).kind, 'silent');
    });

    it('does not take a job for ended that was submitted after the last look', async () => {
      const { queue, says, clock } = queueOf();
      await queue.knowledgeOf(named('12'));
      says.squeue = answered(`${SQUEUE}20|20|PENDING|Priority|N/A||0:00|1:00\n`);
      clock.now = 100;
      const known = await queue.knowledgeOf(named('20', { since: Date.now() / 1000 + 1 }));
      assert.equal(known.kind === 'status' && known.status.state, 'PENDING');
    });

    it('says that Slurm does not answer, with what it said last, and asks again later and later', async () => {
      const { queue, says, clock, asked } = queueOf();
      await queue.knowledgeOf(named('12'));
      says.squeue = { kind: 'silent', reason: 'Unable to contact slurm controller (connect failure)' };
      clock.now = 6_000;
      await queue.knowledgeOf(named('12'));
      await new Promise(setImmediate);
      const known = await queue.knowledgeOf(named('12'));
      assert.ok(known.kind === 'silent' && known.last?.state === 'PENDING' && /controller/.test(known.reason));
      assert.equal((await queue.knowledgeOf(named('99'))).kind, 'silent');
      const before = asked.length;
      for (; clock.now < 1_806_000; clock.now += 1000) await queue.knowledgeOf(named('12'));
      assert.ok(asked.length - before < 20, `${asked.length - before} calls in half an hour`);
      says.squeue = answered(SQUEUE);
      clock.now += 301_000;
      await queue.knowledgeOf(named('12'));
      await new Promise(setImmediate);
      assert.equal((await queue.knowledgeOf(named('12'))).kind, 'status');
    });

    it('knows nothing of another cluster’s jobs, of those that it may not see, and without Slurm', async () => {
      const { queue, says } = queueOf();
      assert.equal((await queue.knowledgeOf(named('12', { cluster: 'there' }))).kind, 'foreign');
      assert.equal((await queue.knowledgeOf(named('99', { user: 'you' }))).kind, 'foreign');
      assert.equal((await queue.knowledgeOf(named('12', { cluster: null, user: null }))).kind, 'status');
      const without = queueOf();
      without.says.squeue = { kind: 'absent' };
      assert.equal((await without.queue.knowledgeOf(named('12'))).kind, 'foreign');
      says.squeue = answered('');
    });

    it('after something was done to a job tells how it is then', async () => {
      const { queue, says } = queueOf();
      await queue.knowledgeOf(named('12'));
      says.squeue = answered(SQUEUE.replace('12|12|PENDING|Resources', '12|12|PENDING|JobHeldUser'));
      queue.forget();
      const known = await queue.knowledgeOf(named('12'));
      assert.equal(known.kind === 'status' && known.status.reason, 'JobHeldUser');
    });
  });
});
