import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Run } from '../../../src/core/experiment/model';
import { ScanContext, scanFolder, scanRun, scanRuns, scanWorkspace } from '../../../src/core/experiment/scan';
import { PacedDisk } from '../../../src/core/experiment/disk';
import { procStat, thisHost } from '../../../src/core/thisHost';
import { CHECKPOINTS, FIXTURES } from '../checkpoint/fixtures';
import { FixtureWorkspace, metricsLine } from './fixtureWorkspace';
import { cpuMs } from '../cpuTime';

/** process.json of a process on this machine. */
function named(pid: number, more: object = {}): object {
  return {
    schema: 1,
    host: thisHost().name,
    boot_id: thisHost().bootId,
    pid,
    started: 1,
    start_ticks: procStat(pid)?.startTicks ?? 0,
    launcher: 'local',
    job: null,
    segment: 1,
    ...more,
  };
}

describe('scanning a workspace', () => {
  let ws: FixtureWorkspace;
  beforeEach(() => {
    ws = new FixtureWorkspace();
  });
  afterEach(() => {
    ws.remove();
  });

  async function only(): Promise<Run> {
    const { runs, problems } = await scanWorkspace(ws.root);
    assert.deepEqual(problems, []);
    assert.equal(runs.length, 1);
    return runs[0]!;
  }

  it('finds nothing, and no problem, where there is no experiments folder', async () => {
    const { runs, problems, experiments } = await scanWorkspace(ws.root);
    assert.deepEqual([runs, problems], [[], []]);
    assert.equal(experiments, ws.experiments);
  });

  describe('a checkpoint that is deleted while it is looked at', () => {
    /** Does something the first time that a file of a checkpoint is read, or its folder was listed. */
    class Interrupted extends PacedDisk {
      private done = false;

      constructor(
        private readonly when: 'listed' | 'read',
        private readonly interrupt: (folder: string) => void,
      ) {
        super();
      }

      private once(folder: string): void {
        if (this.done || path.basename(path.dirname(folder)) !== 'checkpoints') return;
        this.done = true;
        this.interrupt(folder);
      }

      override async listWithStats(folder: string): ReturnType<PacedDisk['listWithStats']> {
        const entries = await super.listWithStats(folder);
        if (this.when === 'read' || this.done) return entries;
        this.once(folder);
        // What stat still found of it before the folder lost its name.
        return entries?.slice(0, 2) ?? null;
      }

      override async readBytes(file: string, found: fs.Stats): ReturnType<PacedDisk['readBytes']> {
        if (this.when === 'read') this.once(path.dirname(file));
        return super.readBytes(file, found);
      }
    }
    const take = (folder: string): void => {
      fs.renameSync(folder, path.join(path.dirname(folder), `.del-${path.basename(folder)}`));
    };
    const statesAfter = async (disk: PacedDisk): Promise<(readonly [string, string])[]> => {
      const { runs, problems } = await scanWorkspace(ws.root, { context: new ScanContext({ disk }) });
      assert.deepEqual(problems, []);
      return (runs[0]?.checkpoints ?? []).map((each) => [each.name, each.state]);
    };

    for (const when of ['listed', 'read'] as const) {
      it(`is gone, and not broken: ${when}`, async () => {
        ws.run('a');
        ws.checkpoint('a', 100);
        ws.checkpoint('a', 200);
        assert.deepEqual(await statesAfter(new Interrupted(when, take)), [['checkpoint-200', 'complete']]);
      });
    }

    it('is what it was where its deletion was undone', async () => {
      ws.run('a');
      ws.checkpoint('a', 100);
      assert.deepEqual(await statesAfter(new Interrupted('listed', () => undefined)), [['checkpoint-100', 'complete']]);
    });
  });

  it('takes another experiments folder, and leaves folders alone that are no runs', async () => {
    fs.mkdirSync(path.join(ws.root, 'out', 'empty'), { recursive: true });
    fs.mkdirSync(path.join(ws.root, 'out', 'r', 'checkpoints', 'checkpoint-1'), { recursive: true });
    fs.writeFileSync(path.join(ws.root, 'out', 'notes.txt'), '');
    const { runs } = await scanWorkspace(ws.root, { experimentsFolder: 'out' });
    assert.deepEqual(
      runs.map((run) => run.name),
      ['r'],
    );
  });

  it('reads a run: steps, stage, flags, sizes', async () => {
    ws.run('demo');
    ws.checkpoint('demo', 50);
    ws.checkpoint('demo', 150);
    ws.checkpoint('demo', 100);
    ws.write('demo/checkpoints/best.json', {
      schema: 1,
      checkpoint: 'checkpoint-100',
      step: 100,
      metric: 'eval_loss/total',
      value: 1,
    });
    ws.write('demo/pins.json', { schema: 1, checkpoints: ['checkpoint-50'] });
    ws.metrics('demo', [
      { event: 'start', segment: 1, resume_step: 0 },
      metricsLine(160, 0.25),
      metricsLine(170, 'NaN'),
    ]);
    fs.appendFileSync(path.join(ws.experiments, 'demo', 'metrics.jsonl'), '{"event":"metrics","st');
    const run = await only();
    assert.equal(run.id, 'id-demo');
    assert.equal(run.step, 170);
    assert.equal(run.maxSteps, 300);
    assert.equal(run.stage, 'mixed');
    assert.ok(Number.isNaN(run.loss));
    assert.equal(run.state, 'interrupted');
    assert.deepEqual(
      run.checkpoints.map((c) => [c.name, c.step, c.state, c.stage, c.best, c.pinned, c.time]),
      [
        ['checkpoint-50', 50, 'complete', 'teacher', false, true, 5050],
        ['checkpoint-100', 100, 'complete', 'mixed', true, false, 5100],
        ['checkpoint-150', 150, 'complete', 'mixed', false, false, 5150],
      ],
    );
    const newest = run.checkpoints[2]!;
    assert.equal(newest.loss, 1 / 150);
    assert.equal(newest.evalLoss, 2 / 150);
    assert.equal(newest.files.length, 5);
    assert.equal(
      newest.bytes,
      newest.files.reduce((sum, file) => sum + file.bytes, 0),
    );
  });

  it('a resume sets the step back to where it began', async () => {
    ws.run('demo');
    ws.checkpoint('demo', 100);
    ws.metrics('demo', [metricsLine(140, 1), { event: 'start', segment: 2, resume_step: 100 }]);
    assert.equal((await only()).step, 100);
  });

  it('reads only the end of a long metrics file', async () => {
    ws.run('demo');
    ws.metrics(
      'demo',
      Array.from({ length: 5000 }, (_, i) => metricsLine(i, i)),
    );
    const run = await only();
    assert.equal(run.step, 4999);
    assert.equal(run.loss, 4999);
  });

  describe('state of a checkpoint', () => {
    async function stateAfter(damage: (folder: string) => void): Promise<[string, string | null]> {
      ws.run('demo');
      damage(ws.checkpoint('demo', 100));
      const [checkpoint] = (await only()).checkpoints;
      assert.ok(checkpoint);
      return [checkpoint.state, checkpoint.stateReason];
    }

    it('a file that is missing', async () => {
      assert.deepEqual(
        await stateAfter((at) => {
          fs.rmSync(path.join(at, 'npt_weights.pt'));
        }),
        ['broken', 'npt_weights.pt is missing'],
      );
    });
    it('a file that was cut off', async () => {
      const [state, reason] = await stateAfter((at) => {
        fs.truncateSync(path.join(at, 'training_state.pt'), 3);
      });
      assert.equal(state, 'broken');
      assert.match(reason ?? '', /training_state\.pt has 3 bytes, its manifest says \d+/);
    });
    it('a manifest that is no JSON', async () => {
      assert.deepEqual(
        await stateAfter((at) => {
          fs.writeFileSync(path.join(at, 'manifest.json'), '{');
        }),
        ['broken', 'manifest.json is not JSON'],
      );
    });
    it('a manifest of a later version', async () => {
      const [state, reason] = await stateAfter((at) => {
        fs.writeFileSync(path.join(at, 'manifest.json'), '{"schema": 2, "files": {}}');
      });
      assert.equal(state, 'broken');
      assert.match(reason ?? '', /schema 2; this version of NPT Checkpoints reads schema 1/);
    });
    it('a folder with another step than its manifest', async () => {
      assert.deepEqual(
        await stateAfter((at) => {
          fs.renameSync(at, at.replace('-100', '-200'));
        }),
        ['broken', 'its manifest says step 100'],
      );
    });
    it('a checkpoint that is damaged in place is noticed by a scan that remembers it', async () => {
      ws.run('demo');
      const at = ws.checkpoint('demo', 100);
      const context = new ScanContext();
      const first = await scanWorkspace(ws.root, { context });
      assert.equal(first.runs[0]?.checkpoints[0]?.state, 'complete');
      const again = await scanWorkspace(ws.root, { context });
      assert.equal(again.runs[0]?.checkpoints[0], first.runs[0].checkpoints[0], 'unchanged: the same object');
      fs.truncateSync(path.join(at, 'npt_weights.pt'), 1);
      const damaged = await scanWorkspace(ws.root, { context });
      assert.equal(damaged.runs[0]?.checkpoints[0]?.state, 'broken');
    });
  });

  it('shows what our trainer is saving, and only while it runs', async () => {
    ws.run('demo');
    fs.mkdirSync(path.join(ws.experiments, 'demo/checkpoints/.tmp-checkpoint-50-host-7'), { recursive: true });
    assert.deepEqual((await only()).checkpoints, []);
    ws.write('demo/process.json', named(process.pid));
    const [saving] = (await only()).checkpoints;
    assert.equal(saving?.state, 'writing');
    assert.equal(saving.path, path.join(ws.experiments, 'demo/checkpoints/checkpoint-50'));
    // Until it has its name it is neither broken nor complete, whatever is written of it.
    const last = fs.readFileSync(path.join(ws.checkpoint('demo', 60), 'manifest.json'), 'utf8');
    for (const manifest of ['', '{"schema":1,"st', last]) {
      ws.write('demo/checkpoints/.tmp-checkpoint-50-host-7/manifest.json', manifest);
      assert.deepEqual(
        (await only()).checkpoints.map(({ name, state, stateReason }) => [name, state, stateReason]),
        [
          ['checkpoint-50', 'writing', 'being written'],
          ['checkpoint-60', 'complete', null],
        ],
      );
    }
  });

  describe('state of a run', () => {
    const end = (why: string, step: number): object => ({
      schema: 1,
      why,
      step,
      segment: 1,
      signal: null,
      error: null,
      time: 1,
    });

    it('training, as long as the very process lives', async () => {
      ws.run('demo');
      ws.write('demo/process.json', named(process.pid));
      assert.equal((await only()).state, 'training');
      ws.write('demo/process.json', named(process.pid, { start_ticks: 1 }));
      assert.equal((await only()).state, 'interrupted', 'the pid was reused');
      ws.write('demo/process.json', named(process.pid, { boot_id: 'before the restart' }));
      assert.equal((await only()).state, 'interrupted', 'the machine was restarted');
    });

    it('not training when the process is a zombie', async () => {
      // exec replaces the shell by something that never waits for the child that ends after it.
      const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 600'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      try {
        const pid = Number(
          await new Promise((resolve) =>
            parent.stdout.once('data', (data: Buffer) => {
              resolve(data.toString());
            }),
          ),
        );
        while (procStat(pid)?.state !== 'Z') await new Promise((resolve) => setTimeout(resolve, 5));
        assert.equal(procStat(pid)?.state, 'Z');
        ws.run('demo');
        ws.write('demo/process.json', named(pid));
        assert.equal((await only()).state, 'interrupted');
      } finally {
        parent.kill('SIGKILL');
      }
    });

    it("another machine's run is training as long as its files change", async () => {
      ws.run('demo');
      const file = ws.write(
        'demo/process.json',
        named(1, { host: 'elsewhere', boot_id: 'x', launcher: 'slurm', job: '17' }),
      );
      assert.equal((await only()).state, 'training');
      fs.utimesSync(file, 1000, 1000);
      assert.equal((await only()).state, 'interrupted');
    });

    for (const [why, state] of [
      ['done', 'finished'],
      ['stopped', 'stopped'],
      ['failed', 'failed'],
      ['preempted', 'interrupted'],
      ['killed', 'interrupted'],
    ] as const) {
      it(`${state}: exit.json says ${why}`, async () => {
        ws.run('demo');
        ws.write('demo/exit.json', end(why, 10));
        assert.equal((await only()).state, state);
      });
    }

    it('finished: final/ at the last step; interrupted again when the run was extended', async () => {
      ws.run('demo');
      ws.checkpoint('demo', 300);
      ws.checkpoint('demo', 300, { name: 'final' });
      const run = await only();
      assert.equal(run.state, 'finished');
      assert.equal(run.final?.step, 300);
      assert.equal(run.checkpoints.length, 1);
      ws.run('demo', { config: { max_steps: 400 } });
      assert.equal((await only()).state, 'interrupted');
    });

    it('finished: killed once final/ was there, with nothing left to do; interrupted before', async () => {
      ws.run('demo');
      ws.checkpoint('demo', 300);
      ws.write('demo/exit.json', end('killed', 300));
      assert.equal((await only()).state, 'interrupted');
      ws.checkpoint('demo', 300, { name: 'final' });
      assert.equal((await only()).state, 'finished');
    });

    it('what the metrics say, where exit.json was lost', async () => {
      ws.run('demo');
      ws.metrics('demo', [metricsLine(10, 1), { event: 'end', why: 'stopped', step: 10 }]);
      assert.equal((await only()).state, 'stopped');
      ws.metrics('demo', [{ event: 'start', segment: 2, resume_step: 10 }]);
      assert.equal((await only()).state, 'interrupted');
    });
  });

  describe('runs of other trainers', () => {
    function old(...relative: string[]): void {
      for (const file of relative) fs.utimesSync(path.join(ws.experiments, file), 1000, 1000);
    }

    it('has no run.json; bare NaN in its log; complete is where config.json is', async () => {
      ws.write('their/config.json', '{"np_rank": 64, "max_steps": 90, "x": NaN}');
      ws.write('their/training_log.jsonl', '{"step": 80, "total_loss": 2.5}\n{"step": 85, "total_loss": NaN}\n');
      for (const file of ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt']) {
        ws.write(`their/checkpoints/checkpoint-80/${file}`, 'x');
        ws.write(`their/checkpoints/checkpoint-90/${file}`, 'x');
      }
      ws.write('their/checkpoints/checkpoint-80/config.json', { max_steps: 90 });
      const run = await only();
      assert.equal(run.id, null);
      assert.equal(run.step, 85);
      assert.ok(Number.isNaN(run.loss));
      assert.equal(run.state, 'interrupted', 'a log that was just copied does not make it a training run');
      assert.deepEqual(
        run.checkpoints.map((c) => c.state),
        ['complete', 'writing'],
      );
      old(
        ...['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt'].map(
          (f) => `their/checkpoints/checkpoint-90/${f}`,
        ),
      );
      assert.match((await only()).checkpoints[1]?.stateReason ?? '', /config\.json is missing/);
    });

    it('the older form has two files, and its arguments in one of them', async () => {
      const older = path.join(FIXTURES, CHECKPOINTS.fieldOld);
      const stateOf = (name: string): Buffer => fs.readFileSync(path.join(FIXTURES, name, 'training_state.pt'));
      const states: [number, Uint8Array | null][] = [
        [1500, stateOf(CHECKPOINTS.fieldOld)],
        [1501, null],
        // A writer of this form or the other that was killed there.
        [1502, stateOf(CHECKPOINTS.fieldOld).subarray(0, 700)],
        [1503, stateOf(CHECKPOINTS.field)],
      ];
      for (const [step, state] of states) {
        const folder = path.join(ws.experiments, 'older', 'checkpoints', `checkpoint-${step}`);
        fs.mkdirSync(folder, { recursive: true });
        fs.copyFileSync(path.join(older, 'npt_weights.pt'), path.join(folder, 'npt_weights.pt'));
        if (state !== null) fs.writeFileSync(path.join(folder, 'training_state.pt'), state);
      }
      const found = async (): Promise<unknown[]> =>
        (await only()).checkpoints.map(({ step, state, stateReason }) => [step, state, stateReason]);
      const writing = await found();
      assert.deepEqual(
        writing.map((each) => (each as string[])[1]),
        ['writing', 'writing', 'writing', 'writing'],
      );
      for (const [step, state] of states) {
        old(`older/checkpoints/checkpoint-${step}/npt_weights.pt`);
        if (state !== null) old(`older/checkpoints/checkpoint-${step}/training_state.pt`);
      }
      const [whole, without, cut, other] = await found();
      assert.deepEqual(whole, [1500, 'complete', null]);
      assert.deepEqual(without, [1501, 'broken', 'training_state.pt is missing']);
      assert.match(String(cut), /^1502,broken,training_state\.pt /);
      assert.deepEqual(other, [1503, 'broken', 'multi_layer_state.pt is missing: writing it was cut short']);
    });

    it('in the form of four files, each has to be there', async () => {
      const folder = path.join(ws.experiments, 'their', 'checkpoints', 'checkpoint-24000');
      fs.cpSync(path.join(FIXTURES, CHECKPOINTS.field), folder, { recursive: true });
      assert.equal((await only()).checkpoints[0]?.state, 'complete');
      fs.rmSync(path.join(folder, 'multi_layer_state.pt'));
      assert.equal((await only()).checkpoints[0]?.stateReason, 'multi_layer_state.pt is missing');
      fs.writeFileSync(path.join(folder, 'multi_layer_state.pt'), '');
      assert.equal((await only()).checkpoints[0]?.stateReason, 'multi_layer_state.pt is empty');
    });

    it('a branch beside one run a layer is a run, under any name; its files are none', async () => {
      ws.write('seq/layer_14_a/checkpoints/checkpoint-5/npt_weights.pt', 'x');
      ws.write('seq/mine/run.json', '{"schema":1,"id":"m","created":1,"argv":[],"cwd":"","git":null,"trainer":"npt"}');
      ws.write('seq/plots/loss.png', 'x');
      ws.write('group/other/notes.md', 'x');
      const { runs } = await scanWorkspace(ws.root);
      assert.deepEqual(runs.map((run) => run.name).sort(), ['seq/layer_14_a', 'seq/mine']);
    });

    it('sequential runs are nested one level deeper', async () => {
      for (const layer of ['layer_14_a', 'layer_15_b'])
        ws.write(`seq/${layer}/checkpoints/checkpoint-5/npt_weights.pt`, 'x');
      const { runs } = await scanWorkspace(ws.root);
      assert.deepEqual(runs.map((run) => run.name).sort(), ['seq/layer_14_a', 'seq/layer_15_b']);
    });
  });

  describe('what counts as a run', () => {
    const listed = async (): Promise<string[]> => (await scanWorkspace(ws.root)).runs.map((run) => run.name);
    const none: [string, Record<string, string>][] = [
      ['a downloaded model', { 'config.json': '{"architectures":["LlamaForCausalLM"],"model_type":"llama"}' }],
      ['a folder of settings', { 'config.json': '{"lr":1}', 'small.json': '{"max_steps":3}' }],
      ['a config.json that is none', { 'config.json': '[1' }],
      ['a folder named like a file of a run', { 'run.json/x': '', 'metrics.jsonl/x': '' }],
      ['an empty checkpoints folder', { 'checkpoints/notes.md': '' }],
      ['checkpoints of something else', { 'checkpoints/model-1/weights.bin': '', 'checkpoints/best/x': '' }],
      [
        'a checkpoint by itself',
        { 'config.json': '{"max_steps":10}', 'npt_weights.pt': 'x', 'training_state.pt': 'x' },
      ],
      ['notes', { 'notes.md': 'x', 'train.log': 'x' }],
    ];
    for (const [what, files] of none) {
      it(`not ${what}`, async () => {
        for (const [name, text] of Object.entries(files)) ws.write(`thing/${name}`, text);
        assert.deepEqual(await listed(), []);
      });
    }
    const some: [string, Record<string, string>][] = [
      ['a run that was just born', { 'process.json': '{}' }],
      ["another trainer's log", { 'training_log.jsonl': '' }],
      ['the arguments of a training', { 'config.json': '{"max_steps":10,"learning_rate":1}' }],
      ['a checkpoint, even an empty one', { 'checkpoints/checkpoint-5/x': '' }],
      ['a final checkpoint', { 'checkpoints/final/npt_weights.pt': '' }],
      ['a first checkpoint that is being written', { 'checkpoints/.tmp-checkpoint-5-host-1/npt_weights.pt': '' }],
      ['a damaged run.json', { 'run.json': '{' }],
    ];
    for (const [what, files] of some) {
      it(what, async () => {
        for (const [name, text] of Object.entries(files)) ws.write(`thing/${name}`, text);
        assert.deepEqual(await listed(), ['thing']);
      });
    }
  });

  it('lineage goes by id: a renamed parent shows its new name', async () => {
    ws.run('old-name');
    ws.run('child', {
      run: { created: 2000, parent: { id: 'id-old-name', run: 'old-name', checkpoint: 'checkpoint-50', step: 50 } },
    });
    fs.renameSync(path.join(ws.experiments, 'old-name'), path.join(ws.experiments, 'new-name'));
    const { runs, problems } = await scanWorkspace(ws.root);
    assert.deepEqual(
      runs.map((run) => run.name),
      ['child', 'new-name'],
      'newest first',
    );
    assert.deepEqual(runs[0]?.parent, { id: 'id-old-name', run: 'new-name', checkpoint: 'checkpoint-50', step: 50 });
    assert.deepEqual(problems, []);
    fs.cpSync(path.join(ws.experiments, 'new-name'), path.join(ws.experiments, 'copy'), { recursive: true });
    assert.match((await scanWorkspace(ws.root)).problems[0]?.message ?? '', /has the same id as/);
  });

  it('says in one line what it cannot read, and goes on', async () => {
    ws.run('good');
    ws.run('bad', { config: { curriculum_stages: 'teachr:5' } });
    ws.write('bad/run.json', '[1]');
    ws.write('bad/pins.json', '');
    ws.write('bad/process.json', { schema: 9 });
    fs.writeFileSync(path.join(ws.experiments, 'bad/notes.md'), Uint8Array.of(0x61, 0xff, 0x62));
    fs.rmSync(path.join(ws.experiments, 'bad/exit.json'), { force: true });
    fs.mkdirSync(path.join(ws.experiments, 'bad/exit.json'));
    fs.writeFileSync(path.join(ws.experiments, 'bad/checkpoints'), 'a file');
    const { runs, problems } = await scanWorkspace(ws.root);
    assert.deepEqual(runs.map((run) => run.name).sort(), ['bad', 'good']);
    assert.deepEqual(problems.map((p) => path.basename(p.path)).sort(), [
      'checkpoints',
      'config.json',
      'exit.json',
      'notes.md',
      'pins.json',
      'process.json',
      'run.json',
    ]);
    for (const { message } of problems) assert.ok(message !== '' && !message.includes('\n'), message);
  });

  it('the slow path (asynchronous) sees the same', async () => {
    ws.run('demo');
    ws.checkpoint('demo', 50);
    ws.metrics('demo', [metricsLine(60, 0.5)]);
    const fast = await scanWorkspace(ws.root);
    const slow = await scanWorkspace(ws.root, { context: new ScanContext({ disk: new PacedDisk(true) }) });
    assert.deepEqual(slow, fast);
  });

  it('gives null for a folder that is gone or no run', async () => {
    const context = new ScanContext();
    assert.equal(await scanRun(path.join(ws.root, 'nothing'), context), null);
    assert.equal(await scanRun(ws.root, context), null);
  });

  it('scans 20 runs of 50 checkpoints quickly, and gives what did not change as the same objects', async function () {
    const content = Buffer.from('x');
    for (let r = 0; r < 20; r++) {
      ws.run(`run-${r}`);
      for (let c = 1; c <= 50; c++) {
        const at = path.join(ws.experiments, `run-${r}/checkpoints/checkpoint-${c}`);
        fs.mkdirSync(at, { recursive: true });
        const files: Record<string, object> = {};
        for (const name of ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json']) {
          fs.writeFileSync(path.join(at, name), content);
          files[name] = { bytes: 1 };
        }
        fs.writeFileSync(path.join(at, 'manifest.json'), JSON.stringify({ schema: 1, step: c, files }));
      }
    }
    const context = new ScanContext();
    const start = cpuMs();
    const first = await scanWorkspace(ws.root, { context });
    const cold = cpuMs() - start;
    const second = await scanWorkspace(ws.root, { context });
    const warm = cpuMs() - start - cold;
    assert.equal(first.runs.length, 20);
    assert.equal(
      second.runs.reduce((sum, run) => sum + run.checkpoints.length, 0),
      1000,
    );
    assert.ok(second.runs.every((run, i) => run.checkpoints.every((c, j) => c === first.runs[i]?.checkpoints[j])));
    assert.ok(warm < 1000, `${warm} ms`);
  });

  it('a folder that became a run is not passed over by a scan that trusts what it knew of the folder', async () => {
    const folder = path.join(ws.experiments, 'newborn');
    fs.mkdirSync(folder, { recursive: true });
    const context = new ScanContext();
    assert.equal((await scanRuns(ws.experiments, context)).runs.has(folder), false);
    ws.run('newborn');
    // As after an event.
    assert.equal((await scanFolder(folder, context)).runs.has(folder), true);
    assert.equal((await scanRuns(ws.experiments, context, 'changes', () => true)).runs.has(folder), true);
  });
});
