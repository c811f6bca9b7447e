/** A run that is started and resumed as a person does it, whose processes are killed, and what must be true of it always. */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stepOfFolder } from '../../../src/core/checkpoint/folderNames';
import { CheckpointPathError } from '../../../src/core/checkpoint/pathErrors';
import { validateCheckpoint } from '../../../src/core/checkpoint/validate/validate';
import type { Run } from '../../../src/core/experiment/model';
import { ScanContext, scanRun } from '../../../src/core/experiment/scan';
import { readMetrics } from '../../../src/core/metrics/read';
import { askProcess, launcherOf } from '../../../src/core/training/launchers';
import { makePlan } from '../../../src/core/training/plan/makePlan';
import type { Plan } from '../../../src/core/training/plan/plan';
import { lastAnnounced, lastStep, points, segments } from '../../runHistory';
import { lockersOf, processesOf, type RunProcesses } from './processes';

/** What the runs of a campaign have in common. */
export interface Range {
  /** A training workspace that nothing else trains in. */
  readonly workspace: string;
  /** The bundled command line. */
  readonly cli: string;
  readonly supervisor: string;
  readonly python: string;
  readonly environment: NodeJS.ProcessEnv;
  /** The trainer's arguments. */
  readonly settings: Readonly<Record<string, string>>;
  readonly maxSteps: number;
}

const LIMIT_MS = 180_000;
const LOOK_MS = 20;

export class RunUnderFire {
  readonly path: string;
  /** The newest checkpoint that was ever seen to be valid. */
  private newest = 0;
  private first: Plan | undefined;
  private readonly started: ChildProcess[] = [];

  constructor(
    private readonly range: Range,
    readonly name: string,
  ) {
    this.path = path.join(range.workspace, 'experiments', name);
  }

  processes(): RunProcesses {
    return processesOf(this.range.workspace, this.name);
  }

  get step(): number {
    return lastStep(this.path);
  }

  /** A save is under way. */
  get saving(): boolean {
    try {
      return fs.readdirSync(path.join(this.path, 'checkpoints')).some((name) => name.startsWith('.tmp-checkpoint-'));
    } catch {
      return false; // nothing was saved yet
    }
  }

  /** The end of a run whose every step was trained: nothing is left to resume. */
  async isFinished(): Promise<boolean> {
    const run = await this.scanned();
    return run?.state === 'finished';
  }

  /** Starts it with the command line, from nothing; again with the very command where nothing was saved. */
  async start(): Promise<void> {
    const { workspace, settings, python } = this.range;
    if (this.first === undefined) {
      this.first = await makePlan({
        kind: 'start',
        changes: settings,
        name: this.name,
        workspaceRoot: workspace,
        interpreter: python,
      });
      assert.deepEqual(this.first.errors, []);
      const words = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
      this.ask(['start', '--name', this.name, '--workspace', workspace, ...words]);
      return;
    }
    // As a terminal that runs its task again.
    const [program = '', ...words] = launcherOf(this.first.launch.kind).command(this.first, this.range.supervisor);
    this.spawn(program, words);
  }

  /** One click: there is a plan of which nothing needs asking, and it is started. */
  async resume(clicks: number): Promise<void> {
    const plan = await this.plan();
    const { errors, warnings, questions, newRun, startStep } = plan;
    assert.deepEqual(
      { errors, warnings, questions, newRun },
      { errors: [], warnings: [], questions: [], newRun: false },
    );
    assert.equal(startStep, this.newest, 'it goes on from the newest valid checkpoint');
    // Two windows may be clicked in at once: one of the two trains.
    for (let click = 0; click < clicks; click += 1) this.ask(['resume', this.path]);
  }

  /** A second start while something trains here is refused, by the plan and, had it been made before, by the lock. */
  async refusesAnother(): Promise<void> {
    const plan = await this.plan();
    if (this.processes().trainer.length === 0) return; // it ended meanwhile
    const stale = plan.argv.length > 0 ? plan : this.first;
    assert.ok(stale !== undefined);
    const refused = plan.errors.map(({ code }) => code);
    const [program = '', ...words] = launcherOf(stale.launch.kind).command(stale, this.range.supervisor);
    const { code, said } = await this.output(program, words);
    if (this.processes().trainer.length === 0) return;
    // Before the first save there is nothing to resume, whoever trains.
    const right = ['run-is-training', 'training-complete', ...(this.hasSaved ? [] : ['not-found'])];
    assert.ok(
      refused.some((each) => right.includes(each)),
      refused.join(', '),
    );
    assert.equal(code, 2, said);
    assert.match(said, /another trainer is already running in /);
  }

  /** A terminal that follows what trains here, as the window that is opened again shows it. */
  follow(): void {
    const { python, supervisor } = this.range;
    this.spawn(python, [supervisor, 'follow', '--run-dir', this.path]);
  }

  /** @returns whether the process was there to be killed */
  kill(pids: readonly number[], signal: NodeJS.Signals): boolean {
    let hit = false;
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
        hit = true;
      } catch {
        // It ended at this moment.
      }
    }
    return hit;
  }

  /** Resolves when something is true of the run, which is looked at every so often. */
  async until<T>(what: string, find: () => T | undefined | Promise<T | undefined>, lookMs = LOOK_MS): Promise<T> {
    const limit = Date.now() + LIMIT_MS;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      if (Date.now() > limit) throw new Error(`${this.name}: waited for ${what}. ${this.tail()}`);
      await sleep(lookMs);
    }
  }

  /** Whether anything of it runs that trains or will. */
  get isLive(): boolean {
    const { asker, terminal, supervisor, trainer } = this.processes();
    return asker.length + terminal.length + supervisor.length + trainer.length > 0;
  }

  /** Never two trainers. */
  assertOne(): void {
    const { trainer } = this.processes();
    assert.ok(trainer.length <= 1, `${this.name} has the trainers ${trainer.join(', ')}`);
    const lock = path.join(this.path, 'run.lock');
    if (!fs.existsSync(lock)) return;
    const lockers = [...lockersOf(lock)];
    assert.ok(lockers.length <= 1, `${this.name} is locked by ${lockers.join(' and ')}`);
  }

  /**
   * Nothing that was saved is lost: every checkpoint that is seen is valid, and the newest is at least the last one that the
   * log tells of. While the run is trained, a limit may delete what is being read.
   *
   * @returns how many checkpoints were looked at, and how many of them went meanwhile
   */
  async assertNothingLost(): Promise<{ readonly seen: number; readonly vanished: number }> {
    const announced = lastAnnounced(this.path);
    const folder = path.join(this.path, 'checkpoints');
    const names = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => stepOfFolder(name) !== null) : [];
    let vanished = 0;
    for (const name of names) {
      try {
        const { verdict, findings } = await validateCheckpoint(path.join(folder, name), { blocking: true });
        assert.equal(verdict, 'valid', `${this.name}/${name}: ${JSON.stringify(findings)}`);
        this.newest = Math.max(this.newest, stepOfFolder(name) ?? 0);
      } catch (error) {
        if (!(error instanceof CheckpointPathError)) throw error;
        assert.ok(this.isLive, `${name} went although nothing trains: ${error.message}`);
        vanished += 1;
      }
    }
    const there = Math.max(0, ...names.map((name) => stepOfFolder(name) ?? 0));
    assert.ok(there >= announced, `${this.name}: checkpoint-${announced} was announced, the newest is ${there}`);
    assert.ok(there >= this.newest, `${this.name}: checkpoint-${this.newest} was there, the newest is ${there}`);
    const listed = await this.scanned();
    const wrong = (listed?.checkpoints ?? []).filter(({ state }) => state === 'broken');
    assert.deepEqual(wrong, [], 'the list shows none as broken');
    return { seen: names.length, vanished };
  }

  /** Whether there is anything to resume. */
  get hasSaved(): boolean {
    return this.newest > 0;
  }

  /** The finished run is the one that was never interrupted, bit for bit, and its log tells of each step once. */
  async assertEquals(reference: RunUnderFire): Promise<void> {
    const own = points(this.path);
    const steps = Array.from({ length: this.range.maxSteps }, (_, index) => index + 1);
    for (const step of steps) assert.ok(own.has(`loss/total ${step}`), `${this.name} has no loss of step ${step}`);
    assert.deepEqual(new Map([...own].sort()), new Map([...points(reference.path)].sort()));
    const numbers = segments(this.path);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
      'each segment is one process’s',
    );
    // And what the dashboard and the command line make of it.
    assert.deepEqual((await readMetrics(this.path)).series['loss/total']?.steps, steps);
    const weights = (run: RunUnderFire): Buffer =>
      fs.readFileSync(path.join(run.path, 'checkpoints/final/npt_weights.pt'));
    assert.ok(weights(this).equals(weights(reference)), `${this.name} has other weights than the uninterrupted run`);
    assert.equal((await validateCheckpoint(path.join(this.path, 'checkpoints/final'))).verdict, 'valid');
  }

  /** What a resume of it made is in it, and no other run came to be. */
  assertNoOther(known: readonly string[]): void {
    const names = fs.readdirSync(path.dirname(this.path));
    assert.deepEqual(
      names.filter((name) => name !== this.name && !known.includes(name)),
      [],
    );
  }

  scanned(): Promise<Run | null> {
    return scanRun(this.path, new ScanContext({ ask: askProcess }));
  }

  /** Ends whatever is left of it. */
  end(): void {
    for (const pids of Object.values(this.processes()) as number[][]) this.kill(pids, 'SIGKILL');
    for (const child of this.started.splice(0)) child.kill('SIGKILL');
  }

  private plan(): Promise<Plan> {
    const { workspace, python } = this.range;
    return makePlan({ kind: 'resume', checkpoint: this.path, workspaceRoot: workspace, interpreter: python });
  }

  private ask(words: readonly string[]): void {
    this.spawn(process.execPath, [this.range.cli, ...words, '--python', this.range.python]);
  }

  private spawn(program: string, words: readonly string[]): void {
    const output = fs.openSync(path.join(this.range.workspace, `${this.name}.terminal`), 'a');
    const { workspace, environment } = this.range;
    const child = spawn(program, words, { cwd: workspace, env: environment, stdio: ['ignore', output, output] });
    fs.closeSync(output);
    this.started.push(child);
  }

  private output(program: string, words: readonly string[]): Promise<{ code: unknown; said: string }> {
    const { workspace, environment } = this.range;
    return new Promise((resolve) => {
      execFile(program, words, { cwd: workspace, env: environment }, (error, out, errors) => {
        resolve({ code: error?.code ?? 0, said: out + errors });
      });
    });
  }

  private tail(): string {
    const end = (file: string): string => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').slice(-1500) : '');
    return `${end(path.join(this.path, 'train.log'))}\n${end(path.join(this.range.workspace, `${this.name}.terminal`))}`;
  }
}
