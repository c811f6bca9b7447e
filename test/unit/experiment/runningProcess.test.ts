import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import type { RunProcess } from '../../../src/core/experiment/model';
import {
  StopError,
  askThisHost,
  liveness,
  procStat,
  stopProcess,
  thisHost,
} from '../../../src/core/experiment/runningProcess';

describe('the process that trains a run', () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  function sleeper(): { child: ChildProcess; named: RunProcess } {
    const child = spawn('sleep', ['30']);
    started.push(child);
    const { pid = 0 } = child;
    const named: RunProcess = {
      host: thisHost().name,
      bootId: thisHost().bootId,
      pid,
      started: Date.now() / 1000,
      startTicks: procStat(pid)?.startTicks ?? 0,
      launcher: 'local',
      job: null,
      segment: 1,
    };
    return { child, named };
  }

  it('is alive only as the very same process', () => {
    const { named } = sleeper();
    assert.equal(liveness(named), 'alive');
    assert.equal(liveness({ ...named, startTicks: named.startTicks + 1 }), 'dead');
    assert.equal(liveness({ ...named, bootId: 'another start' }), 'dead');
    assert.equal(liveness({ ...named, pid: 0 }), 'dead');
    assert.equal(liveness({ ...named, host: 'another' }), 'elsewhere');
  });

  it('tells of a restart by its supervisor, done or to come', async () => {
    const { named } = sleeper();
    const restart = { number: 1, of: 3, after: 'killed by SIGKILL', at: Date.now() / 1000 + 600 };
    const detail = async (rest: Partial<RunProcess>): Promise<string | null> =>
      (await askThisHost({ ...named, ...rest })).detail;
    assert.equal(await detail({}), null);
    assert.equal(await detail({ restart }), 'restart 1 of 3, which is waited for, after: killed by SIGKILL');
    assert.equal(await detail({ restart: { ...restart, at: 1 } }), 'restart 1 of 3, after: killed by SIGKILL');
    assert.equal(await detail({ restart, host: 'another' }), null);
  });

  it('reads a name with spaces and parentheses right', () => {
    const script = 'exec -a "a) S 1 (b" sleep 30';
    const child = spawn('bash', ['-c', script]);
    started.push(child);
    assert.ok((procStat(child.pid ?? 0)?.startTicks ?? 0) > 0);
  });

  it('is asked to stop', async () => {
    const { child, named } = sleeper();
    const ended = new Promise((resolve) =>
      child.once('exit', (_, signal) => {
        resolve(signal);
      }),
    );
    await stopProcess(named);
    assert.equal(await ended, 'SIGINT');
    await assert.rejects(
      stopProcess(named),
      (error) => error instanceof StopError && /has ended already/.test(error.message),
    );
  });

  it('is asked through its supervisor where it has one, and directly where that is gone', async () => {
    const { child, named } = sleeper();
    const supervisor = sleeper();
    const ended = (which: ChildProcess): Promise<unknown> =>
      new Promise((resolve) =>
        which.once('exit', (_, signal) => {
          resolve(signal);
        }),
      );
    const { pid, startTicks } = supervisor.named;
    const supervised = { ...named, supervisor: { pid, startTicks } };
    const first = ended(supervisor.child);
    await stopProcess(supervised, 'SIGINT');
    assert.equal(await first, 'SIGINT');
    assert.equal(liveness(named), 'alive', 'the trainer itself was not asked');
    const second = ended(child);
    await stopProcess(supervised, 'SIGQUIT');
    assert.equal(await second, 'SIGQUIT');
  });

  it('a reused pid of its supervisor is not signalled', async () => {
    const { child, named } = sleeper();
    const innocent = sleeper();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await stopProcess({ ...named, supervisor: { pid: innocent.named.pid, startTicks: 1 } });
    await ended;
    assert.equal(liveness(innocent.named), 'alive');
  });

  it('a reused pid is not signalled', async () => {
    const { child, named } = sleeper();
    await assert.rejects(stopProcess({ ...named, startTicks: 1 }), StopError);
    assert.equal(child.signalCode, null);
    assert.equal(liveness(named), 'alive');
  });

  it("another machine's process is not signalled", async () => {
    const { named } = sleeper();
    await assert.rejects(stopProcess({ ...named, host: 'node7' }), /on node7, not on this machine/);
  });
});
