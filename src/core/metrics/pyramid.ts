/** Minimum and maximum over ever larger buckets, so that a window of any width is drawn from about as many points as it has pixels. */

/** Points in a bucket of the lowest level. */
const BASE = 2;

interface Level {
  /** Points in a bucket. */
  readonly size: number;
  low: Float64Array;
  high: Float64Array;
  /** Buckets filled so far; the last may be partial. */
  count: number;
}

/**
 * A min/max pyramid over an append-only array of values. Non-finite values count for nothing; a bucket that holds nothing else
 * is NaN. An append costs amortised two comparisons a level; no spike is ever lost, however far out one zooms.
 */
export class MinMaxPyramid {
  private levels: Level[] = [];
  private taken = 0;

  /** Points taken in so far. */
  get length(): number {
    return this.taken;
  }

  /** The lowest finite value of all; NaN where there is none. */
  get lowest(): number {
    return this.levels.at(-1)?.low[0] ?? Number.NaN;
  }

  /** Takes in `values[this.length…]`; what was taken in before must be unchanged. */
  extend(values: Float64Array): void {
    const from = this.taken;
    const to = values.length;
    if (to <= from) return;
    this.taken = to;
    for (let index = 0; ; index += 1) {
      const size = BASE << index;
      const below = this.levels[index - 1];
      let level = this.levels[index];
      // A level made just now covers what came before it, too.
      const first = level === undefined ? 0 : Math.floor(from / size);
      level ??= { size, low: new Float64Array(16), high: new Float64Array(16), count: 0 };
      this.levels[index] = level;
      level.count = Math.ceil(to / size);
      if (level.low.length < level.count) enlarge(level);
      for (let bucket = first; bucket < level.count; bucket += 1) {
        if (below === undefined) fillFromValues(level, bucket, values);
        else fillFromBelow(level, bucket, below);
      }
      if (level.count <= 1) return;
    }
  }

  /** The level with the smallest buckets of which at most `most` cover `points` points; undefined when no bucket is needed. */
  levelFor(points: number, most: number): PyramidLevel | undefined {
    return this.levels.find((level) => Math.ceil(points / level.size) <= most);
  }

  /** The level whose buckets hold `size` points. Throws a RangeError where there is none. */
  levelOf(size: number): PyramidLevel {
    const found = this.levels.find((level) => level.size === size);
    if (found === undefined) throw new RangeError(`This pyramid has no buckets of ${size} points.`);
    return found;
  }
}

export type PyramidLevel = Readonly<Level>;

function fillFromValues(level: Level, bucket: number, values: Float64Array): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const end = Math.min(values.length, (bucket + 1) * level.size);
  for (let index = bucket * level.size; index < end; index += 1) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  level.low[bucket] = low <= high ? low : Number.NaN;
  level.high[bucket] = low <= high ? high : Number.NaN;
}

function enlarge(level: Level): void {
  const capacity = Math.max(level.count, level.low.length * 2);
  for (const name of ['low', 'high'] as const) {
    const larger = new Float64Array(capacity);
    larger.set(level[name]);
    level[name] = larger;
  }
}

function fillFromBelow(level: Level, bucket: number, below: Level): void {
  const left = bucket * 2;
  const right = left + 1;
  const lowLeft = below.low[left] as number;
  const highLeft = below.high[left] as number;
  if (right >= below.count) {
    level.low[bucket] = lowLeft;
    level.high[bucket] = highLeft;
    return;
  }
  const lowRight = below.low[right] as number;
  const highRight = below.high[right] as number;
  level.low[bucket] = Number.isNaN(lowLeft) || lowRight < lowLeft ? lowRight : lowLeft;
  level.high[bucket] = Number.isNaN(highLeft) || highRight > highLeft ? highRight : highLeft;
}
