/** Stalled (nothing logged for long) and slow (throughput well below what it was): of a run that trains, from its newest points. */
import { secondsSince } from '../../clock';
import type { Series } from '../series';
import { short, type Alert } from './alert';

/** @param now Unix seconds, as `lastTime`, that of the newest metrics line (NaN: unknown) */
export function pace(loss: Series, throughput: Series | undefined, now: number, lastTime: number): Alert[] {
  if (loss.length < 10) return [];
  const gaps = [...loss.times.subarray(-50)].flatMap((time, index, all) =>
    index === 0 ? [] : [time - (all[index - 1] as number)],
  );
  const usual = median(gaps);
  // A line dated in the future says nothing of how long it has been quiet since.
  const silence = secondsSince(lastTime, now) ?? 0;
  if (silence > Math.max(60, 20 * usual)) {
    const detail = `nothing logged for ${Math.round(silence / 60)} min; a step line came every ${short(usual)} s`;
    return [{ kind: 'stalled', step: loss.lastStep, title: 'Training has stalled', detail, value: loss.lastValue }];
  }
  if (throughput === undefined || throughput.length < 60) return [];
  const recent = median([...throughput.values.subarray(-15)]);
  const before = median([...throughput.values.subarray(-200, -15)]);
  if (recent > 0.6 * before) return [];
  const step = throughput.steps[throughput.length - 15] as number;
  const detail = `${short(recent)} tokens/s now, ${short(before)} before`;
  return [{ kind: 'slow', step, title: 'Training has become slow', detail, value: recent }];
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : (sorted[Math.floor(sorted.length / 2)] as number);
}
