/**
 * One of the writers of the soak: makes, saves, renames, deletes and damages runs and checkpoints of its own at random, until it is
 * killed, at any moment. usage: node --import tsx writer.ts WORKSPACE NAME SEED
 *
 * A step is saved once in a run, whatever becomes of it: a checkpoint that is half there is never one that was whole before.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { randomNumbers } from '../../../random';
import { FixtureWorkspace, metricsLine } from '../fixtureWorkspace';
import { Journal } from './journal';

const MOST_RUNS = 4;
const MOST_CHECKPOINTS = 12;
/** At most, between two acts and between two files of a save, some of which are slow enough to be looked at; milliseconds. */
const PAUSE = { acts: 30, files: [8, 8, 300] };
/** In the order in which other trainers write them (contract section 7): the last one says that it is whole. */
const FIELD_FILES = ['npt_weights.pt', 'training_state.pt', 'multi_layer_state.pt', 'config.json'];

/** As often as each is named. */
const ACTS = [
  ...(['save', 'save', 'save', 'save', 'save', 'log', 'log', 'begin'] as const),
  ...([
    'removeCheckpoint',
    'removeCheckpoint',
    'renameCheckpoint',
    'cut',
    'takeAway',
    'renameRun',
    'removeRun',
  ] as const),
] as const;

interface OwnRun {
  folder: string;
  readonly ours: boolean;
  step: number;
}

class Writer {
  private readonly workspace: FixtureWorkspace;
  /** Where a checkpoint is made before it is saved bit by bit. */
  private readonly workshop: FixtureWorkspace;
  private readonly journal: Journal;
  private readonly runs: OwnRun[] = [];
  private made = 0;

  constructor(
    root: string,
    private readonly name: string,
    private readonly draw: () => number,
  ) {
    this.workspace = new FixtureWorkspace(root);
    const beside = path.join(root, 'beside', `${name}-${process.pid}`);
    this.workshop = new FixtureWorkspace(beside);
    fs.mkdirSync(path.join(root, 'journals'), { recursive: true });
    this.journal = new Journal(path.join(root, 'journals', `${name}-${process.pid}.jsonl`));
  }

  async go(): Promise<never> {
    for (;;) {
      const act = this.runs.length === 0 ? 'begin' : this.pick(ACTS);
      await this[act]();
      this.journal.note({ what: 'did', act });
      await this.pause(PAUSE.acts);
    }
  }

  /** A whole number from 0 to under `end`. */
  private below(end: number): number {
    return Math.floor(this.draw() * end);
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  private pause(most: number): Promise<void> {
    return after(this.below(most + 1));
  }

  private begin(): void {
    if (this.runs.length >= MOST_RUNS) return;
    // Another process may have made one of this name, before it was killed.
    const name = `${this.name} ${process.pid}-${(this.made += 1)}`;
    const folder = this.workspace.run(name);
    this.runs.push({ folder, ours: this.below(3) > 0, step: 0 });
  }

  private log(): void {
    const run = this.pick(this.runs);
    run.step += 1;
    this.workspace.metrics(path.basename(run.folder), [metricsLine(run.step, 1 / run.step)]);
  }

  private async save(): Promise<void> {
    const run = this.pick(this.runs);
    const checkpoints = path.join(run.folder, 'checkpoints');
    if (this.checkpointsOf(run).length >= MOST_CHECKPOINTS) return;
    const step = (run.step += 1);
    this.workshop.run('made');
    const source = this.workshop.checkpoint('made', step);
    const target = path.join(checkpoints, `checkpoint-${step}`);
    const written = run.ours ? path.join(checkpoints, `.tmp-checkpoint-${step}-host-${process.pid}`) : target;
    const files = run.ours ? fs.readdirSync(source) : FIELD_FILES;
    const pause = this.pick(PAUSE.files);
    fs.mkdirSync(written, { recursive: true });
    for (const file of files) {
      if (!run.ours && file === files.at(-1)) this.journal.note({ what: 'complete', path: target });
      const content = fs.readFileSync(path.join(source, file));
      const half = this.below(content.length);
      fs.writeFileSync(path.join(written, file), content.subarray(0, half));
      if (file !== 'config.json') await this.pause(pause);
      fs.appendFileSync(path.join(written, file), content.subarray(half));
      if (file !== files.at(-1)) await this.pause(pause);
    }
    if (run.ours) {
      this.journal.note({ what: 'complete', path: target });
      fs.renameSync(written, target);
    }
    fs.rmSync(source, { recursive: true });
  }

  private removeCheckpoint(): void {
    const chosen = this.anyCheckpoint();
    if (chosen !== undefined) fs.rmSync(chosen, { recursive: true });
  }

  /** By hand, to a name that is no checkpoint's, or to another one's. */
  private renameCheckpoint(): void {
    const chosen = this.anyCheckpoint();
    if (chosen === undefined) return;
    const step = Number(/\d+$/.exec(chosen)?.[0] ?? 0);
    const name = this.pick([`checkpoint-${step + 1_000_000}`, `kept ${path.basename(chosen)}`]);
    const target = path.join(path.dirname(chosen), name);
    if (fs.existsSync(target)) return;
    this.journal.note({ what: 'complete', path: target });
    // Its manifest names another step now.
    this.journal.note({ what: 'damaged', path: target });
    fs.renameSync(chosen, target);
  }

  /** As a full disk or a broken copy leaves a file. */
  private cut(): void {
    const file = this.anyFile();
    if (file === undefined) return;
    this.journal.note({ what: 'damaged', path: path.dirname(file) });
    fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2));
  }

  private takeAway(): void {
    const file = this.anyFile();
    if (file === undefined) return;
    this.journal.note({ what: 'damaged', path: path.dirname(file) });
    fs.rmSync(file);
  }

  private renameRun(): void {
    const run = this.pick(this.runs);
    const target = run.folder.endsWith("'") ? run.folder.slice(0, -1) : `${run.folder}'`;
    for (const name of this.checkpointsOf(run)) {
      const checkpoint = path.join(target, 'checkpoints', name);
      this.journal.note({ what: 'complete', path: checkpoint });
      this.journal.note({ what: 'damaged', path: checkpoint });
    }
    fs.renameSync(run.folder, target);
    run.folder = target;
  }

  private removeRun(): void {
    if (this.runs.length < 2) return;
    const [run] = this.runs.splice(this.below(this.runs.length), 1);
    if (run !== undefined) fs.rmSync(run.folder, { recursive: true });
  }

  private checkpointsOf(run: OwnRun): string[] {
    const folder = path.join(run.folder, 'checkpoints');
    return fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
  }

  private anyCheckpoint(): string | undefined {
    const run = this.pick(this.runs);
    const names = this.checkpointsOf(run);
    return names.length === 0 ? undefined : path.join(run.folder, 'checkpoints', this.pick(names));
  }

  private anyFile(): string | undefined {
    const checkpoint = this.anyCheckpoint();
    const names = checkpoint === undefined ? [] : fs.readdirSync(checkpoint);
    return checkpoint === undefined || names.length === 0 ? undefined : path.join(checkpoint, this.pick(names));
  }
}

const [root, name, seed] = process.argv.slice(2);
if (root === undefined || name === undefined || seed === undefined)
  throw new Error('usage: node --import tsx writer.ts WORKSPACE NAME SEED');
void new Writer(root, name, randomNumbers(Number(seed))).go();
