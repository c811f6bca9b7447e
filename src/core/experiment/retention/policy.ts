/** What a clean-up keeps of each run, as a person says it. What it never takes, whatever they say, is in held.ts. */
import { formatCount } from '../../format';

export interface RetentionPolicy {
  /** So many of the newest valid checkpoints, as `--save_total_limit` counts them; at least 1. */
  readonly last: number;
  /** So many of the lowest losses: of evaluations where the run has any, else as logged. */
  readonly best: number;
  /** Those whose step is a multiple of this; 0: none for that. */
  readonly every: number;
  /** Whether those that are not valid go, too, where a valid one stays. */
  readonly broken: boolean;
}

/** Beyond it a number is a slip of the finger; steps have 15 digits at most. */
const MOST = 999_999_999_999_999;

/** A number as it is typed: digits, with commas or blanks between thousands. Null for anything else, and for less than `least`. */
export function readCount(text: string, least: number): number | null {
  const digits = text.trim();
  if (!/^(\d+|\d{1,3}([, ]\d{3})+)$/.test(digits)) return null;
  const count = Number(digits.replace(/[, ]/g, ''));
  return count >= least && count <= MOST ? count : null;
}

/** What a policy keeps, as an enumeration: "the last 3, the best and each 10,000 steps". */
export function policyText({ last, best, every }: RetentionPolicy): string {
  const parts = [
    last === 1 ? 'the newest' : `the last ${formatCount(last)}`,
    best <= 1 ? 'the best' : `the best ${formatCount(best)}`,
    ...(every === 0 ? [] : [`each ${formatCount(every)} steps`]),
  ];
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}`;
}
