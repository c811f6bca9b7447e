/** Where points lie: steps and times, shared by the series that were logged together. */

const FIRST_CAPACITY = 256;

/** First index in `values[0, length)` whose value is ≥ `target`; `length` when there is none. Values ascend. */
export function lowerBound(values: Float64Array, length: number, target: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < target) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First index in `values[0, length)` whose value is > `target`; `length` when there is none. Values ascend. */
export function upperBound(values: ArrayLike<number>, length: number, target: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) <= target) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The array, or a copy of at least `length` places. */
export function withRoom(array: Float64Array, length: number): Float64Array {
  if (length <= array.length) return array;
  const larger = new Float64Array(Math.max(length, array.length * 2, FIRST_CAPACITY));
  larger.set(array);
  return larger;
}

/** Strictly ascending steps, and a time for each (Unix seconds; NaN where the file has none). */
export class Axis {
  private stepArray: Float64Array = new Float64Array(0);
  private timeArray: Float64Array = new Float64Array(0);
  private count = 0;
  /** Series whose points lie on it. */
  users = 0;
  /** How many of its first entries are still those that it began with. */
  private kept = 0;
  /** The last axis that left this one, and after how many of its points. */
  private left: { readonly after: number; readonly axis: Axis } | undefined;

  get length(): number {
    return this.count;
  }

  /** Views of the first `length` entries; not updated by what is appended later. */
  steps(length: number): Float64Array {
    return this.stepArray.subarray(0, length);
  }

  times(length: number): Float64Array {
    return this.timeArray.subarray(0, length);
  }

  stepAt(index: number): number {
    return this.stepArray[index] as number;
  }

  /** How many of the first `length` steps are < `step`. */
  before(step: number, length: number): number {
    return lowerBound(this.stepArray, length, step);
  }

  /** How many of the first `length` steps are ≤ `step`. */
  upTo(step: number, length: number): number {
    return upperBound(this.stepArray, length, step);
  }

  /**
   * The axis on which entry `index` is this step and time, given that the entries before are these: this one, where it ends
   * there or goes on like that; else one that left it there.
   */
  at(index: number, step: number, time: number): Axis {
    // A clock that was set back must not make a curve over time go back.
    const clamped = index === 0 ? time : Math.max(time, this.timeArray[index - 1] as number);
    if (index === this.count) {
      this.append(step, clamped);
      return this;
    }
    // The last entry, logged once more: the others on this axis keep its time.
    const again = index === this.count - 1 && this.stepArray[index] === step;
    if (again || this.has(index, step, clamped)) return this;
    // One that was taken back since to before it left has gone on to be another.
    if (this.left?.after === index && this.left.axis.kept >= index && this.left.axis.takes(index, step, clamped)) {
      return this.left.axis;
    }
    const axis = this.copy(index);
    axis.append(step, clamped);
    this.left = { after: index, axis };
    return axis;
  }

  /** Drops the entries from `length` on; the series on it are to be as short. */
  shorten(length: number): void {
    this.count = Math.min(this.count, length);
    this.kept = Math.min(this.kept, length);
    this.left = undefined;
  }

  private has(index: number, step: number, time: number): boolean {
    return this.stepArray[index] === step && Object.is(this.timeArray[index], time);
  }

  private takes(index: number, step: number, time: number): boolean {
    if (index < this.count) return this.has(index, step, time);
    this.append(step, time);
    return true;
  }

  private append(step: number, time: number): void {
    this.stepArray = withRoom(this.stepArray, this.count + 1);
    this.timeArray = withRoom(this.timeArray, this.count + 1);
    this.stepArray[this.count] = step;
    this.timeArray[this.count] = time;
    this.count += 1;
  }

  private copy(length: number): Axis {
    const copy = new Axis();
    copy.stepArray = this.stepArray.slice(0, length);
    copy.timeArray = this.timeArray.slice(0, length);
    copy.count = length;
    copy.kept = length;
    return copy;
  }
}
