/**
 * Every message between the extension host and the dashboard's page. The page gets one snapshot, then increments, only while it
 * is visible. Series travel as ArrayBuffers of their own (a typed-array view would ship the whole buffer behind it, and JSON
 * turns NaN into null). Both sides check what they are sent: `parsePageMessage`, `parseHostMessage`.
 */
import type { Stage } from '../core/curriculum/curriculum';
import { CHECKPOINT_STATES, RUN_STATES, type CheckpointState, type RunState } from '../core/experiment/model';
import { ALERT_KINDS, type AlertKind } from '../core/metrics/alerts/alert';
import type { GpuUse } from '../core/training/gpus/gpuUse';
import { X_AXES, type PointCounts, type XAxis } from '../core/metrics/trace';
import { readyMessage, reportMessage, type ReadyMessage, type ReportMessage } from './requests';
import { stage } from './curriculum';
import {
  bytes,
  count,
  either,
  flag,
  list,
  message,
  name,
  nullable,
  number,
  object,
  optional,
  parser,
  range,
  text,
  word,
  type Shape,
} from './shape';

/** A number as JSON can carry it; null: not known. */
export type Figure = number | 'NaN' | 'Infinity' | '-Infinity' | null;

/** A checkpoint as charts and buttons show it. */
export interface ShownCheckpoint {
  readonly name: string;
  readonly path: string;
  readonly step: number;
  /** Unix seconds. */
  readonly time: number;
  readonly state: CheckpointState;
  readonly stage: string | null;
  readonly loss: Figure;
  readonly evalLoss: Figure;
  readonly bytes: number;
  readonly best: boolean;
  readonly pinned: boolean;
}

/** A run as the rail and the lineage show it. */
export interface RunSummary {
  readonly path: string;
  readonly name: string;
  readonly state: RunState;
  readonly step: number;
  readonly maxSteps: number | null;
  readonly stage: string | null;
  readonly loss: Figure;
  /** The run that it branched from, where that is still in the workspace. */
  readonly parentPath: string | null;
  /** What the parent was called when the run was born; null for a run without a parent. */
  readonly parentName: string | null;
  /** Step that its own training started from: the branch point, or 0. */
  readonly origin: number;
  /** Another number for each content of its config.json; null while there is none. */
  readonly configuration: number | null;
}

/** The run that the dashboard is about. */
export interface RunFacts extends RunSummary {
  /** Model, layers and rank in a few words. */
  readonly subtitle: string;
  /** Unix seconds. */
  readonly created: number;
  readonly curriculum: readonly Stage[] | null;
  /** When each stage was entered, Unix seconds; null where that is not known. Same order as `curriculum`. */
  readonly stageTimes: readonly (number | null)[];
  /** Ascending by step; `final` last. */
  readonly checkpoints: readonly ShownCheckpoint[];
  /** How the last segment ended badly; null for a run that trains, waits, was stopped or is done. */
  readonly ending: Ending | null;
  /** It was asked to end, at that time in Unix seconds, and has not yet; null where nobody asked. */
  readonly stopping: { readonly since: number; readonly saves: boolean } | null;
}

/** Why a run is not training any more, though nobody asked it to stop. */
export interface Ending {
  readonly title: string;
  /** In full. */
  readonly reason: string;
  readonly advice: string;
  /** It failed or was killed: more than an interruption. */
  readonly loud: boolean;
  /** The line of train.log that tells of it, counted from 1 where that is known; null where there is none, or not read yet. */
  readonly log: { readonly text: string; readonly line: number | null } | null;
}

/** The header's figures. */
export interface Figures {
  readonly step: number | null;
  /** The average of the loss, as the chart draws it. */
  readonly loss: Figure;
  /** Weight of the past in `loss`. */
  readonly lossSmoothing: number;
  /** The loss as it was last logged. */
  readonly lastLoss: Figure;
  /** What suits the number of points: what the chart smooths with until the user says otherwise. */
  readonly smoothing: number;
  /** Change of the loss a step, over so many of the newest points. */
  readonly slope: Figure;
  readonly slopePoints: number;
  /** The level that the loss has left and not come back to; null where it has not. */
  readonly diverged: { readonly lowest: number; readonly lowestStep: number } | null;
  readonly evalLoss: Figure;
  readonly bestEvalLoss: Figure;
  readonly bestEvalStep: number | null;
  readonly learningRate: Figure;
  readonly learningRatePhase: string | null;
  readonly tokensPerSecond: Figure;
  readonly stepsPerSecond: Figure;
  readonly gpuMemoryBytes: Figure;
  readonly etaSeconds: number | null;
  readonly nextStage: { readonly name: string; readonly seconds: number | null; readonly step: number } | null;
}

export interface AlertFacts {
  readonly kind: AlertKind;
  readonly step: number;
  /** Unix seconds; null where the metrics have no times. */
  readonly time: number | null;
  readonly title: string;
  readonly detail: string;
  readonly value: number | null;
  /** It still holds. */
  readonly present: boolean;
  /** The checkpoint from which a branch with a lower learning rate is proposed; null: none is. */
  readonly branchFrom: { readonly name: string; readonly path: string } | null;
}

/** A curve, in columns of equal length: x as Float64, the others as Float32. NaN is a gap. */
export interface Curve {
  /** Path of the run. */
  readonly run: string;
  readonly metric: string;
  readonly x: ArrayBuffer;
  readonly low: ArrayBuffer;
  readonly high: ArrayBuffer;
  /** The smoothed line; of a bucket its extremes. */
  readonly line: ArrayBuffer;
  /** What was logged at just this x, and the average there; empty where that is `low` and `line`, as each column is a point. */
  readonly value: ArrayBuffer;
  readonly average: ArrayBuffer;
  /** Points that two columns stand for; 1: each column is a point. */
  readonly bucket: number;
  /** Weight of the past in the line: 0 for what is drawn as logged, whatever was asked for. */
  readonly smoothing: number;
  /** Points in the window, and those of them that have no place on a logarithmic axis, or on any. */
  readonly inWindow: PointCounts;
  /** As it was last logged, and the line's newest value, whatever the window; NaN where the newest point is none. */
  readonly newest: Figure;
  readonly last: Figure;
}

/** Everything but the curves; comes once, after `ready` or `focus`, and again when the page becomes visible. */
export interface SnapshotMessage {
  readonly type: 'snapshot';
  readonly run: RunFacts;
  readonly runs: readonly RunSummary[];
  readonly metrics: readonly string[];
  readonly figures: Figures;
  readonly alerts: readonly AlertFacts[];
  /** Where the alerts' run has wall times; without them that axis is not offered. */
  readonly hasTimes: boolean;
  /** What the run uses of this machine's GPUs at this moment; null where that cannot be told, or no longer. */
  readonly gpus: GpuUse | null;
  /** False in an untrusted workspace: nothing may be started from there. */
  readonly canTrain: boolean;
}

/** The workspace changed: states, checkpoints, runs. */
export interface ModelMessage {
  readonly type: 'model';
  readonly run: RunFacts;
  readonly runs: readonly RunSummary[];
  readonly canTrain: boolean;
}

/** New metrics came in; `metrics` and `alerts` only when they changed. */
export interface FiguresMessage {
  readonly type: 'figures';
  readonly figures: Figures;
  readonly hasTimes: boolean;
  readonly metrics?: readonly string[];
  readonly alerts?: readonly AlertFacts[];
}

/** What the run uses of this machine's GPUs has changed. */
export interface GpusMessage {
  readonly type: 'gpus';
  readonly use: GpuUse | null;
}

/** Draw these runs over the one that is shown, too. */
export interface OverlayMessage {
  readonly type: 'overlay';
  /** Paths. */
  readonly runs: readonly string[];
}

/** Runs whose folders got other names: what the page has under the one path is at the other now. Comes before what has them so. */
export interface RenamedMessage {
  readonly type: 'renamed';
  readonly runs: readonly { readonly from: string; readonly to: string }[];
}

/** The answer to `watch`: the curves asked for, whole. Comes again for those of them whose past changed. */
export interface CurvesMessage {
  readonly type: 'curves';
  readonly request: number;
  readonly curves: readonly Curve[];
}

/** Points to append to curves of that request. */
export interface PointsMessage {
  readonly type: 'points';
  readonly request: number;
  readonly curves: readonly Curve[];
}

/** The answer to `compare`: how the configuration of another run differs from this one's. */
export interface DifferenceMessage {
  readonly type: 'difference';
  readonly request: number;
  readonly other: string;
  /** Names of the earlier run and of the later one, which was made from it or after it. */
  readonly from: string;
  readonly to: string;
  /** Names of those of the two whose configuration is not known; there are no rows then. */
  readonly unknown: readonly string[];
  readonly rows: readonly { readonly name: string; readonly before: string | null; readonly after: string | null }[];
}

/** The run's folder is not (or no longer) in the workspace. */
export interface MissingMessage {
  readonly type: 'missing';
  readonly path: string;
  /** The workspace was not scanned yet: the run may still turn up. */
  readonly scanning: boolean;
}

export type HostMessage =
  | SnapshotMessage
  | ModelMessage
  | FiguresMessage
  | GpusMessage
  | OverlayMessage
  | RenamedMessage
  | CurvesMessage
  | PointsMessage
  | DifferenceMessage
  | MissingMessage;

/** A curve that the page shows. */
export interface WatchedCurve {
  readonly run: string;
  readonly metric: string;
  /** Weight of the past in the average, in [0, 1); the host draws no average of what is an evaluation, a schedule or sparse. */
  readonly smoothing: number;
  /** Pixels that it is drawn on. */
  readonly width: number;
}

/** The curves that the page shows from now on, and the window of all of them. */
export interface WatchMessage {
  readonly type: 'watch';
  readonly request: number;
  readonly axis: XAxis;
  /** Inclusive, in the axis's unit; null: everything. */
  readonly range: readonly [number, number] | null;
  /** What the user averages the loss with; null: as suits the number of points. */
  readonly smoothing: number | null;
  readonly curves: readonly WatchedCurve[];
}

export const RUN_COMMANDS = [
  'stop',
  'resume',
  'extend',
  'validate',
  'branch',
  'branchWithLowerRate',
  'log',
  'terminal',
] as const;
export type RunCommand = (typeof RUN_COMMANDS)[number];

/** A button: act on the run or checkpoint at `path`. */
export interface ActMessage {
  readonly type: 'act';
  readonly command: RunCommand;
  readonly path: string;
}

/** Make the dashboard about another run. */
export interface FocusMessage {
  readonly type: 'focus';
  readonly run: string;
}

/** Tell how another run's configuration differs. */
export interface CompareMessage {
  readonly type: 'compare';
  readonly request: number;
  readonly other: string;
}

/** Save a picture that the page drew (PNG as base64, SVG as text), or every point of a metric as CSV, where the user says. */
export type SaveMessage =
  | { readonly type: 'save'; readonly format: 'png' | 'svg'; readonly name: string; readonly content: string }
  | {
      readonly type: 'save';
      readonly format: 'csv';
      readonly name: string;
      readonly metric: string;
      readonly runs: readonly string[];
    };

export type PageMessage =
  ReadyMessage | WatchMessage | ActMessage | FocusMessage | CompareMessage | SaveMessage | ReportMessage;

// --- what is checked --------------------------------------------------------------------------------------------------

const LONGEST_PICTURE = 64 << 20;
/** Curves that a page may show at a time. */
export const MOST_CURVES = 512;

const figure: Shape<Figure> = nullable(either(number(), word('NaN', 'Infinity', '-Infinity')));

const summaryFields = {
  path: name,
  name,
  state: word(...RUN_STATES),
  step: number(),
  maxSteps: nullable(number()),
  stage: nullable(text()),
  loss: figure,
  parentPath: nullable(name),
  parentName: nullable(text()),
  origin: number(),
  configuration: nullable(count),
};

const runSummary = object<RunSummary>(summaryFields);

const shownCheckpoint = object<ShownCheckpoint>({
  name,
  path: name,
  step: number(),
  time: number(),
  state: word(...CHECKPOINT_STATES),
  stage: nullable(text()),
  loss: figure,
  evalLoss: figure,
  bytes: number(0),
  best: flag,
  pinned: flag,
});

const runFacts = object<RunFacts>({
  ...summaryFields,
  subtitle: text(),
  created: number(),
  curriculum: nullable(list(stage)),
  stageTimes: list(nullable(number())),
  checkpoints: list(shownCheckpoint),
  ending: nullable(
    object<Ending>({
      title: text(),
      reason: text(LONGEST_PICTURE),
      advice: text(),
      loud: flag,
      log: nullable(object({ text: text(LONGEST_PICTURE), line: nullable(number(1)) })),
    }),
  ),
  stopping: nullable(object({ since: number(), saves: flag })),
});

const figures = object<Figures>({
  step: nullable(number()),
  loss: figure,
  lossSmoothing: number(0, 1),
  lastLoss: figure,
  smoothing: number(0, 1),
  slope: figure,
  slopePoints: number(0),
  diverged: nullable(object<NonNullable<Figures['diverged']>>({ lowest: number(), lowestStep: number() })),
  evalLoss: figure,
  bestEvalLoss: figure,
  bestEvalStep: nullable(number()),
  learningRate: figure,
  learningRatePhase: nullable(text()),
  tokensPerSecond: figure,
  stepsPerSecond: figure,
  gpuMemoryBytes: figure,
  etaSeconds: nullable(number()),
  nextStage: nullable(
    object<NonNullable<Figures['nextStage']>>({ name: text(), seconds: nullable(number()), step: number() }),
  ),
});

const gpuUse = nullable(
  object<GpuUse>({
    names: list(text()),
    usedBytes: nullable(number(0)),
    memoryBytes: nullable(number(0)),
    utilisation: nullable(number(0, 1)),
  }),
);

const alertFacts = object<AlertFacts>({
  kind: word(...ALERT_KINDS),
  step: number(),
  time: nullable(number()),
  title: text(),
  detail: text(),
  value: nullable(number()),
  present: flag,
  branchFrom: nullable(object({ name, path: name })),
});

const curve = object<Curve>({
  run: name,
  metric: name,
  x: bytes,
  low: bytes,
  high: bytes,
  line: bytes,
  value: bytes,
  average: bytes,
  bucket: number(1),
  smoothing: number(0, 1),
  inWindow: object<PointCounts>({ points: number(0), notPositive: number(0), notFinite: number(0) }),
  newest: figure,
  last: figure,
});

const type = <T extends string>(wanted: T): Shape<T> => word(wanted);

const hostMessage = message<HostMessage>({
  snapshot: object({
    type: type('snapshot'),
    run: runFacts,
    runs: list(runSummary),
    metrics: list(name),
    figures,
    alerts: list(alertFacts),
    hasTimes: flag,
    gpus: gpuUse,
    canTrain: flag,
  }),
  model: object({ type: type('model'), run: runFacts, runs: list(runSummary), canTrain: flag }),
  figures: object<FiguresMessage>({
    type: type('figures'),
    figures,
    hasTimes: flag,
    metrics: optional(list(name)),
    alerts: optional(list(alertFacts)),
  }),
  gpus: object<GpusMessage>({ type: type('gpus'), use: gpuUse }),
  overlay: object<OverlayMessage>({ type: type('overlay'), runs: list(name) }),
  renamed: object<RenamedMessage>({ type: type('renamed'), runs: list(object({ from: name, to: name })) }),
  curves: object({ type: type('curves'), request: count, curves: list(curve, MOST_CURVES) }),
  points: object({ type: type('points'), request: count, curves: list(curve, MOST_CURVES) }),
  difference: object({
    type: type('difference'),
    request: count,
    other: name,
    from: name,
    to: name,
    unknown: list(name),
    rows: list(object({ name, before: nullable(text(LONGEST_PICTURE)), after: nullable(text(LONGEST_PICTURE)) })),
  }),
  missing: object({ type: type('missing'), path: name, scanning: flag }),
});

const watchedCurve = object<WatchedCurve>({
  run: name,
  metric: name,
  smoothing: number(0, 0.9999),
  width: number(1, 16384),
});

const savedName = text(200, 1);

const save: Shape<SaveMessage> = either(
  object({
    type: type('save'),
    format: word('png', 'svg'),
    name: savedName,
    content: text(LONGEST_PICTURE, 1),
  }),
  object({
    type: type('save'),
    format: type('csv'),
    name: savedName,
    metric: name,
    runs: list(name, MOST_CURVES),
  }),
);

const pageMessage = message<PageMessage>({
  ready: readyMessage,
  watch: object({
    type: type('watch'),
    request: count,
    axis: word(...X_AXES),
    range: nullable(range),
    smoothing: nullable(number(0, 0.9999)),
    curves: list(watchedCurve, MOST_CURVES),
  }),
  act: object({ type: type('act'), command: word(...RUN_COMMANDS), path: name }),
  focus: object({ type: type('focus'), run: name }),
  compare: object({ type: type('compare'), request: count, other: name }),
  save,
  report: reportMessage,
});

/** What the page may be sent, checked. */
export const parseHostMessage = parser(hostMessage);
/** What the page may send, checked. */
export const parsePageMessage = parser(pageMessage);
