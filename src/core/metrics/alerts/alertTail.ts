/** As much of a run's metrics as alerts need, read a little at a time: for runs that nobody looks at. */
import { LEARNING_RATE, LOSS, TOKENS_PER_SECOND } from '../catalogue';
import type { Keep } from '../log';
import { MetricsTail } from '../tail';

/** Some hundred thousand lines: the past of a long run that is watched from its middle on. */
const MOST_BYTES = 64 << 20;
/** A few hundred lines, which take 1 to 2 ms. */
const PIECE_BYTES = 128 << 10;

const KEPT: ReadonlySet<string> = new Set([LOSS, LEARNING_RATE, TOKENS_PER_SECOND]);

/** Of the other metrics, only where they are no finite numbers, and where that is over. */
const keep: Keep = (name, value, series) =>
  KEPT.has(name) || !Number.isFinite(value) || (series !== undefined && !Number.isFinite(series.lastValue));

/** @param onPiece called after each little that was read of a log */
export function alertTail(runPath: string, onPiece: () => void = () => undefined): MetricsTail {
  return new MetricsTail(runPath, { keep, mostBytes: MOST_BYTES, pieceBytes: PIECE_BYTES, onPiece });
}
