/** The alerts of one run, kept as it grows: a point is looked at once. */
import type { Curriculum } from '../../curriculum/curriculum';
import { LEARNING_RATE, LOSS, TOKENS_PER_SECOND } from '../catalogue';
import type { Series } from '../series';
import { MOST_ALERTS, type Alert } from './alert';
import { Divergence, type Diverged } from './divergence';
import { NonFinite } from './nonFinite';
import { Plateau } from './plateau';
import { RoomLeft, type Room } from './room';
import { AmongSiblings, type Sibling } from './siblings';
import { Slow } from './slow';
import { Spikes } from './spikes';
import { stalled } from './stalled';
import { DEFAULT_THRESHOLDS, type AlertThresholds } from './thresholds';

export interface AlertInput {
  /** Every series by name: any of them may hold a NaN. */
  readonly series: ReadonlyMap<string, Series>;
  /** The loss with what its ancestors logged before, and the step that the run's own begins after; its own where left out. */
  readonly line?: { readonly loss: Series; readonly origin: number };
  /** Runs from the same checkpoint, and the parent beyond it. */
  readonly siblings?: readonly Sibling[];
  readonly curriculum: Curriculum | null;
  /** Steps of checkpoints that a branch may go on from, ascending. */
  readonly checkpointSteps: readonly number[];
  readonly training: boolean;
  /** Unix seconds now, of the newest metrics line, and of the start of the process that trains (NaN or missing: unknown). */
  readonly now: number;
  readonly lastTime: number;
  readonly started?: number;
  /** The first step of the present segment; missing: the run's first. */
  readonly segmentStart?: number;
  /** Memory and disk, where they were asked. */
  readonly room?: Room;
}

export class RunAlerts {
  private readonly spikes: Spikes;
  private readonly nonFinite = new NonFinite();
  private readonly divergence: Divergence;
  private readonly siblings: AmongSiblings;
  private readonly plateau: Plateau;
  private readonly slow: Slow;
  private readonly room: RoomLeft;

  constructor(readonly thresholds: AlertThresholds = DEFAULT_THRESHOLDS) {
    this.spikes = new Spikes(thresholds.spikeDeviations);
    this.divergence = new Divergence(thresholds.divergenceTimes);
    this.siblings = new AmongSiblings(thresholds.divergenceTimes);
    this.plateau = new Plateau(thresholds.plateauPercent);
    this.slow = new Slow(thresholds.slowPercent, thresholds.slowMinutes);
    this.room = new RoomLeft(thresholds);
  }

  /** The level that the loss has left, as of the last look. */
  get diverged(): Diverged | undefined {
    return this.divergence.present;
  }

  /** Alerts, newest step first; at most 100. */
  find(input: AlertInput): Alert[] {
    const { series, curriculum, checkpointSteps, training, line } = input;
    const loss = series.get(LOSS);
    const stageStarts = curriculum === null ? [] : curriculum.stages.slice(1).map((stage) => stage.from);
    const origin = line?.origin ?? Number.NEGATIVE_INFINITY;
    const found = this.ofLoss(input, stageStarts, origin);
    found.push(...this.nonFinite.find(series, checkpointSteps));
    if (loss !== undefined) found.push(...stageChanges(loss.lastStep, curriculum).filter(({ step }) => step >= origin));
    found.push(...this.ofPace(input, stageStarts, loss));
    if (training) found.push(...this.room.find(input.room ?? {}, loss?.lastStep ?? 0, input.now));
    return found.sort((a, b) => b.step - a.step).slice(0, MOST_ALERTS);
  }

  /** Of the run's own steps; what is told by its past is told by its parent's. */
  private ofLoss(input: AlertInput, stageStarts: readonly number[], origin: number): Alert[] {
    const { series, line, checkpointSteps } = input;
    const loss = line?.loss ?? series.get(LOSS);
    if (loss === undefined) return [];
    const diverged = this.divergence.find(loss, stageStarts, checkpointSteps);
    const stage = stageStarts.findLast((start) => start <= loss.lastStep) ?? Number.NEGATIVE_INFINITY;
    const since = Math.max(origin, stage - 1);
    const beside = this.siblings.find(loss, input.siblings ?? [], since, checkpointSteps);
    // One that has left its own level needs no word about its siblings'.
    if (this.divergence.present === undefined) diverged.push(...beside);
    // Where a loss has left its level, what stands out of that is no news.
    const spikes = this.spikes.find(loss, stageStarts).filter(({ step }) => !this.divergence.covers(step));
    const flat = this.plateau.find(loss, series.get(LEARNING_RATE), stageStarts);
    const isLevel = this.divergence.present === undefined && beside.length === 0;
    return [...diverged, ...spikes, ...(isLevel ? flat : [])].filter(({ step }) => step > origin);
  }

  private ofPace(input: AlertInput, stageStarts: readonly number[], loss: Series | undefined): Alert[] {
    const { series, training, now, lastTime, started = Number.NaN } = input;
    const segmentStart = input.segmentStart ?? Number.NEGATIVE_INFINITY;
    const starts = [...new Set([...stageStarts, segmentStart])].sort((a, b) => a - b);
    const found = this.slow.find(series.get(TOKENS_PER_SECOND), starts);
    if (!training || loss === undefined) return found.filter(({ present }) => !present);
    const silent = stalled(loss, this.thresholds.stalledTimes, { now, lastTime, started, segmentStart });
    // What stands still is not slow.
    return [...(silent.length === 0 ? found : found.filter(({ present }) => !present)), ...silent];
  }
}

function stageChanges(lastStep: number, curriculum: Curriculum | null): Alert[] {
  const stages = curriculum?.stages ?? [];
  return stages.slice(1).flatMap((stage, index) => {
    const before = stages[index];
    // The step that starts a stage is the first logged one after the boundary.
    if (before === undefined || stage.from >= lastStep) return [];
    const detail = `teacher’s share ${percent(1 - before.mixingRatio)} → ${percent(1 - stage.mixingRatio)}`;
    const title = `Stage changed: ${before.name} → ${stage.name}`;
    return [{ kind: 'stage' as const, step: stage.from, title, detail, value: Number.NaN, present: false }];
  });
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
