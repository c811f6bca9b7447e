/**
 * Every message between the extension host and the page with the table of runs; both sides check what they are sent. The page
 * gets all rows in parts, then those that changed; it sorts and filters them itself.
 */
import type { Cell } from '../core/table/cell';
import type { ArgumentColumn } from '../core/table/columns';
import { GROUPINGS, NARROWEST, WIDEST, type SortBy, type TableLook } from '../core/table/look';
import type { RunRow } from '../core/table/row';
import { readyMessage, reportMessage, type ReadyMessage, type ReportMessage } from './requests';
import {
  count,
  either,
  flag,
  list,
  message,
  name,
  nullable,
  number,
  object,
  parser,
  text,
  word,
  type Shape,
} from './shape';

/** Rows that are new or changed. */
export interface RowsMessage {
  readonly type: 'rows';
  /** Nothing of what came before counts any more. */
  readonly first: boolean;
  /** No more parts are on their way. */
  readonly last: boolean;
  /** The arguments that have cells, in their order; null: as before. */
  readonly arguments: readonly ArgumentColumn[] | null;
  readonly rows: readonly RunRow[];
  /** Paths of the runs that are no longer there. */
  readonly gone: readonly string[];
  /** Of those, the ones that are there under another path: renamed. */
  readonly moved: readonly { readonly from: string; readonly to: string }[];
}

export interface StatusMessage {
  readonly type: 'status';
  /** The first scan is not over. */
  readonly scanning: boolean;
  /** What starts a process is allowed. */
  readonly canTrain: boolean;
  /** A folder is open. */
  readonly hasFolder: boolean;
}

/** How the table was looked at in this workspace before; for a page that remembers nothing itself. */
export interface LookMessage {
  readonly type: 'look';
  readonly look: TableLook;
}

/** Metrics that runs log, for those who want one as a column. Not of all runs: of some of them, and those that have columns. */
export interface MetricsMessage {
  readonly type: 'metrics';
  readonly names: readonly string[];
}

/** What runs have in columns of metrics. */
export interface FiguresMessage {
  readonly type: 'figures';
  /** The page's question, to which there is an answer as long as runs change. */
  readonly request: number;
  readonly rows: readonly { readonly path: string; readonly cells: readonly Cell[] }[];
  /** How many runs are still to be read. */
  readonly left: number;
}

export type RunsHostMessage = RowsMessage | StatusMessage | LookMessage | MetricsMessage | FiguresMessage;

/** What can be done with runs. */
export const RUNS_COMMANDS = [
  'dashboard',
  'overlay',
  'compare',
  'branch',
  'tag',
  'star',
  'unstar',
  'notes',
  'delete',
  'deleteRuns',
  'log',
  'path',
] as const;
export type RunsCommand = (typeof RUNS_COMMANDS)[number];

export interface RunsActMessage {
  readonly type: 'act';
  readonly command: RunsCommand;
  /** Of runs. */
  readonly paths: readonly string[];
}

/** To be kept for the workspace. */
export interface KeepLookMessage {
  readonly type: 'look';
  readonly look: TableLook;
}

/** Which metrics are there to choose from? */
export interface AskMetricsMessage {
  readonly type: 'metrics';
}

/** What do runs have in these columns of metrics? From now on these alone are read. */
export interface AskFiguresMessage {
  readonly type: 'figures';
  readonly request: number;
  /** Ids of columns. */
  readonly columns: readonly string[];
}

/** To be put on the clipboard. */
export interface CopyMessage {
  readonly type: 'copy';
  readonly content: string;
}

export type RunsPageMessage =
  ReadyMessage | RunsActMessage | KeepLookMessage | AskMetricsMessage | AskFiguresMessage | CopyMessage | ReportMessage;

const MOST_COLUMNS = 10_000;
/** Of columns of metrics that are read at once. */
export const MOST_FIGURES = 100;
const LONGEST_COPY = 1 << 28;

const cell: Shape<Cell> = nullable(either(number(), text()));

const row = object<RunRow>({
  path: name,
  name,
  parentPath: nullable(name),
  checkpoint: nullable(name),
  cells: list(cell, MOST_COLUMNS),
});

const ids = list(name, MOST_COLUMNS);

const look = object<TableLook>({
  order: ids,
  widths: list(object({ column: name, width: number(NARROWEST, WIDEST) }), MOST_COLUMNS),
  pinned: ids,
  shown: ids,
  hidden: ids,
  equal: flag,
  sort: list(object<SortBy>({ column: name, descending: flag }), 20),
  group: nullable(word(...GROUPINGS)),
});

const hostMessage = message<RunsHostMessage>({
  rows: object({
    type: word('rows'),
    first: flag,
    last: flag,
    arguments: nullable(list(object<ArgumentColumn>({ name, about: text() }), MOST_COLUMNS)),
    rows: list(row),
    gone: list(name),
    moved: list(object({ from: name, to: name })),
  }),
  status: object({ type: word('status'), scanning: flag, canTrain: flag, hasFolder: flag }),
  look: object({ type: word('look'), look }),
  metrics: object({ type: word('metrics'), names: ids }),
  figures: object({
    type: word('figures'),
    request: count,
    rows: list(object({ path: name, cells: list(cell, MOST_COLUMNS) })),
    left: count,
  }),
});

const pageMessage = message<RunsPageMessage>({
  ready: readyMessage,
  act: object({ type: word('act'), command: word(...RUNS_COMMANDS), paths: list(name) }),
  look: object({ type: word('look'), look }),
  metrics: object({ type: word('metrics') }),
  figures: object({ type: word('figures'), request: count, columns: list(name, MOST_FIGURES) }),
  copy: object({ type: word('copy'), content: text(LONGEST_COPY) }),
  report: reportMessage,
});

/** What the page may be sent, checked. */
export const parseRunsHostMessage = parser(hostMessage);
/** What the page may send, checked. */
export const parseRunsPageMessage = parser(pageMessage);
/** What was kept of a look, checked: another version may have kept it. */
export const parseLook = parser(look);
