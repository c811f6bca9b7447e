/** The page's line to the extension host, and what it keeps over a reload. */
import { ALL_RUNS } from '../../src/protocol/allRuns';
import { parseLineageHostMessage, type LineageHostMessage, type LineagePageMessage } from '../../src/protocol/lineage';
import { line, saveState, savedState } from '../page';

export const { send, onHostMessage, questions } = line<LineagePageMessage, LineageHostMessage>(parseLineageHostMessage);

export interface Kept {
  readonly filter: string;
  /** Path of the run that the keyboard is at, and of the one at the upper edge; '' for none. */
  readonly focus: string;
  readonly top: string;
  /** The steps in sight, and the height of a lane in CSS pixels; null: as the page opens. */
  readonly view: { readonly from: number; readonly until: number; readonly lane: number } | null;
}

/** What an earlier page kept, taken field by field: an older version may have written it. */
export function kept(): Kept {
  const state = savedState();
  const from = (typeof state === 'object' && state !== null ? state : {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    filter: text(from['filter']),
    focus: text(from['focus']),
    top: text(from['top']),
    view: viewIn(from['view']),
  };
}

function viewIn(raw: unknown): Kept['view'] {
  if (typeof raw !== 'object' || raw === null) return null;
  const { from, until, lane } = raw as Readonly<Record<string, unknown>>;
  const are = [from, until, lane].every((each) => typeof each === 'number' && Number.isFinite(each));
  return are && (from as number) < (until as number) && (lane as number) > 0
    ? { from: from as number, until: until as number, lane: lane as number }
    : null;
}

/** The host finds the tab by `run` when VS Code restores it. */
export function keep(state: Kept): void {
  saveState({ run: ALL_RUNS, ...state });
}
