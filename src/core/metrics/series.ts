/** One metric of one run, as typed arrays that grow by appending. */
import { Axis, withRoom } from './axis';

/**
 * Points (step, time, value) with strictly ascending steps. Values may be non-finite; a time is NaN where the file has none.
 * `revision` counts cuts: whatever was derived from a series stays valid, and can be extended, as long as it is the same.
 */
export class Series {
  private valueArray: Float64Array = new Float64Array(0);
  private count = 0;
  private cuts = 0;

  /** @param place where its points lie; an axis that another series has goes on with both as long as they are logged together */
  constructor(private place: Axis = new Axis()) {
    place.users += 1;
  }

  get axis(): Axis {
    return this.place;
  }

  get length(): number {
    return this.count;
  }

  get revision(): number {
    return this.cuts;
  }

  /** Views of exactly the points there are; they are not updated by later appends. */
  get steps(): Float64Array {
    return this.place.steps(this.count);
  }

  /** Unix seconds. */
  get times(): Float64Array {
    return this.place.times(this.count);
  }

  get values(): Float64Array {
    return this.valueArray.subarray(0, this.count);
  }

  get lastStep(): number {
    return this.count === 0 ? Number.NEGATIVE_INFINITY : this.place.stepAt(this.count - 1);
  }

  get lastValue(): number {
    return this.count === 0 ? Number.NaN : (this.valueArray[this.count - 1] as number);
  }

  /** Appends a point. One that does not come after the last replaces what is at or after its step: a curve never goes back. */
  push(step: number, time: number, value: number): void {
    if (step <= this.lastStep) this.cutFrom(step);
    const place = this.place.at(this.count, step, time);
    if (place !== this.place) {
      this.place.users -= 1;
      place.users += 1;
      this.place = place;
    }
    this.valueArray = withRoom(this.valueArray, this.count + 1);
    this.valueArray[this.count] = value;
    this.count += 1;
  }

  /** Drops the points with a step > `step`. */
  cutAfter(step: number): void {
    this.shorten(this.place.upTo(step, this.count));
  }

  /** Drops the points with a step ≥ `step`. */
  cutFrom(step: number): void {
    this.shorten(this.place.before(step, this.count));
  }

  private shorten(length: number): void {
    if (length === this.count) return;
    this.count = length;
    this.cuts += 1;
  }
}

/** The series of a run, by name. What is logged in one row shares its steps and times. */
export class SeriesTable {
  private readonly byName = new Map<string, Series>();

  get series(): ReadonlyMap<string, Series> {
    return this.byName;
  }

  /** Appends a row. */
  push(step: number, time: number, values: readonly (readonly [name: string, value: number])[]): void {
    this.goBack(step, values);
    /** Of the series that begin with this row. */
    let fresh: Axis | undefined;
    for (const [name, value] of values) {
      let series = this.byName.get(name);
      if (series === undefined) {
        fresh ??= new Axis();
        series = new Series(fresh);
        this.byName.set(name, series);
      }
      series.push(step, time, value);
    }
  }

  /** A row that goes back for all series on an axis takes the axis back: none of them would leave it otherwise than together. */
  private goBack(step: number, values: readonly (readonly [name: string, value: number])[]): void {
    const going = new Map<Axis, Series[]>();
    for (const [name] of values) {
      const series = this.byName.get(name);
      if (series === undefined || step > series.lastStep) continue;
      const list = going.get(series.axis);
      if (list === undefined) going.set(series.axis, [series]);
      else if (!list.includes(series)) list.push(series);
    }
    for (const [axis, list] of going) {
      if (list.length !== axis.users) continue;
      for (const series of list) series.cutFrom(step);
      axis.shorten(Math.max(...list.map((series) => series.length)));
    }
  }

  /** Drops every point with a step > `step`. */
  cutAfter(step: number): void {
    const longest = new Map<Axis, number>();
    for (const series of this.byName.values()) {
      series.cutAfter(step);
      longest.set(series.axis, Math.max(series.length, longest.get(series.axis) ?? 0));
    }
    for (const [axis, length] of longest) axis.shorten(length);
  }
}
