/** One metric of one run, as typed arrays that grow by appending. */

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
export function upperBound(values: Float64Array, length: number, target: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) <= target) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Points (step, time, value) with strictly ascending steps. Values may be non-finite; a time is NaN where the file has none.
 * `revision` counts cuts: whatever was derived from a series stays valid, and can be extended, as long as it is the same.
 */
export class Series {
  private stepArray = new Float64Array(FIRST_CAPACITY);
  private timeArray = new Float64Array(FIRST_CAPACITY);
  private valueArray = new Float64Array(FIRST_CAPACITY);
  private count = 0;
  private cuts = 0;

  get length(): number {
    return this.count;
  }

  get revision(): number {
    return this.cuts;
  }

  /** Views of exactly the points there are; they are not updated by later appends. */
  get steps(): Float64Array {
    return this.stepArray.subarray(0, this.count);
  }

  /** Unix seconds. */
  get times(): Float64Array {
    return this.timeArray.subarray(0, this.count);
  }

  get values(): Float64Array {
    return this.valueArray.subarray(0, this.count);
  }

  get lastStep(): number {
    return this.count === 0 ? Number.NEGATIVE_INFINITY : (this.stepArray[this.count - 1] as number);
  }

  get lastValue(): number {
    return this.count === 0 ? Number.NaN : (this.valueArray[this.count - 1] as number);
  }

  /** Appends a point. One that does not come after the last replaces what is at or after its step: a curve never goes back. */
  push(step: number, time: number, value: number): void {
    if (step <= this.lastStep) this.cutFrom(step);
    if (this.count === this.stepArray.length) this.grow();
    // A clock that was set back must not make a curve over time go back.
    if (this.count > 0) time = Math.max(time, this.timeArray[this.count - 1] as number);
    this.stepArray[this.count] = step;
    this.timeArray[this.count] = time;
    this.valueArray[this.count] = value;
    this.count += 1;
  }

  /** Drops the points with a step > `step`. */
  cutAfter(step: number): void {
    this.shorten(upperBound(this.stepArray, this.count, step));
  }

  /** Drops the points with a step ≥ `step`. */
  cutFrom(step: number): void {
    this.shorten(lowerBound(this.stepArray, this.count, step));
  }

  private shorten(length: number): void {
    if (length === this.count) return;
    this.count = length;
    this.cuts += 1;
  }

  private grow(): void {
    const capacity = this.stepArray.length * 2;
    for (const name of ['stepArray', 'timeArray', 'valueArray'] as const) {
      const larger = new Float64Array(capacity);
      larger.set(this[name]);
      this[name] = larger;
    }
  }
}
