/** How figures are written for people, the same in the tree, the page, the reports and the CLI. */
import { stringifyJson } from './jsonText';

/** 1536 → "1.5 kB"; decimal units, as disks and GPUs are sold. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit] ?? 'B'}`;
}

/** 61840 → "61,840". Not by Intl, whose first use costs 10 to 20 ms, as much as a command's own work. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return BigInt(Math.round(value))
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Four significant digits, scientific where that is shorter: 2.166, 0.0213, 5e-5. */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6))
    return value
      .toExponential(2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e');
  return Number(value.toPrecision(4)).toString();
}

/** As many digits every time, for figures that change several times a second or stand below each other: 2.166, 2.100, 5e-5. */
export function formatFigure(value: number): string {
  const size = Math.abs(value);
  return Number.isFinite(value) && size >= 1e-3 && size < 1e4 ? value.toPrecision(4) : formatValue(value);
}

/** 148210 → "148k", 1250 → "1,250": so many a second. */
export function formatRate(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (value >= 1e3) return formatCount(value);
  return Number(value.toPrecision(3)).toString();
}

/**
 * A JSON value as one types it: texts bare, lists with commas, nothing for null. All digits of a number are kept, and rates
 * are written as powers of ten (5e-5), by which they are compared.
 */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return (value as unknown[]).map(valueText).join(',');
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  return stringifyJson(value);
}

/** 18780 s → "5 h 13 m"; 42 s → "42 s". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} m ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** About how long: "less than a minute", "12 min", "3 h", "2 d". For what is an estimate. */
export function formatRoughly(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return 'less than a minute';
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 36 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** Clocks differ: what lies less than this ahead is shown as new. */
const AHEAD_SECONDS = 600;

/**
 * Age of a moment: "just now", "5 min ago", "3 h ago", "2 d ago", and "dated 3 h ahead" for what claims to come from the future.
 * `time` and `now` in Unix seconds.
 */
export function formatAge(time: number, now: number): string {
  if (time <= 0) return 'date unknown';
  if (time - now > AHEAD_SECONDS) return `dated ${formatAge(now, time).replace(' ago', '')} ahead`;
  const seconds = Math.max(0, now - time);
  if (seconds < 45) return 'just now';
  if (seconds < 90 * 60) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} d ago`;
}

/** How far reading is: "120 MB of 600 MB", and the time left once a second of work tells it: "… · 3 s left". */
export function formatProgress(done: number, total: number, seconds: number): string {
  const share = `${formatBytes(done)} of ${formatBytes(total)}`;
  if (done <= 0 || seconds < 1 || done >= total) return share;
  return `${share} · ${formatDuration((seconds * (total - done)) / done)} left`;
}
