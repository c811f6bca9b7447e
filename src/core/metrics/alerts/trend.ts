/** A plateau: of the present stage only, since another stage is another objective. */
import { formatCount } from '../../format';
import { upperBound, withRoom } from '../axis';
import type { Series } from '../series';
import { emaStart, extendEma, type EmaState } from '../smooth';
import { WARM_UP, type Alert } from './alert';
import { Grown } from './grown';

const SMOOTHING = 0.9;
/** Points of a stage before which nothing is said of its trend. */
const FEWEST = 60;

export class Trend {
  private readonly grown = new Grown();
  /** The stage's smoothed loss so far, and its lowest. */
  private line: Float64Array = new Float64Array(0);
  private length = 0;
  private average: EmaState = emaStart();
  private best = Number.POSITIVE_INFINITY;

  /** What the loss does now; only what was appended since the last call is gone over. */
  find(loss: Series, stageStarts: readonly number[]): Alert[] {
    const { steps } = loss;
    const start = stageStarts.findLast((boundary) => boundary < loss.lastStep) ?? 0;
    if (!this.grown.since(loss, String(start))) {
      this.length = 0;
      this.average = emaStart();
      this.best = Number.POSITIVE_INFINITY;
    }
    const from = upperBound(steps, steps.length, start);
    this.extend(loss.values.subarray(from));
    return this.judge(steps.subarray(from));
  }

  private extend(values: Float64Array): void {
    this.line = withRoom(this.line, values.length);
    const before = this.length;
    extendEma(values, before, SMOOTHING, this.average, this.line);
    this.length = values.length;
    for (let index = Math.max(before, WARM_UP); index < this.length; index += 1) {
      if ((this.line[index] as number) >= this.best || Number.isNaN(this.line[index])) continue;
      this.best = this.line[index] as number;
    }
  }

  private judge(steps: Float64Array): Alert[] {
    const { line, length, best } = this;
    if (length < FEWEST) return [];
    const latest = line[length - 1] as number;
    const stepAt = (index: number): number => steps[index] as number;
    const span = Math.max(50, Math.floor(length / 4));
    const then = line[length - 1 - span] ?? Number.NaN;
    if (length > 2 * span && then - latest < 0.002 * Math.abs(then) && latest <= best * 1.02) {
      const since = stepAt(length - 1 - span);
      const detail = `less than 0.2 % better in ${formatCount(stepAt(length - 1) - since)} steps`;
      return [{ kind: 'plateau', step: since, title: 'Loss is on a plateau', detail, value: latest }];
    }
    return [];
  }
}
