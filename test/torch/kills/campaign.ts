/**
 * Random kills over training runs: of the trainer, of its supervisor, of the terminal (closed or killed), of what asked for the
 * training (it stands for the extension host, which is killed in test/ui), and of all at once. After each the run is looked at;
 * what does not train any more is resumed in one click; a run that came to its end equals one that was never interrupted.
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomNumbers } from '../../random';
import { type Range, RunUnderFire } from './runUnderFire';
import type { RunProcesses } from './processes';

const OVER_LOOK_MS = 200;

const MOMENTS = ['launch', 'step', 'save'] as const;
type Moment = (typeof MOMENTS)[number];

interface Victim {
  readonly name: string;
  readonly signal: NodeJS.Signals;
  readonly of: (processes: RunProcesses) => readonly number[];
}

/** Those that train are drawn more often. */
const VICTIMS: readonly Victim[] = [
  ...Array<Victim>(4).fill({ name: 'trainer', signal: 'SIGKILL', of: ({ trainer }) => trainer }),
  ...Array<Victim>(3).fill({ name: 'supervisor', signal: 'SIGKILL', of: ({ supervisor }) => supervisor }),
  { name: 'terminal, closed', signal: 'SIGHUP', of: ({ asker, terminal }) => [...asker, ...terminal] },
  { name: 'terminal, killed', signal: 'SIGKILL', of: ({ terminal }) => terminal },
  { name: 'who asked', signal: 'SIGKILL', of: ({ asker }) => asker },
  {
    name: 'all at once',
    signal: 'SIGKILL',
    of: (all) => [...all.trainer, ...all.supervisor, ...all.terminal, ...all.asker],
  },
];

export interface Figures {
  kills: number;
  runs: number;
  resumes: number;
  /** Starts again from nothing, because nothing was saved yet. */
  restarts: number;
  /** Kills that ended what trained, and kills that it went on after. */
  ended: number;
  survived: number;
  /** Second starts that were refused while a run was trained. */
  refused: number;
  checkpoints: number;
  vanished: number;
  readonly victims: Record<string, number>;
  readonly moments: Record<string, number>;
}

/** Never two trainers, at any moment that is looked at. */
class Watch {
  private problem: unknown;
  private readonly timer: NodeJS.Timeout;

  constructor(run: RunUnderFire) {
    this.timer = setInterval(() => {
      try {
        run.assertOne();
      } catch (error) {
        this.problem ??= error;
      }
    }, 50);
  }

  check(): void {
    if (this.problem !== undefined) throw this.problem as Error;
  }

  end(): void {
    clearInterval(this.timer);
  }
}

export class Campaign {
  readonly figures: Figures = {
    ...{ kills: 0, runs: 0, resumes: 0, restarts: 0, ended: 0, survived: 0, refused: 0, checkpoints: 0, vanished: 0 },
    victims: {},
    moments: {},
  };
  private readonly draw: () => number;
  /** From a start to the trainer's first step, as it was the last time (ms). */
  private launchMs = 4000;
  private lookedAt = 0;

  constructor(
    private readonly range: Range,
    private readonly reference: RunUnderFire,
    seed: number,
  ) {
    this.draw = randomNumbers(seed);
  }

  /** Kills until this many have hit, and trains the last run to its end. */
  async go(kills: number): Promise<void> {
    while (this.figures.kills < kills) {
      this.figures.runs += 1;
      const run = new RunUnderFire(this.range, `run-${this.figures.runs}`);
      const watch = new Watch(run);
      try {
        await this.trainUnderFire(run, kills, watch);
        await run.assertEquals(this.reference);
        run.assertNoOther(['reference']);
      } finally {
        run.end();
        watch.end();
      }
      watch.check();
      fs.rmSync(run.path, { recursive: true, force: true });
    }
  }

  private async trainUnderFire(run: RunUnderFire, kills: number, watch: Watch): Promise<void> {
    await run.start();
    let started = performance.now();
    for (;;) {
      if (this.figures.kills < kills) await this.killOnce(run, started);
      else await run.until('its end', () => (run.isLive ? undefined : true));
      watch.check();
      const { seen, vanished } = await run.assertNothingLost();
      this.figures.checkpoints += seen;
      this.figures.vanished += vanished;
      if (run.processes().trainer.length > 0 || (await this.comesUp(run))) {
        await run.refusesAnother();
        this.figures.refused += 1;
        const { terminal } = run.processes();
        if (terminal.length === 0 && this.draw() < 0.5) run.follow();
        continue;
      }
      await run.until('its end to be seen', async () =>
        (await run.scanned())?.state === 'training' ? undefined : true,
      );
      await run.assertNothingLost();
      if (await run.isFinished()) return;
      started = performance.now();
      if (run.hasSaved) {
        await run.resume(this.draw() < 0.2 ? 2 : 1);
        this.figures.resumes += 1;
      } else {
        await run.start();
        this.figures.restarts += 1;
      }
    }
  }

  /** Whether a trainer is still on its way: what starts it is there, and it is not. */
  private async comesUp(run: RunUnderFire): Promise<boolean> {
    return run.until('a trainer, or none', () => {
      const { trainer, supervisor, terminal, asker } = run.processes();
      if (trainer.length > 0) return true;
      return supervisor.length + terminal.length + asker.length === 0 ? false : undefined;
    });
  }

  /** Waits for a random moment, and kills at random what is there. */
  private async killOnce(run: RunUnderFire, started: number): Promise<void> {
    const moment = await this.moment(run, started);
    const processes = run.processes();
    const there = VICTIMS.filter((victim) => victim.of(processes).length > 0);
    const victim = there[Math.floor(this.draw() * there.length)];
    if (victim === undefined || !run.kill(victim.of(processes), victim.signal)) return; // it came to its end before
    this.figures.kills += 1;
    this.figures.victims[victim.name] = (this.figures.victims[victim.name] ?? 0) + 1;
    const during = moment === 'save' ? 'a save' : moment === 'launch' ? 'a start' : 'steps';
    this.figures.moments[during] = (this.figures.moments[during] ?? 0) + 1;
    const victims = new Set(victim.of(processes));
    await run.until(`the end of ${victim.name}`, () => {
      const left = Object.values(run.processes() as unknown as Record<string, number[]>).flat();
      return left.some((pid) => victims.has(pid)) ? undefined : true;
    });
    if (processes.trainer.some((pid) => victims.has(pid))) this.figures.ended += 1;
    else this.figures.survived += 1;
  }

  /** @returns which it was */
  private async moment(run: RunUnderFire, started: number): Promise<Moment> {
    const wanted = MOMENTS[Math.floor(this.draw() * MOMENTS.length)] ?? 'step';
    const from = run.step;
    const fresh = run.processes().trainer.length === 0;
    if (fresh && wanted === 'launch') {
      await sleep(this.draw() * this.launchMs);
      return run.step > from ? 'step' : 'launch';
    }
    const steps = 1 + Math.floor(this.draw() * 14);
    await run.until('steps', () => (run.step >= from + steps || this.isOver(run) ? true : undefined));
    if (fresh && run.step > from) this.launchMs = performance.now() - started;
    if (wanted === 'save') {
      await run.until('a save', () => (run.saving || this.isOver(run) ? true : undefined), 1);
      await sleep(this.draw() * 15);
      return 'save';
    }
    await sleep(this.draw() * 40);
    return 'step';
  }

  /** Nothing trains any more: the moment will not come. Looked at now and then, for a look takes milliseconds. */
  private isOver(run: RunUnderFire): boolean {
    const now = performance.now();
    if (now - this.lookedAt < OVER_LOOK_MS) return false;
    this.lookedAt = now;
    return !run.isLive;
  }
}
