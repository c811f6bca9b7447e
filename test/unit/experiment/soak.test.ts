/**
 * The model while 20 writers make, save, rename, delete and damage what it shows, and are killed meanwhile. An ordinary run takes
 * seconds and a few writers; `npm run faults` asks for half an hour (NPT_SOAK_SECONDS) and prints what came of it. NPT_SEED=<n>
 * draws as an earlier one did, though processes never meet each other twice in the same way.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Run, Workspace } from '../../../src/core/experiment/model';
import { scanWorkspace } from '../../../src/core/experiment/scan';
import { WorkspaceWatcher } from '../../../src/core/experiment/watch';
import { eventually } from '../../eventually';
import { randomNumbers } from '../../random';
import { FixtureWorkspace } from './fixtureWorkspace';
import { Journals, ROUNDS } from './soak/journal';

const SECONDS = Number(process.env['NPT_SOAK_SECONDS'] ?? 4);
const WRITERS = Number(process.env['NPT_SOAK_WRITERS'] ?? (SECONDS > 60 ? 20 : 3));
const SEED = Number(process.env['NPT_SEED'] ?? randomInt(1_000_000));
/** One of the writers is killed and another one put in its place, this often at the longest. */
const KILLED_AFTER_MS = Math.min(20_000, (SECONDS * 1000) / 3);
/**
 * What a killed writer left stays until so many more were killed: longer than a save can pass for one that goes on. Then it goes, or
 * the workspace and its model would grow for as long as the soak lasts.
 */
const LEFTOVERS = 30;
/** Ends a test that hangs; a slow machine is no fault. */
const LIMIT_MS = 600_000;

describe(`a soak of ${SECONDS} s, ${WRITERS} writers (seed ${SEED})`, function () {
  this.timeout(SECONDS * 1000 + 2 * LIMIT_MS);
  const writers = new Set<ChildProcess>();
  const names = new WeakMap<ChildProcess, string>();
  let workspace: FixtureWorkspace;

  beforeEach(() => {
    workspace = new FixtureWorkspace();
  });
  afterEach(() => {
    for (const writer of writers) writer.kill('SIGKILL');
    rmSync(workspace.root, { recursive: true, force: true, maxRetries: 20 });
  });

  function startWriter(name: string, seed: number): ChildProcess {
    const program = path.join(import.meta.dirname, 'soak/writer.ts');
    const words = ['--import', 'tsx', program, realpathSync(workspace.root), name, String(seed)];
    const writer = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit'] });
    writers.add(writer);
    names.set(writer, name);
    writer.once('exit', (code) => {
      writers.delete(writer);
      if (code !== null) failures.push(`writer ${name} ended with ${code}`);
    });
    return writer;
  }
  const failures: string[] = [];

  it('never shows what is half written as complete, and is the disk in the end', async () => {
    const draw = randomNumbers(SEED);
    const journals = new Journals(path.join(workspace.root, 'journals'));
    const figures = { changes: 0, complete: 0, runs: 0, checkpoints: 0, kills: 0, megabytes: [] as number[] };
    const shown = new Set<string>();
    const experiments = path.join(realpathSync(workspace.root), 'experiments');
    const killed: string[] = [];
    const listings: Set<string>[] = [];
    const clearAway = (): void => {
      const old = killed.length > LEFTOVERS ? killed.shift() : undefined;
      const runs = readdirSync(experiments);
      const going = runs.filter((run) => old !== undefined && run.startsWith(`${old}-`));
      for (const run of going) rmSync(path.join(experiments, run), { recursive: true, maxRetries: 20 });
      // The model may show for a moment what is gone.
      listings.push(new Set(runs.filter((run) => !going.includes(run)).map(unmarked)));
      const recent = listings.slice(-ROUNDS);
      journals.forget((checkpoint) => {
        const run = unmarked(path.basename(path.dirname(path.dirname(checkpoint))));
        return !recent.some((there) => there.has(run));
      });
      for (const checkpoint of shown) if (!journals.completed.has(checkpoint)) shown.delete(checkpoint);
    };
    const look = ({ runs }: Workspace): void => {
      figures.changes += 1;
      figures.runs = Math.max(figures.runs, runs.length);
      for (const { path: checkpoint, state } of runs.flatMap((run) => run.checkpoints)) {
        figures.checkpoints += 1;
        if (state !== 'complete' || shown.has(checkpoint)) continue;
        if (!journals.completed.has(checkpoint)) journals.read();
        if (!journals.completed.has(checkpoint)) failures.push(`${checkpoint} is shown as complete`);
        shown.add(checkpoint);
        figures.complete += 1;
      }
    };
    const watcher = new WorkspaceWatcher(realpathSync(workspace.root), {
      onDidChange: ({ workspace: next }) => {
        look(next);
      },
    });
    try {
      for (let index = 0; index < WRITERS; index += 1) startWriter(`writer ${index}`, Math.floor(draw() * 1e9));
      const atWork = (): ChildProcess[] => {
        journals.read();
        return [...writers].filter(({ pid }) => pid !== undefined && journals.writers.has(pid));
      };
      await eventually('writers at work', LIMIT_MS, () => (atWork().length === WRITERS ? true : undefined));
      const until = performance.now() + SECONDS * 1000;
      while (performance.now() < until && failures.length === 0) {
        await after(Math.min(KILLED_AFTER_MS * draw(), until - performance.now()));
        const victim = atWork().sort(() => draw() - 0.5)[0];
        if (victim === undefined) continue;
        victim.kill('SIGKILL');
        figures.kills += 1;
        killed.push(`${names.get(victim) ?? ''} ${victim.pid ?? ''}`);
        clearAway();
        startWriter(`after ${figures.kills}`, Math.floor(draw() * 1e9));
        figures.megabytes.push(Math.round(heapInUse() / 2 ** 20));
      }
      // Nothing is told of by who is killed: what they did until then has to be seen.
      await Promise.all([...writers].map((writer) => ended(writer)));
      journals.read();
      assert.deepEqual(failures, []);
      assert.ok(figures.complete > 0 && figures.kills > 0, JSON.stringify(figures));

      // As it is now: what was cut short passes for being written for a while.
      const onDisk = async (): Promise<readonly Run[]> => {
        const { runs } = await scanWorkspace(workspace.root, {});
        assert.ok(runs.length > 0);
        return runs;
      };
      await eventually('the model to be the disk, but for what was damaged without a sign', LIMIT_MS, async () => {
        const differences = differing(watcher.current.runs, await onDisk(), [...journals.damaged.keys()]);
        return differences.length === 0 ? true : undefined;
      });
      // Refresh looks at all of it.
      await watcher.rescan('everything');
      assert.deepEqual(differing(watcher.current.runs, await onDisk(), []), []);
    } finally {
      watcher.dispose();
    }
    if ('NPT_SOAK_SECONDS' in process.env)
      console.log(
        JSON.stringify({ seed: SEED, writers: WRITERS, ...figures, acts: Object.fromEntries(journals.acts) }),
      );
    if (figures.megabytes.length >= 20) {
      const [early, late] = [figures.megabytes.slice(3, 8), figures.megabytes.slice(-5)].map(
        (part) => part.reduce((sum, each) => sum + each, 0) / part.length,
      ) as [number, number];
      assert.ok(late < 1.5 * early + 10, `memory grew: ${figures.megabytes.join(', ')} MB`);
    }
  });
});

/** A run's name without the mark that its writer gives and takes. */
function unmarked(run: string): string {
  return run.endsWith("'") ? run.slice(0, -1) : run;
}

function ended(writer: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    writer.once('exit', () => {
      resolve();
    });
    writer.kill('SIGKILL');
  });
}

/**
 * What two models say of the same folder unlike each other, by path: runs, and checkpoints that are not left out; nor is the step
 * of a run that may go by one of those.
 */
function differing(shown: readonly Run[], there: readonly Run[], damaged: readonly string[]): string[] {
  const leftOut = new Set(damaged);
  const unsure = new Set(damaged.map((checkpoint) => path.dirname(path.dirname(checkpoint))));
  const said = (runs: readonly Run[]): Map<string, string> =>
    new Map(
      runs.flatMap((run): [string, string][] => [
        [run.path, JSON.stringify([run.id, unsure.has(run.path) ? null : run.step])],
        ...run.checkpoints
          .filter((checkpoint) => !leftOut.has(checkpoint.path))
          .map((checkpoint): [string, string] => [
            checkpoint.path,
            // What is in a folder that is being written is looked at every half a minute.
            JSON.stringify([
              ...[checkpoint.state, checkpoint.step, checkpoint.stateReason],
              checkpoint.state === 'complete' ? checkpoint.bytes : null,
            ]),
          ]),
      ]),
    );
  const [ours, theirs] = [said(shown), said(there)];
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((key) => ours.get(key) !== theirs.get(key))
    .map((key) => `${key}: ${ours.get(key) ?? 'not shown'}; on disk ${theirs.get(key) ?? 'not there'}`);
}

/** Bytes, after a collection. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
