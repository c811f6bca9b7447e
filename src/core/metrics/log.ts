/** What a metrics file says so far: series by name, segments, stage changes. Fed bytes, in pieces of any size, or events. */
import type { MetricsEvent } from './events';
import { SeriesTable, type Series } from './series';
import { LOG_SOURCES } from './sources/logs';
import type { LogSource } from './sources/source';

/** One process's stretch of a run: it logged from < step ≤ to (what a later segment took back is cut away). */
export interface Segment {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
}

export interface StageChange {
  readonly step: number;
  readonly stage: string;
  readonly mixingRatio: number | null;
}

const NEWLINE = 0x0a;
/** A line longer than this is no metrics line; it is skipped without being kept in memory. */
const LONGEST_LINE = 8 << 20;

/** Names that JSON has only one way to write. */
const PLAIN_NAME = /^[\w. -]+(\/[\w. -]+)*$/;

/**
 * Whether a line may tell of one of these metrics, or where a segment begins, without parsing it: evaluations are in one of fifty.
 * Only our trainer's lines are known well enough; of others any may.
 */
function mayTell(line: string, metrics: readonly string[], source: LogSource): boolean {
  if (source !== LOG_SOURCES[0] || line.includes('"start"')) return true;
  return metrics.some((metric) => !PLAIN_NAME.test(metric) || line.includes(`"${metric}"`));
}

/** Whether a value is kept. @param series what is there of its metric so far */
export type Keep = (name: string, value: number, series: Series | undefined) => boolean;

export class MetricsLog {
  private readonly table = new SeriesTable();
  private segmentList: Segment[] = [];
  private stageList: StageChange[] = [];
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private skipping = false;
  private readonly decoder = new TextDecoder();
  private latestStep = Number.NEGATIVE_INFINITY;
  private latestTime = Number.NaN;
  private ending: { why: string; step: number | null } | null = null;

  /**
   * @param source whose file it is
   * @param keep for who needs not all of it; left out: everything is kept
   * @param about metrics; lines that tell of none of them are not looked at, and `lastStep` and `end` may lag behind
   */
  constructor(
    private readonly source: LogSource = LOG_SOURCES[0],
    private readonly keep?: Keep,
    private readonly about?: readonly string[],
  ) {}

  get series(): ReadonlyMap<string, Series> {
    return this.table.series;
  }

  get segments(): readonly Segment[] {
    return this.segmentList;
  }

  get stages(): readonly StageChange[] {
    return this.stageList;
  }

  /** Newest step logged in the present segment; null before the first metrics line. */
  get lastStep(): number | null {
    return Number.isFinite(this.latestStep) ? this.latestStep : null;
  }

  /** Unix seconds of the newest metrics line; NaN where the file has no times. */
  get lastTime(): number {
    return this.latestTime;
  }

  /** How the present segment ended, where it said so. */
  get end(): { readonly why: string; readonly step: number | null } | null {
    return this.ending;
  }

  /** Takes the file's next bytes. A line counts once its newline is there: what is torn now may be whole with the next piece. */
  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline === -1) break;
      this.hold(chunk.subarray(start, newline));
      this.finishLine();
      start = newline + 1;
    }
    // Copied: the caller reads into the same buffer again, and a Buffer's own `slice` is no copy.
    if (start < chunk.length) this.hold(new Uint8Array(chunk.subarray(start)));
  }

  private hold(bytes: Uint8Array): void {
    if (this.skipping) return;
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes <= LONGEST_LINE) return;
    this.skipping = true;
    this.pending = [];
  }

  private finishLine(): void {
    const line = this.skipping ? '' : this.decoder.decode(this.joinPending()).trim();
    this.pending = [];
    this.pendingBytes = 0;
    this.skipping = false;
    if (line === '') return;
    if (this.about !== undefined && !mayTell(line, this.about, this.source)) return;
    const event = this.source.parseLine(line);
    if (event !== undefined) this.take(event);
  }

  private joinPending(): Uint8Array {
    if (this.pending.length === 1) return this.pending[0] as Uint8Array;
    const whole = new Uint8Array(this.pendingBytes);
    let offset = 0;
    for (const part of this.pending) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }

  /** Takes what comes next, where it does not come as bytes of a log. */
  take(event: MetricsEvent): void {
    switch (event.kind) {
      case 'start':
        this.cutAfter(event.resumeStep);
        this.startSegment(event.segment ?? this.nextSegment, event.resumeStep);
        return;
      case 'metrics':
        this.takeMetrics(event);
        return;
      case 'stage':
        this.enterStage({ step: event.step, stage: event.stage, mixingRatio: event.mixingRatio });
        return;
      case 'checkpoint':
        // The scan of the folder is what tells which checkpoints there are; the event only dates them.
        return;
      case 'end':
        this.ending = { why: event.why, step: event.step };
        return;
    }
  }

  private takeMetrics(event: Extract<MetricsEvent, { kind: 'metrics' }>): void {
    const current = this.segmentList.at(-1);
    if (current === undefined) {
      this.startSegment(event.segment ?? 1, event.step);
    } else if (
      event.unmarked ? event.step < this.latestStep : event.segment !== null && event.segment !== current.segment
    ) {
      // A resume whose start line is missing: what the earlier process logged from here on is not this curve's past.
      this.cutAfter(event.step - 1);
      this.startSegment(event.segment ?? this.nextSegment, event.step);
    }
    const { keep } = this;
    const values =
      keep === undefined
        ? event.values
        : event.values.filter(([name, value]) => keep(name, value, this.table.series.get(name)));
    this.table.push(event.step, event.time, values);
    if (event.stage !== null) this.enterStage({ step: event.step, stage: event.stage, mixingRatio: null });
    this.latestStep = Math.max(this.latestStep, event.step);
    if (!Number.isNaN(event.time)) this.latestTime = event.time;
    const last = this.segmentList.length - 1;
    const segment = this.segmentList[last] as Segment;
    if (event.step > segment.to) this.segmentList[last] = { ...segment, to: event.step };
  }

  private get nextSegment(): number {
    return (this.segmentList.at(-1)?.segment ?? 0) + 1;
  }

  private startSegment(segment: number, from: number): void {
    this.segmentList.push({ segment, from, to: from });
    this.ending = null;
  }

  private cutAfter(step: number): void {
    this.table.cutAfter(step);
    this.latestStep = Math.min(this.latestStep, step);
    this.stageList = this.stageList.filter((change) => change.step <= step);
    this.segmentList = this.segmentList
      .filter((segment) => segment.from < step)
      .map((segment) => ({ ...segment, to: Math.min(segment.to, step) }));
  }

  private enterStage(change: StageChange): void {
    const earlier = this.stageList.filter((entry) => entry.step < change.step);
    const last = earlier.at(-1);
    if (last?.stage === change.stage && last.mixingRatio === change.mixingRatio) return;
    this.stageList = [...earlier, change];
  }
}
