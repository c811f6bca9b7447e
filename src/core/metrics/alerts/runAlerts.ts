/** The alerts of one run, kept as it grows: a point is looked at once. */
import type { Curriculum } from '../../curriculum/curriculum';
import { LOSS, TOKENS_PER_SECOND } from '../catalogue';
import type { Series } from '../series';
import { MOST_ALERTS, type Alert } from './alert';
import { Divergence, type Diverged } from './divergence';
import { NonFinite } from './nonFinite';
import { pace } from './pace';
import { Spikes } from './spikes';
import { Trend } from './trend';

export interface AlertInput {
  /** Every series by name: any of them may hold a NaN. */
  readonly series: ReadonlyMap<string, Series>;
  /** The loss with what its ancestors logged before, and the step that the run's own begins after; its own where left out. */
  readonly line?: { readonly loss: Series; readonly origin: number };
  readonly curriculum: Curriculum | null;
  /** Steps of complete checkpoints, ascending. */
  readonly checkpointSteps: readonly number[];
  readonly training: boolean;
  /** Unix seconds now, and of the newest metrics line (NaN: unknown). */
  readonly now: number;
  readonly lastTime: number;
}

export class RunAlerts {
  private readonly spikes = new Spikes();
  private readonly nonFinite = new NonFinite();
  private readonly divergence = new Divergence();
  private readonly trend = new Trend();

  /** The level that the loss has left, as of the last look. */
  get diverged(): Diverged | undefined {
    return this.divergence.present;
  }

  /** Alerts, newest step first; at most 100. */
  find({ series, line, curriculum, checkpointSteps, training, now, lastTime }: AlertInput): Alert[] {
    const loss = series.get(LOSS);
    const stageStarts = curriculum === null ? [] : curriculum.stages.slice(1).map((stage) => stage.from);
    const origin = line?.origin ?? Number.NEGATIVE_INFINITY;
    const found = this.ofLoss(line?.loss ?? loss, origin, stageStarts, checkpointSteps);
    found.push(...this.nonFinite.find(series, checkpointSteps));
    if (loss !== undefined) {
      found.push(...stageChanges(loss.lastStep, curriculum).filter(({ step }) => step >= origin));
      if (training) found.push(...pace(loss, series.get(TOKENS_PER_SECOND), now, lastTime));
    }
    return found.sort((a, b) => b.step - a.step).slice(0, MOST_ALERTS);
  }

  /** Of the run's own steps; what is told by its past is told by its parent's. */
  private ofLoss(
    loss: Series | undefined,
    origin: number,
    stageStarts: readonly number[],
    checkpointSteps: readonly number[],
  ): Alert[] {
    if (loss === undefined) return [];
    const diverged = this.divergence.find(loss, stageStarts, checkpointSteps);
    // Where a loss has left its level, what stands out of that is no news.
    const spikes = this.spikes.find(loss, stageStarts).filter(({ step }) => !this.divergence.covers(step));
    const trend = this.divergence.present === undefined ? this.trend.find(loss, stageStarts) : [];
    return [...diverged, ...spikes, ...trend].filter(({ step }) => step > origin);
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
    return [{ kind: 'stage' as const, step: stage.from, title, detail, value: Number.NaN }];
  });
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
