/**
 * Every message between the extension host and its pages, the dashboard's first. The page gets one snapshot, then increments, only while it
 * is visible. Series travel as ArrayBuffers of their own (a typed-array view would ship the whole buffer behind it, and JSON
 * turns NaN into null); the host checks whatever the page sends with `parsePageMessage`.
 */
import type { Stage } from '../core/curriculum/curriculum';
import type { CheckpointState, RunState } from '../core/experiment/model';
import type { AlertKind } from '../core/metrics/alerts';
import type { XAxis } from '../core/metrics/trace';

/** A number as JSON can carry it; null: not known. */
export type Figure = number | 'NaN' | 'Infinity' | '-Infinity' | null;

export interface CheckpointFacts {
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
  readonly checkpoints: readonly CheckpointFacts[];
  /** One line on how the last segment ended badly; null otherwise. */
  readonly error: string | null;
}

/** The header's figures. */
export interface Figures {
  readonly step: number | null;
  readonly loss: Figure;
  /** Weight of the past in `loss`; what the chart smooths with until the user says otherwise. */
  readonly smoothing: number;
  /** Change of the loss a step, over the newest points. */
  readonly slope: Figure;
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
}

/** A curve, in columns of equal length: x as Float64, the others as Float32. NaN is a gap. */
export interface Curve {
  /** Path of the run. */
  readonly run: string;
  readonly metric: string;
  readonly x: ArrayBuffer;
  readonly low: ArrayBuffer;
  readonly high: ArrayBuffer;
  /** The smoothed line. */
  readonly line: ArrayBuffer;
  /** The line's newest value, whatever the window; NaN where the newest point is none. */
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

/** The curves asked for with `watch`, whole; those of an older request than the last are to be ignored. */
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

/** How the configuration of another run differs from this one's. */
export interface DifferenceMessage {
  readonly type: 'difference';
  readonly other: string;
  readonly rows: readonly { readonly name: string; readonly here: string | null; readonly there: string | null }[];
}

/** The run's folder is not (or no longer) in the workspace. */
export interface MissingMessage {
  readonly type: 'missing';
  readonly path: string;
  /** The workspace was not scanned yet: the run may still turn up. */
  readonly scanning: boolean;
}

export type HostMessage =
  SnapshotMessage | ModelMessage | FiguresMessage | CurvesMessage | PointsMessage | DifferenceMessage | MissingMessage;

/** The page listens and wants its snapshot. */
export interface ReadyMessage {
  readonly type: 'ready';
}

/** A curve that the page shows. */
export interface WatchedCurve {
  readonly run: string;
  readonly metric: string;
  /** Weight of the past in the average, in [0, 1). */
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
  readonly curves: readonly WatchedCurve[];
}

export const RUN_COMMANDS = ['stop', 'resume', 'extend', 'validate', 'branch'] as const;
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

/** Something in the page went wrong; for the log. */
export interface ReportMessage {
  readonly type: 'report';
  readonly message: string;
}

export type PageMessage =
  ReadyMessage | WatchMessage | ActMessage | FocusMessage | CompareMessage | SaveMessage | ReportMessage;

// --- the probe's page -------------------------------------------------------------------------------------------------

/** What one layer gave at one checkpoint; null where that is not known, or not finite. */
export interface ProbedLayerFacts {
  readonly layer: number;
  /** Of the gate's first rank. */
  readonly similarity: number | null;
  readonly vANorm: number | null;
  readonly vBNorm: number | null;
  readonly effectiveRank: number | null;
  readonly drift: number | null;
  /** Outputs that are NaN or infinite, in all projections and ranks. */
  readonly nonFinite: number;
}

export interface ProbedCheckpointFacts {
  readonly name: string;
  readonly step: number;
  readonly stage: string | null;
  /** Why it was not run, in one line; null where it was. */
  readonly problem: string | null;
  readonly layers: readonly ProbedLayerFacts[];
}

/** What the probe of a run found; whole. */
export interface ProbeMessage {
  readonly type: 'probe';
  /** Path of the run. */
  readonly run: string;
  readonly name: string;
  /** Unix seconds. */
  readonly time: number;
  readonly stages: readonly Stage[];
  /** What the components were run on; null where none was. */
  readonly input: 'probe.pt' | 'fixed' | 'both' | null;
  readonly tokens: number;
  /** Largest difference between a similarity and the trainer's own at that checkpoint; null where it logged none. */
  readonly largestDifference: number | null;
  /** Ascending by step. */
  readonly checkpoints: readonly ProbedCheckpointFacts[];
}

/** Which run the page is about, and how many of its complete checkpoints the last probe did not have. */
export interface ProbeNewsMessage {
  readonly type: 'news';
  readonly run: string;
  readonly name: string;
  readonly newer: number;
}

export type ProbeHostMessage = ProbeMessage | ProbeNewsMessage;

/** Probe the run again. */
export interface ProbeAgainMessage {
  readonly type: 'again';
}

export type ProbePageMessage = ReadyMessage | ProbeAgainMessage | ReportMessage;

/** As parsePageMessage, for the probe's page. */
export function parseProbePageMessage(raw: unknown): ProbePageMessage | undefined {
  if (!isFields(raw)) return undefined;
  switch (raw['type']) {
    case 'ready':
      return { type: 'ready' };
    case 'again':
      return { type: 'again' };
    case 'report':
      return isText(raw['message']) ? { type: 'report', message: raw['message'] } : undefined;
    default:
      return undefined;
  }
}

// --- what is checked --------------------------------------------------------------------------------------------------

const LONGEST_TEXT = 4096;
const LONGEST_PICTURE = 64 << 20;
const MOST_CURVES = 512;

type Fields = Readonly<Record<string, unknown>>;

function isText(value: unknown, longest = LONGEST_TEXT): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longest;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumberIn(value: unknown, low: number, high: number): value is number {
  return typeof value === 'number' && value >= low && value <= high;
}

function isRange(value: unknown): value is [number, number] | null {
  if (value === null) return true;
  if (!Array.isArray(value) || value.length !== 2) return false;
  return Number.isFinite(value[0]) && Number.isFinite(value[1]) && (value[0] as number) < (value[1] as number);
}

function watchedCurve(value: unknown): WatchedCurve | undefined {
  if (!isFields(value) || !isText(value['run']) || !isText(value['metric'])) return undefined;
  if (!isNumberIn(value['smoothing'], 0, 0.9999) || !isNumberIn(value['width'], 1, 16384)) return undefined;
  return { run: value['run'], metric: value['metric'], smoothing: value['smoothing'], width: value['width'] };
}

/** The message, checked and copied field by field; undefined for anything that is none. */
export function parsePageMessage(raw: unknown): PageMessage | undefined {
  if (!isFields(raw)) return undefined;
  switch (raw['type']) {
    case 'ready':
      return { type: 'ready' };
    case 'watch': {
      const { request, axis, range, curves } = raw;
      if (!isNumberIn(request, 0, Number.MAX_SAFE_INTEGER) || !isRange(range)) return undefined;
      if (axis !== 'step' && axis !== 'relative' && axis !== 'time') return undefined;
      if (!Array.isArray(curves) || curves.length > MOST_CURVES) return undefined;
      const checked = curves.map(watchedCurve);
      if (!checked.every((curve) => curve !== undefined)) return undefined;
      return { type: 'watch', request, axis, range: range === null ? null : [range[0], range[1]], curves: checked };
    }
    case 'act': {
      const command = RUN_COMMANDS.find((known) => known === raw['command']);
      if (command === undefined || !isText(raw['path'])) return undefined;
      return { type: 'act', command, path: raw['path'] };
    }
    case 'focus':
      return isText(raw['run']) ? { type: 'focus', run: raw['run'] } : undefined;
    case 'compare':
      return isText(raw['other']) ? { type: 'compare', other: raw['other'] } : undefined;
    case 'save': {
      const { format, name, content, metric, runs } = raw;
      if (!isText(name, 200)) return undefined;
      if ((format === 'png' || format === 'svg') && isText(content, LONGEST_PICTURE))
        return { type: 'save', format, name, content };
      if (format !== 'csv' || !isText(metric) || !Array.isArray(runs) || runs.length > MOST_CURVES) return undefined;
      return runs.every((run) => isText(run)) ? { type: 'save', format, name, metric, runs } : undefined;
    }
    case 'report':
      return isText(raw['message']) ? { type: 'report', message: raw['message'] } : undefined;
    default:
      return undefined;
  }
}
