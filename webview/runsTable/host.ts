/** The page's line to the extension host, and what it keeps over a reload. */
import { ALL_RUNS } from '../../src/protocol/allRuns';
import {
  parseLook,
  parseRunsHostMessage,
  type RunsHostMessage,
  type RunsPageMessage,
} from '../../src/protocol/runsTable';
import type { TableLook } from '../../src/core/table/look';
import { line, saveState, savedState } from '../page';

export const { send, onHostMessage, questions } = line<RunsPageMessage, RunsHostMessage>(parseRunsHostMessage);

/** What this page keeps of its own; the look is the workspace's, too. */
export interface Kept {
  /** Null: as the workspace has it. */
  readonly look: TableLook | null;
  readonly filter: string;
  readonly folded: readonly string[];
  readonly selected: readonly string[];
  readonly only: readonly string[] | null;
  /** Path of the run that the keyboard is at. */
  readonly active: string | null;
  readonly top: number;
  readonly left: number;
}

/** What an earlier page kept, taken field by field: an older version may have written it. */
export function kept(): Kept {
  const state = savedState();
  const from = (typeof state === 'object' && state !== null ? state : {}) as Readonly<Record<string, unknown>>;
  const texts = (value: unknown): string[] =>
    Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
  const place = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);
  const { filter, active, only } = from;
  return {
    look: parseLook(from['look']) ?? null,
    filter: typeof filter === 'string' ? filter : '',
    folded: texts(from['folded']),
    selected: texts(from['selected']),
    only: Array.isArray(only) ? texts(only) : null,
    active: typeof active === 'string' ? active : null,
    top: place(from['top']),
    left: place(from['left']),
  };
}

/** The host finds the tab by `run` when VS Code restores it. */
export function keep(state: Kept): void {
  saveState({ run: ALL_RUNS, ...state });
}
