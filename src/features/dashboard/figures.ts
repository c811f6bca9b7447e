/** The header's figures and the alerts, from what a run has logged. */
import { stageAt } from '../../core/curriculum';
import type { Run } from '../../core/experiment/model';
import {
  EVAL_LOSS,
  GPU_MEMORY,
  LEARNING_RATE,
  LOSS,
  STEPS_PER_SECOND,
  TOKENS_PER_SECOND,
} from '../../core/metrics/catalogue';
import type { Alert } from '../../core/metrics/alerts/alert';
import type { RunAlerts } from '../../core/metrics/alerts/runAlerts';
import { secondsUntil, stepRate } from '../../core/metrics/eta';
import type { MetricsLog } from '../../core/metrics/log';
import type { Series } from '../../core/metrics/series';
import { autoSmoothing, recentSlope } from '../../core/metrics/smooth';
import type { Trace } from '../../core/metrics/trace';
import type { AlertFacts, Figures } from '../../protocol/dashboard';
import { figure, newestStep, timeAt } from './facts';

/** Points behind the slope; a tenth of the run where that is more. */
const SLOPE_POINTS = 20;

function last(series: Series | undefined): number | null {
  return series === undefined || series.length === 0 ? null : series.lastValue;
}

function best(series: Series | undefined): { value: number | null; step: number | null } {
  let at = -1;
  series?.values.forEach((value, index, values) => {
    if (Number.isFinite(value) && (at === -1 || value < (values[at] as number))) at = index;
  });
  return at === -1
    ? { value: null, step: null }
    : { value: series?.values[at] ?? null, step: series?.steps[at] ?? null };
}

function phaseOf(run: Run, step: number | null): string | null {
  const warmup = run.config?.['warmup_steps'];
  if (typeof warmup !== 'number' || step === null) return null;
  return step < warmup ? 'warm-up' : 'cosine';
}

/**
 * `loss` is the smoothed trace of loss/total (of the lineage, so that a fresh branch has a past), `alerts` what was last found
 * in it.
 */
export function figuresOf(run: Run, log: MetricsLog, loss: Trace, alerts: RunAlerts): Figures {
  const { series } = log;
  const step = newestStep(run, log);
  const total = loss.series;
  const smoothed = loss.lastLine;
  const latest = last(total);
  const points = Math.min(500, Math.max(SLOPE_POINTS, Math.floor(total.length / 10)));
  const evaluated = series.get(EVAL_LOSS);
  const bestEval = best(evaluated);
  const own = series.get(LOSS);
  const segmentStart = log.segments.at(-1)?.from ?? 0;
  const rate = own === undefined ? Number.NaN : stepRate(own, segmentStart);
  const training = run.state === 'training';
  const stages = run.curriculum?.stages ?? [];
  const index = run.curriculum === null || stages.length === 0 ? -1 : stageAt(run.curriculum, step ?? 0).index;
  const next = index === -1 ? undefined : stages[index + 1];
  const withinPlan = next !== undefined && (run.maxSteps === null || next.from < run.maxSteps);
  const logged = last(series.get(STEPS_PER_SECOND));
  return {
    step,
    // The average skips what is not finite, but a run whose newest loss is NaN is at NaN.
    loss: figure(latest !== null && !Number.isFinite(latest) ? latest : Number.isNaN(smoothed) ? null : smoothed),
    lossSmoothing: loss.smoothing,
    lastLoss: figure(latest),
    smoothing: autoSmoothing(total.length),
    slope: figure(nanToNull(recentSlope(total.steps, total.values, points))),
    slopePoints: Math.min(points, total.length),
    diverged: divergedOf(alerts),
    evalLoss: figure(last(evaluated)),
    bestEvalLoss: figure(bestEval.value),
    bestEvalStep: bestEval.step,
    learningRate: figure(last(series.get(LEARNING_RATE))),
    learningRatePhase: phaseOf(run, step),
    tokensPerSecond: figure(last(series.get(TOKENS_PER_SECOND))),
    stepsPerSecond: figure(logged ?? nanToNull(rate)),
    gpuMemoryBytes: figure(last(series.get(GPU_MEMORY))),
    etaSeconds: training && step !== null ? secondsUntil(step, run.maxSteps, rate) : null,
    nextStage: withinPlan
      ? {
          name: next.name,
          step: next.from,
          seconds: training && step !== null ? secondsUntil(step, next.from, rate) : null,
        }
      : null,
  };
}

function divergedOf({ diverged }: RunAlerts): Figures['diverged'] {
  return diverged === undefined ? null : { lowest: diverged.lowest, lowestStep: diverged.lowestStep };
}

function nanToNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Alerts as the page is told them. @param loss of the run itself, for the times */
export function alertFacts(run: Run, alerts: readonly Alert[], loss: Series | undefined): AlertFacts[] {
  return alerts.map(({ kind, step, title, detail, value, present, branchFrom }) => {
    const good = branchFrom === undefined ? undefined : run.checkpoints.find((each) => each.step === branchFrom);
    return {
      kind,
      step,
      time: timeAt(loss, step),
      title,
      detail,
      value: nanToNull(value),
      present,
      branchFrom: good === undefined ? null : { name: good.name, path: good.path },
    };
  });
}
