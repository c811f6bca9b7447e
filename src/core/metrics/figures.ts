/**
 * What a table shows of what a run logged: the last value of a metric, and of an evaluation the best one. Of thousands of runs, so
 * of each as little is read as will do: of what is logged with every line a log's end, of evaluations, which are rare, the lines
 * that have one, once, and then what was appended.
 */
import { betterOf, type MetricFigures } from './better';
import { isEvaluation } from './catalogue';
import type { Series } from './series';
import { MetricsTail } from './tail';

/** How much of a log's end is read, and how much where that has not all that is wanted. */
const ENDS = [16 << 10, 1 << 18, 1 << 20] as const;
/** For the names of what it logs: evaluations come seldom. */
const NAMES_BYTES = 1 << 18;
/** Other work of this thread waits for no more than one of these. */
const PIECE = 1 << 17;

const NOTHING: MetricFigures = { last: null, best: null };

/** The figures of one run, as of the last `read`. */
export class RunFigures {
  private evaluations: { readonly of: string; readonly tail: MetricsTail } | undefined;

  constructor(readonly runPath: string) {}

  /**
   * Reads these metrics. One that the run did not log has no figures, nor has what is no evaluation and was not logged in the
   * last MB. Throws as MetricsTail.poll does.
   */
  async read(metrics: readonly string[]): Promise<ReadonlyMap<string, MetricFigures>> {
    const found = new Map<string, MetricFigures>();
    const evaluations = metrics.filter(isEvaluation);
    const others = metrics.filter((metric) => !isEvaluation(metric));
    if (others.length > 0) for (const [name, last] of await this.lastOf(others)) found.set(name, { last, best: null });
    if (evaluations.length > 0) {
      const { series } = (await this.evaluated(evaluations)).log;
      for (const name of evaluations) found.set(name, figuresOf(name, series.get(name)));
    }
    return found;
  }

  private async lastOf(metrics: readonly string[]): Promise<Map<string, number>> {
    const wanted = new Set(metrics);
    const found = new Map<string, number>();
    for (const mostBytes of ENDS) {
      const tail = new MetricsTail(this.runPath, { mostBytes, pieceBytes: PIECE, keep: (name) => wanted.has(name) });
      await tail.poll();
      for (const [name, series] of tail.log.series) {
        if (series.length === 0) continue;
        found.set(name, series.lastValue);
      }
      if (tail.isWhole || metrics.every((metric) => found.has(metric))) break;
    }
    return found;
  }

  private async evaluated(metrics: readonly string[]): Promise<MetricsTail> {
    const of = metrics.join('\n');
    if (this.evaluations?.of !== of) {
      const wanted = new Set(metrics);
      const keep = (name: string): boolean => wanted.has(name);
      const tail = new MetricsTail(this.runPath, { pieceBytes: PIECE, about: metrics, keep });
      this.evaluations = { of, tail };
    }
    const { tail } = this.evaluations;
    await tail.poll();
    return tail;
  }
}

function figuresOf(metric: string, series: Series | undefined): MetricFigures {
  if (series === undefined || series.length === 0) return NOTHING;
  const better = betterOf(metric);
  let best: number | null = null;
  for (const value of better === null ? [] : series.values) {
    if (Number.isFinite(value) && (best === null || (better === 'low' ? value < best : value > best))) best = value;
  }
  return { last: series.lastValue, best };
}

/** What a run logs, by the end of its log. Throws as MetricsTail.poll does. */
export async function metricsLoggedBy(runPath: string): Promise<readonly string[]> {
  const tail = new MetricsTail(runPath, { mostBytes: NAMES_BYTES, pieceBytes: PIECE });
  await tail.poll();
  return [...tail.log.series].flatMap(([name, series]) => (series.length > 0 ? [name] : []));
}
