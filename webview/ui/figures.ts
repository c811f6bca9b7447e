/** Figures as pages write them. */
import { formatFigure } from '../../src/core/format';
import type { Figure } from '../../src/protocol/dashboard';

export function numberOf(figure: Figure | undefined): number | null {
  if (figure === null || figure === undefined) return null;
  return typeof figure === 'number' ? figure : Number(figure);
}

/** The inverse: a number as `figureText` takes it. */
export function figureOf(value: number | null): Figure {
  if (value === null || Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

/** "–" where nothing is known. */
export function figureText(figure: Figure | undefined): string {
  const value = numberOf(figure);
  if (value === null) return '–';
  return formatFigure(value);
}

/** 24000 → "24k", 1250 → "1,250", 1500000 → "1.5M": what a tick has room for. */
export function shortStep(step: number): string {
  const size = Math.abs(step);
  if (size >= 1e6) return `${Number((step / 1e6).toPrecision(3))}M`;
  if (size >= 10000 || (size >= 1000 && step % 100 === 0)) return `${Number((step / 1000).toPrecision(3))}k`;
  return Math.round(step).toLocaleString('en-US');
}

/** 18780 s → "5 h 13 m", 3300 s → "55 m": the seconds only where there is nothing else. */
export function roughDuration(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
