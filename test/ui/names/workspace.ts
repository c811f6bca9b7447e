/** A workspace whose runs, records, tensors, metrics, arguments and log lines have hostile names. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { procStat } from '../../../src/core/thisHost';
import { CHECKPOINTS, FIXTURES, pickle, text, torchEntries, zip } from '../../unit/checkpoint/fixtures';
import { FixtureWorkspace } from '../../unit/experiment/fixtureWorkspace';
import { FOLDER_NAMES, HOSTILE_NAMES } from './hostileNames';

export interface HostileWorkspace {
  readonly folder: string;
  readonly experiments: string;
  /** The run that trains: its process is real, if idle. */
  readonly live: string;
  /** The run whose metrics have the names. */
  readonly metrics: string;
  /** A torch file whose tensors have the names. */
  readonly tensors: string;
  remove(): void;
}

/** A pickle of a dict: names → tensors of one number that share a storage. */
function tensorsNamed(names: readonly string[]): Buffer {
  const tensor = Buffer.concat([
    Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n((', 'latin1'),
    text('storage'),
    Buffer.from('ctorch\nFloatStorage\n', 'latin1'),
    text('0'),
    text('cpu'),
    Buffer.from('I1\ntQI0\n(I1\nt(I1\nt\x89ccollections\nOrderedDict\n)RtR', 'latin1'),
  ]);
  return pickle('\x80\x02}(', ...names.flatMap((name) => [text(name), tensor]), 'u.');
}

const ONE = Buffer.from(new Float32Array([1]).buffer);

/** The weights file of a checkpoint with a record that stands twice under a name: the finding names it. */
function damagedBy(name: string): Buffer {
  const record = { name: `archive/${name}`, data: Buffer.from('x') };
  return zip([...torchEntries(tensorsNamed(['layer_2_np.W_down']), { '0': ONE }), record, record]);
}

function idleProcess(run: string): ChildProcess {
  const child = spawn('sleep', ['3600'], { stdio: 'ignore' });
  const { dev, ino } = statSync(run);
  const document = {
    schema: 1,
    host: os.hostname(),
    boot_id: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    pid: child.pid,
    started: Date.now() / 1000,
    start_ticks: procStat(child.pid!)!.startTicks,
    launcher: 'local',
    job: null,
    segment: 1,
    folder: { device: dev, inode: ino, path: run },
  };
  writeFileSync(path.join(run, 'process.json'), JSON.stringify(document));
  return child;
}

export function hostileWorkspace(): HostileWorkspace {
  const workspace = new FixtureWorkspace();
  const { experiments } = workspace;
  for (const [index, name] of FOLDER_NAMES.entries()) {
    const parent = { id: null, run: name, checkpoint: name, step: 5 };
    const run = workspace.run(name, {
      run: { id: `hostile-${index}`, created: 2000 + index, parent },
      config: { model_name: name, wandb_name: name },
    });
    const error = HOSTILE_NAMES[index] ?? name;
    workspace.write(`${name}/exit.json`, {
      schema: 1,
      why: 'failed',
      step: 30,
      segment: 1,
      signal: null,
      error,
      time: 6000,
    });
    const checkpoint = path.join(run, 'checkpoints/checkpoint-30');
    mkdirSync(path.dirname(checkpoint), { recursive: true });
    const draft = path.join(run, `.draft-${index}`);
    cpSync(path.join(FIXTURES, CHECKPOINTS.oursDual), draft, { recursive: true });
    // Without it, the first thing that is wrong is the record.
    rmSync(path.join(draft, 'manifest.json'));
    writeFileSync(path.join(draft, 'npt_weights.pt'), damagedBy(HOSTILE_NAMES[index] ?? name));
    renameSync(draft, checkpoint);
  }
  const metrics = workspace.run('npt_demo', {
    run: { id: 'metrics', created: 9000 },
    config: Object.fromEntries(HOSTILE_NAMES.map((name) => [name, name])),
  });
  workspace.metrics(
    'npt_demo',
    [1, 2, 3].map((step) => ({
      event: 'metrics',
      segment: 1,
      step,
      time: 1000 + step,
      metrics: { 'loss/total': 1 / step, ...Object.fromEntries(HOSTILE_NAMES.map((name) => [name, step])) },
    })),
  );
  writeFileSync(
    path.join(metrics, 'train.log'), // VS Code asks what to do with a line separator that is none.
    `${HOSTILE_NAMES.filter((name) => !name.includes('\u2028')).join('\n')}\nthe last line\n`,
  );
  const tensors = path.join(workspace.root, 'tensors.pt');
  writeFileSync(tensors, zip(torchEntries(tensorsNamed(HOSTILE_NAMES), { '0': ONE })));
  const live = path.join(experiments, FOLDER_NAMES[0]!);
  const process = idleProcess(live);
  return {
    folder: workspace.root,
    experiments,
    live,
    metrics,
    tensors,
    remove: () => {
      process.kill('SIGKILL');
      workspace.remove();
    },
  };
}
