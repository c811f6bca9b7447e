/** Anything but a file where a file belongs, and what may not be read: named for what it is, by every command, at once. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { ValidationReport } from '../../../src/core/checkpoint/report/report';
import type { Run } from '../../../src/core/experiment/model';
import { type FixtureWorkspace, metricsLine } from '../experiment/fixtureWorkspace';
import { bundledCli, ROOT } from './bundledCli';

const FIXTURES = path.join(ROOT, 'test/fixtures/checkpoints');
const NOBODY = 65534;
/** A command that waits for the other end of a pipe waits for ever; this is for a machine whose cores are busy. */
const PATIENCE_MS = 60_000;

const RUN_FILES = [
  'run.json',
  'config.json',
  'metrics.jsonl',
  'process.json',
  'exit.json',
  'pins.json',
  'train.log',
  'probe.pt',
];
const CHECKPOINT_FILES = [
  'npt_weights.pt',
  'training_state.pt',
  'multi_layer_state.pt',
  'config.json',
  'manifest.json',
];

interface Kind {
  readonly said: RegExp;
  put(place: string): void;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'named pipes': { said: /is not a file but a named pipe/, put: (place) => execFileSync('mkfifo', [place]) },
  folders: {
    said: /is not a file but a folder/,
    put: (place) => {
      fs.mkdirSync(place);
    },
  },
  devices: {
    said: /is not a file but a device/,
    put: (place) => {
      fs.symlinkSync('/dev/zero', place);
    },
  },
  'links to nothing': {
    said: /is a symbolic link to nowhere, which does not exist/,
    put: (place) => {
      fs.symlinkSync('nowhere', place);
    },
  },
  'links in a circle': {
    said: /its symbolic links go in a circle/,
    put: (place) => {
      fs.symlinkSync(path.basename(place), place);
    },
  },
};

describe('special files and missing rights', function () {
  this.timeout(8 * PATIENCE_MS);
  let ws: FixtureWorkspace;
  let cli: string;
  let checkpoint: string;

  before(async () => {
    ({ ws, cli } = await bundledCli());
    // Others may look at it: some of these tests do so as somebody else.
    fs.chmodSync(ws.root, 0o755);
  });
  after(() => {
    ws.remove();
  });
  beforeEach(() => {
    fs.rmSync(ws.experiments, { recursive: true, force: true });
    ws.run('demo');
    ws.metrics('demo', [{ event: 'start', segment: 1, resume_step: 0 }, metricsLine(10, 3)]);
    checkpoint = path.join(ws.experiments, 'demo/checkpoints/checkpoint-30');
    fs.cpSync(path.join(FIXTURES, 'ours-dual/checkpoint-30'), checkpoint, { recursive: true });
  });

  function run(words: readonly string[], asNobody = false): { code: number | null; out: string; err: string } {
    const who = asNobody && process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const done = spawnSync(process.execPath, [cli, ...words], { encoding: 'utf8', timeout: PATIENCE_MS, ...who });
    assert.equal(done.error, undefined, `${words.join(' ')} did not end`);
    assert.doesNotMatch(done.stderr, /\n./, 'errors are one line');
    assert.doesNotMatch(`${done.stdout}${done.stderr}`, /20,\d\d\d d ago|is empty|internal/);
    return { code: done.status, out: done.stdout, err: done.stderr };
  }
  const replace = (place: string, kind: Kind): void => {
    fs.rmSync(place, { recursive: true, force: true });
    kind.put(place);
  };

  for (const [name, kind] of Object.entries(KINDS)) {
    it(`${name} in place of a run's files`, () => {
      for (const file of RUN_FILES) replace(path.join(ws.experiments, 'demo', file), kind);
      replace(path.join(ws.experiments, 'demo/checkpoints/best.json'), kind);
      const listed = JSON.parse(run(['list', ws.root, '--json']).out) as {
        runs: Run[];
        problems: { path: string; message: string }[];
      };
      assert.deepEqual(
        listed.runs.map((each) => each.checkpoints.map((own) => [own.name, own.state])),
        [[['checkpoint-30', 'complete']]],
      );
      const named = listed.problems.filter(({ message }) => kind.said.test(message)).map((p) => path.basename(p.path));
      for (const file of [
        'run.json',
        'config.json',
        'metrics.jsonl',
        'process.json',
        'exit.json',
        'pins.json',
        'best.json',
      ])
        assert.ok(named.includes(file), `${file} among ${named.join(', ')}`);
      const metrics = run(['metrics', path.join(ws.experiments, 'demo')]);
      assert.equal(metrics.code, 2);
      assert.match(metrics.err, kind.said);
      assert.equal(run(['validate', checkpoint]).code, 0);
      assert.equal(run(['plan', 'extend', checkpoint, '--steps', '5']).code, 0);
    });

    it(`${name} in place of a checkpoint's files`, () => {
      for (const file of CHECKPOINT_FILES) {
        replace(path.join(checkpoint, file), kind);
        const { code, out } = run(['validate', checkpoint, '--json', '--level', 'forward']);
        assert.equal(code, 1);
        const report = JSON.parse(out) as ValidationReport;
        const finding = report.findings.find((each) => each.file === file && kind.said.test(each.message));
        assert.ok(finding, `${file}: ${JSON.stringify(report.findings)}`);
        assert.ok(!report.findings.some((each) => each.code === 'missing-file' && each.file === file));
        fs.rmSync(path.join(checkpoint, file), { recursive: true });
        fs.cpSync(path.join(FIXTURES, 'ours-dual/checkpoint-30', file), path.join(checkpoint, file));
      }
      for (const file of CHECKPOINT_FILES) replace(path.join(checkpoint, file), kind);
      assert.match(run(['list', ws.root]).out, kind.said);
      assert.equal(run(['compare', checkpoint, checkpoint]).code, 2);
      const plan = run(['plan', 'resume', checkpoint]);
      assert.equal(plan.code, 1);
      assert.match(plan.out, kind.said);
    });

    it(`${name} in place of a checkpoint, the checkpoints and the run`, () => {
      for (const place of [checkpoint, path.dirname(checkpoint), path.join(ws.experiments, 'demo'), ws.experiments]) {
        if (name === 'folders') break;
        replace(place, kind);
        const { out } = run(['list', ws.root]);
        // What lies beside the runs is nobody's business.
        if (path.basename(place) !== 'demo')
          assert.match(out, new RegExp(kind.said.source.replace('a file', 'a folder')));
        assert.notEqual(run(['validate', checkpoint]).code, 0);
        assert.notEqual(run(['plan', 'resume', checkpoint]).code, 0);
        const logged = run(['metrics', path.join(ws.experiments, 'demo')]);
        assert.equal(
          logged.code,
          place.includes('checkpoints') ? 0 : 2,
          'a run has its metrics whatever its checkpoints are',
        );
        assert.equal(run(['compare', checkpoint, checkpoint]).code, 2);
      }
    });
  }

  it('sockets are not opened', async () => {
    const place = path.join(checkpoint, 'npt_weights.pt');
    fs.rmSync(place);
    const server = net.createServer();
    // A socket's path has to be short.
    const short = path.join(ws.root, 's');
    await new Promise<void>((resolve) => server.listen(short, resolve));
    try {
      fs.renameSync(short, place);
      assert.match(run(['validate', checkpoint]).out, /npt_weights\.pt is not a file but a socket/);
      assert.match(run(['validate', place]).err, /is a socket, neither a folder nor a file/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  describe('what may not be read is not what is missing', () => {
    const verdict = (target: string): ValidationReport => {
      const { code, out } = run(['validate', target, '--json'], true);
      assert.equal(code, 1);
      return JSON.parse(out) as ValidationReport;
    };
    afterEach(() => {
      execFileSync('chmod', ['-R', 'u+rwX', ws.experiments]);
    });

    for (const [what, mode, right] of [
      ['neither listed nor entered', 0o000, 'x'],
      ['not entered', 0o444, 'x'],
    ] as const) {
      it(`a checkpoint's folder that may be ${what}`, () => {
        fs.chmodSync(checkpoint, mode);
        const report = verdict(checkpoint);
        assert.equal(report.verdict, 'unverifiable');
        assert.match(report.findings[0]!.message, new RegExp(`${checkpoint}.*its right ${right} is missing`));
        const list = run(['list', ws.root], true).out;
        assert.match(list, /checkpoint-30 .* (just now|ago) .*no permission to (enter|read)/);
        const plan = run(['plan', 'resume', checkpoint], true);
        assert.equal(plan.code, 1);
        assert.match(plan.out, /its right x is missing/);
      });
    }

    it('a checkpoint that may be entered and not listed', () => {
      fs.chmodSync(checkpoint, 0o711);
      const { code, out } = run(['validate', checkpoint, '--json'], true);
      assert.equal((JSON.parse(out) as ValidationReport).verdict, 'valid');
      assert.equal(code, 0);
    });

    for (const file of CHECKPOINT_FILES) {
      it(`${file} without permission`, () => {
        fs.chmodSync(path.join(checkpoint, file), 0o000);
        const report = verdict(checkpoint);
        assert.equal(report.verdict, 'unverifiable');
        assert.match(
          report.findings[0]!.message,
          new RegExp(`${file} cannot be read: no permission to read it \\(its right r is missing\\)`),
        );
      });
    }

    it('a run, its files and the experiments folder without permission', () => {
      const demo = path.join(ws.experiments, 'demo');
      for (const file of ['run.json', 'config.json', 'metrics.jsonl']) fs.chmodSync(path.join(demo, file), 0o000);
      assert.match(run(['list', ws.root], true).out, /! .*metrics\.jsonl: cannot be read: no permission to read it/);
      const metrics = run(['metrics', demo], true);
      assert.equal(metrics.code, 2);
      assert.match(metrics.err, /metrics\.jsonl cannot be read: no permission to read it \(its right r is missing\)/);
      for (const folder of [demo, ws.experiments]) {
        fs.chmodSync(folder, 0o000);
        assert.match(run(['list', ws.root], true).out, new RegExp(`! ${folder}: cannot be read: no permission`));
        const report = verdict(checkpoint);
        assert.equal(report.verdict, 'unverifiable');
        assert.match(report.findings[0]!.message, new RegExp(`no permission to enter the folder ${folder} `));
        const plan = run(['plan', 'resume', checkpoint], true);
        assert.match(plan.out, new RegExp(`no permission to enter the folder ${folder} `));
      }
    });
  });
});
