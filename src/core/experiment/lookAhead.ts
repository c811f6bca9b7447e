/**
 * Beside a window's first scan: processes that look into the checkpoints that it comes to next, where little was kept, so that it
 * takes over what they found as if it had been kept a moment ago; and afterwards one that finds out whether what was kept is
 * still true. Calls to the disk are most of that work, and the garbage that they make most of its memory: in processes of their
 * own they are done side by side, behind whatever else wants the processors, and no memory of them stays.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { CheckpointLayout } from '../checkpoint/layouts/layout';
import type { Findings, FolderState, KeptFolder } from './checkpointContent';
import { readLine } from './keptLine';
import { type KeepingHow, type KeptScan, openKeptScan } from './keptScan';
import type { Kept } from './watch';

/** A scan that is done sooner needs no help. */
const LONG_MS = 150;
/** Runs that the scan does itself until the processes have started. */
const HEAD_START = 8;
/** For fewer runs that are left it is not worth a process. */
const FEWEST_RUNS = 16;
const MOST_PROCESSES = 2;
/** Others go first where there are too few processors for all. */
const NICENESS = 5;
/** Folders of which one message tells, and whatever else the host has to do in between. */
const FOLDERS_AT_ONCE = 20;

/** The checkpoints in a folder of them, and how their folders were: four numbers each, as in FolderState. */
export interface Known {
  readonly folder: string;
  readonly names: readonly string[];
  readonly states: Float64Array;
}

export type Question =
  | { readonly kind: 'look'; readonly folders: readonly string[] }
  | { readonly kind: 'compare'; readonly folders: readonly Known[] };

export type Answer =
  /** What it found in a folder of checkpoints, as `lineOf` writes it. */
  | { readonly kind: 'found'; readonly folder: string; readonly line: string }
  | { readonly kind: 'differs'; readonly folder: string }
  /** With the question. */
  | { readonly kind: 'done' };

export interface LookingHow extends KeepingHow {
  /** Absolute path of the folder with look-ahead.js. */
  readonly dist?: string;
  /** Milliseconds after which a scan takes long. */
  readonly long?: number;
}

export async function openLookAhead(experiments: string, how: LookingHow = {}): Promise<Kept> {
  const script = path.join(how.dist ?? __dirname, 'look-ahead.js');
  return new LookAhead(await openKeptScan(experiments, how), script, how.long ?? LONG_MS);
}

class LookAhead implements Kept {
  private expected: readonly string[] = [];
  private expectedAt = 0;
  private readonly helpers = new Set<ChildProcess>();
  /** By folders, until they are asked about: undefined where a process ended without an answer. */
  private readonly asked = new Map<string, Promise<string | undefined>>();

  constructor(
    private readonly kept: KeptScan,
    private readonly script: string,
    private readonly long: number,
  ) {}

  expect(folders: readonly string[]): void {
    this.expected = folders;
    this.expectedAt = performance.now();
  }

  in(folder: string, layout: CheckpointLayout): KeptFolder | undefined | Promise<KeptFolder | undefined> {
    const known = this.kept.in(folder, layout);
    if (known !== undefined) return known;
    const asked = this.asked.get(folder);
    if (asked !== undefined) {
      this.asked.delete(folder);
      return asked.then((line) => (line === undefined ? undefined : readLine(line, layout, true)));
    }
    if (this.expected.length > 0 && performance.now() - this.expectedAt > this.long) this.lookPast(folder);
    return undefined;
  }

  scanned(): void {
    this.expected = [];
    this.asked.clear();
    this.kept.scanned();
  }

  letGo(): void {
    this.scanned();
    for (const each of this.helpers) each.kill();
  }

  keep(findings: Findings): Promise<void> {
    return this.kept.keep(findings);
  }

  async differing(
    folders: Iterable<readonly [folder: string, states: ReadonlyMap<string, FolderState>]>,
    onDiffers: (folder: string) => void,
  ): Promise<boolean> {
    if (!existsSync(this.script)) return false;
    // Open from the start, so that it does not end between two questions.
    let open = 1;
    const answered = (): void => {
      if ((open -= 1) === 0) helper.kill();
    };
    const { helper, ended } = this.start((answer) => {
      if (answer.kind === 'differs') onDiffers(answer.folder);
      else if (answer.kind === 'done') answered();
    });
    const ask = async (some: readonly Known[]): Promise<void> => {
      open += 1;
      await send(helper, { kind: 'compare', folders: some });
    };
    let some: Known[] = [];
    for (const [folder, states] of folders) {
      some.push({ folder, names: [...states.keys()], states: numbersOf(states) });
      if (some.length < FOLDERS_AT_ONCE) continue;
      await ask(some);
      some = [];
    }
    await ask(some);
    answered();
    await ended;
    return open === 0;
  }

  /** Starts the processes, for what comes some time after this folder. */
  private lookPast(folder: string): void {
    const from = this.expected.indexOf(folder);
    const rest = this.expected.slice(from + 1 + HEAD_START).filter((each) => !this.kept.knows(each));
    this.expected = [];
    const count = Math.min(MOST_PROCESSES, os.availableParallelism());
    if (from === -1 || rest.length < FEWEST_RUNS || count < 2 || !existsSync(this.script)) return;
    // In turns: the scan comes by all of them in this order.
    for (let each = 0; each < count; each += 1) this.look(rest.filter((_, at) => at % count === each));
  }

  private look(folders: readonly string[]): void {
    const answers = new Map<string, (line: string | undefined) => void>();
    for (const folder of folders)
      this.asked.set(folder, new Promise<string | undefined>((resolve) => answers.set(folder, resolve)));
    const { helper, ended } = this.start((answer) => {
      if (answer.kind === 'found') answers.get(answer.folder)?.(answer.line);
      else helper.kill();
    });
    void send(helper, { kind: 'look', folders });
    void ended.then(() => {
      // What it did not do, the scan does.
      for (const answer of answers.values()) answer(undefined);
    });
  }

  private start(onAnswer: (answer: Answer) => void): { readonly helper: ChildProcess; readonly ended: Promise<void> } {
    const helper = fork(this.script, [], {
      execArgv: [],
      // The desktop's host is no Node, but can be one.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.helpers.add(helper);
    helper.on('message', onAnswer);
    const ended = new Promise<void>((resolve) => {
      helper.on('exit', () => {
        resolve();
      });
      // It could not be started, or not be asked.
      helper.on('error', () => {
        helper.kill();
        resolve();
      });
    });
    void ended.then(() => this.helpers.delete(helper));
    try {
      if (helper.pid !== undefined) os.setPriority(helper.pid, NICENESS);
    } catch {
      // gone already, or the system does not let us
    }
    return { helper, ended };
  }
}

/** Resolves when the question is on its way, or never will be: then the process ends. */
function send(helper: ChildProcess, question: Question): Promise<void> {
  return new Promise((resolve) => {
    helper.send(question, () => {
      resolve();
    });
  });
}

function numbersOf(states: ReadonlyMap<string, FolderState>): Float64Array {
  const numbers = new Float64Array(4 * states.size);
  let at = 0;
  for (const { dev, ino, mtimeMs, ctimeMs } of states.values()) {
    numbers.set([dev, ino, mtimeMs, ctimeMs], at);
    at += 4;
  }
  return numbers;
}
