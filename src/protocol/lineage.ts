/**
 * Every message between the extension host and the page with the workspace's lineage; both sides check what they are sent. The
 * page gets all runs in parts, then those that changed; it lays them out itself. What passes the filter, the host says.
 */
import { RUN_STATES } from '../core/experiment/model';
import { ALL_MARKS, type LaneParent, type LaneRun } from '../core/lanes/laneRun';
import { readyMessage, reportMessage, type ReadyMessage, type ReportMessage } from './requests';
import { count, flag, list, message, name, nullable, number, object, parser, text, word } from './shape';

/** Runs that are new or changed. */
export interface LaneRunsMessage {
  readonly type: 'runs';
  /** Nothing of what came before counts any more. */
  readonly first: boolean;
  /** No more parts are on their way. */
  readonly last: boolean;
  readonly runs: readonly LaneRun[];
  /** Keys of the runs that are no longer there. */
  readonly gone: readonly number[];
}

export interface LineageStatusMessage {
  readonly type: 'status';
  /** The first scan is not over. */
  readonly scanning: boolean;
  /** A folder is open. */
  readonly hasFolder: boolean;
}

/** Which runs pass the filter. */
export interface PassingMessage {
  readonly type: 'passing';
  /** Of the question that this answers; the newest one where the runs changed since. */
  readonly request: number;
  /** Null: all; as before where there is a problem. */
  readonly keys: readonly number[] | null;
  /** What is wrong with the filter, in one line. */
  readonly problem: string | null;
}

export type LineageHostMessage = LaneRunsMessage | LineageStatusMessage | PassingMessage;

/** What can be done with a run. */
export const LANE_COMMANDS = ['dashboard', 'reveal', 'log', 'path'] as const;
export type LaneCommand = (typeof LANE_COMMANDS)[number];

export interface LaneActMessage {
  readonly type: 'act';
  readonly command: LaneCommand;
  /** The run's. */
  readonly path: string;
}

/** Asks which runs pass. */
export interface FilterMessage {
  readonly type: 'filter';
  readonly request: number;
  /** As it was typed; '' for all. */
  readonly typed: string;
}

export type LineagePageMessage = ReadyMessage | LaneActMessage | FilterMessage | ReportMessage;

const LONGEST_FILTER = 4096;
const MOST_STAGES = 10_000;

const parent = object<LaneParent>({
  key: nullable(count),
  lost: nullable(word('gone', 'self', 'circle')),
  ghost: text(),
  name: text(),
  step: number(),
  origin: flag,
});

const run = object<LaneRun>({
  key: count,
  path: name,
  name,
  state: word(...RUN_STATES),
  step: number(),
  maxSteps: nullable(number()),
  stage: nullable(text()),
  created: number(),
  best: nullable(object({ value: number(), step: number() })),
  loss: nullable(number()),
  parent: nullable(parent),
  steps: list(number()),
  marks: list(number(0, ALL_MARKS)),
  stages: list(object({ name: text(), until: number() }), MOST_STAGES),
});

const hostMessage = message<LineageHostMessage>({
  runs: object({ type: word('runs'), first: flag, last: flag, runs: list(run), gone: list(count) }),
  status: object({ type: word('status'), scanning: flag, hasFolder: flag }),
  passing: object({
    type: word('passing'),
    request: count,
    keys: nullable(list(count)),
    problem: nullable(text()),
  }),
});

const pageMessage = message<LineagePageMessage>({
  ready: readyMessage,
  act: object({ type: word('act'), command: word(...LANE_COMMANDS), path: name }),
  filter: object({ type: word('filter'), request: count, typed: text(LONGEST_FILTER) }),
  report: reportMessage,
});

/** What the page may be sent, checked. */
export const parseLineageHostMessage = parser(hostMessage);
/** What the page may send, checked. */
export const parseLineagePageMessage = parser(pageMessage);
