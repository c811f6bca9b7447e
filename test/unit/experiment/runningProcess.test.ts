import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import type { RunProcess } from '../../../src/core/experiment/model';
import {
  StopError,
  askForStacks,
  askThisHost,
  endedWithMachine,
  liveness,
  stopProcess,
} from '../../../src/core/experiment/runningProcess';
import { procStat, thisHost } from '../../../src/core/thisHost';

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

  it('is asked for its stacks through its supervisor, where that passes it on, and never where the signal would end it', async function () {
    if (process.platform !== 'linux') this.skip(); // nobody else tells which signals a process answers
    const answers = async (): Promise<{ named: RunProcess; answered: Promise<unknown> }> => {
      const script =
        "process.on('SIGUSR2', () => console.log('stacks')); setInterval(() => {}, 1000); console.log('ready')";
      const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      started.push(child);
      const line = (): Promise<string> =>
        new Promise((resolve) =>
          child.stdout.once('data', (data: Buffer) => {
            resolve(data.toString().trim());
          }),
        );
      assert.equal(await line(), 'ready');
      const pid = child.pid ?? 0;
      const named = { ...sleeper().named, pid, startTicks: procStat(pid)?.startTicks ?? 0 };
      return { named, answered: line() };
    };
    const trainer = await answers();
    const supervisor = await answers();
    const by = ({ pid, startTicks }: RunProcess): Pick<RunProcess, 'supervisor'> => ({
      supervisor: { pid, startTicks },
    });
    await askForStacks({ ...trainer.named, ...by(supervisor.named) });
    assert.equal(await supervisor.answered, 'stacks');
    await askForStacks({ ...trainer.named, ...by({ ...supervisor.named, startTicks: 1 }) });
    assert.equal(await trainer.answered, 'stacks');

    const { child, named } = sleeper();
    const refused = (wanted: RegExp) => (error: unknown) => error instanceof StopError && wanted.test(error.message);
    await assert.rejects(askForStacks(named), refused(/does not answer SIGUSR2, which would end it/));
    assert.equal(child.exitCode ?? child.signalCode, null);
    await assert.rejects(
      askForStacks({ ...named, host: 'another' }),
      refused(/trains on another, not on this machine/),
    );
    await assert.rejects(askForStacks({ ...named, startTicks: 1 }), refused(/has ended already/));
  });

  it('ended with its machine only where it was one of an earlier start of this machine', () => {
    const { named } = sleeper();
    const here = { name: 'here', bootId: 'this start' };
    const of = (host: string, bootId: string): boolean => endedWithMachine({ ...named, host, bootId }, here);
    assert.deepEqual([of('here', 'this start'), of('here', 'an earlier start')], [false, true]);
    assert.deepEqual([of('elsewhere', 'an earlier start'), of('here', '')], [false, false]);
  });

  it("another machine's process is not signalled", async () => {
    const { named } = sleeper();
    await assert.rejects(stopProcess({ ...named, host: 'node7' }), /on node7, not on this machine/);
  });
});
