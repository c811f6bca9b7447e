/** A loss held against those of runs that went on from the same checkpoint, at the same steps and with the same objective. */
import { formatValue } from '../../format';
import type { Series } from '../series';
import { median, short, type Alert } from './alert';
import { lastUpTo, proposal } from './goodCheckpoint';

/** The loss of a run that shares the past, and where it has the same objective. */
export interface Sibling {
  readonly name: string;
  readonly loss: Series;
  readonly isComparable: (step: number) => boolean;
}

/** Points that are averaged, and of which nearly all are above. */
const POINTS = 20;
const SHARE = 0.85;
/** A point is above where it is this share of the threshold's excess above the siblings. */
const EACH = 0.6;
/** The averages are as near as that again. */
const BACK = 1.1;
/** A run that has come down to this share of where it began is slower than its siblings, and has not diverged. */
const NOT_BETTER = 0.98;

export class AmongSiblings {
  private open: { readonly step: number } | undefined;

  /** @param times how far above its siblings' average a run's may be; 0: as far as it likes */
  constructor(private readonly times: number) {}

  /**
   * @param own the run's loss
   * @param since the step after which its stage and its branch have both begun
   */
  find(own: Series, siblings: readonly Sibling[], since: number, checkpointSteps: readonly number[]): Alert[] {
    const found = this.times === 0 ? undefined : compared(own, siblings, since);
    if (found === undefined) {
      this.open = undefined;
      return [];
    }
    const { mean, theirs, names, start, steps, values } = found;
    const above = values.filter((value) => value > theirs * (1 + (this.times - 1) * EACH)).length;
    if (this.open === undefined) {
      const apart = mean > theirs * this.times && above >= SHARE * values.length && mean >= NOT_BETTER * start;
      if (!apart) return [];
      this.open = { step: steps[0] as number };
    } else if (mean <= theirs * BACK) {
      this.open = undefined;
      return [];
    }
    const { step } = this.open;
    const branchFrom = lastUpTo(checkpointSteps, step - 1);
    const whose = names.length === 1 ? (names[0] as string) : `the median of ${names.length} siblings`;
    return [
      {
        kind: 'divergence',
        step,
        title: 'Loss has left its siblings',
        detail: `average ${formatValue(mean)}, ${short(mean / theirs)} times ${whose} (${formatValue(theirs)}) at the same steps; ${proposal(branchFrom)}`,
        value: mean,
        present: true,
        ...(branchFrom === undefined ? {} : { branchFrom }),
      },
    ];
  }
}

interface Compared {
  readonly mean: number;
  readonly theirs: number;
  readonly names: readonly string[];
  /** The run's average over its first points since. */
  readonly start: number;
  readonly steps: Float64Array;
  readonly values: Float64Array;
}

function compared(own: Series, siblings: readonly Sibling[], since: number): Compared | undefined {
  const from = own.axis.upTo(since, own.length);
  if (own.length - from < 2 * POINTS) return undefined;
  const steps = own.steps.subarray(-POINTS);
  const values = own.values.subarray(-POINTS).filter(Number.isFinite);
  const [first, last] = [steps[0] as number, steps[POINTS - 1] as number];
  const there = siblings.flatMap(({ name, loss, isComparable }) => {
    if (!isComparable(first) || !isComparable(last)) return [];
    const begin = Math.max(loss.axis.before(first, loss.length), loss.axis.upTo(since, loss.length));
    const points = loss.values.subarray(begin, loss.axis.upTo(last, loss.length)).filter(Number.isFinite);
    // One that ended before, or logs much less often, has no average to compare with.
    return points.length < POINTS / 2 || loss.lastStep < last ? [] : [{ name, mean: meanOf(points) }];
  });
  const theirs = median(there.map(({ mean }) => mean));
  const mean = meanOf(values);
  if (there.length === 0 || values.length < POINTS / 2 || !(theirs > 0)) return undefined;
  const start = meanOf(own.values.subarray(from, from + POINTS).filter(Number.isFinite));
  return { mean, theirs, names: there.map(({ name }) => name), start, steps, values };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
