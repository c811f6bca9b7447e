/** What the page knows (from the host) and how the user looks at it (kept over a reload). */
import { LOSS } from '../../src/core/metrics/catalogue';
import type { XAxis } from '../../src/core/metrics/trace';
import type { GpuUse } from '../../src/core/training/gpus/gpuUse';
import type {
  AlertFacts,
  DifferenceMessage,
  Figures,
  HostMessage,
  RenamedMessage,
  RunFacts,
  RunSummary,
} from '../../src/protocol/dashboard';

/** How the user looks at it; `range` is in the axis's unit, null follows the run. */
export interface Look {
  run: string;
  metric: string;
  axis: XAxis;
  /** 0…100 on the slider, see `smoothingOf`; null: as suits the number of points. */
  smooth: number | null;
  logY: boolean;
  /** The area between the lowest and highest points is drawn. */
  spread: boolean;
  clip: boolean;
  range: [number, number] | null;
  /** Paths of the runs drawn over the focused one. */
  overlay: string[];
  /** Path of the run whose configuration is compared; null: the parent, or the first overlaid. */
  compare: string | null;
  /** Prefixes of metric groups that are unfolded. */
  unfolded: string[];
}

export interface Known {
  run: RunFacts;
  runs: readonly RunSummary[];
  metrics: readonly string[];
  figures: Figures;
  /** Null where that cannot be told. */
  gpus: GpuUse | null;
  alerts: readonly AlertFacts[];
  hasTimes: boolean;
  canTrain: boolean;
  difference: DifferenceMessage | null;
}

function startLook(): Look {
  return {
    run: '',
    metric: LOSS,
    axis: 'step',
    smooth: null,
    logY: true,
    spread: true,
    clip: false,
    range: null,
    overlay: [],
    compare: null,
    unfolded: [],
  };
}

/** Weight of the past for a place on the slider: 0 at 0, 0.9 at 33, 0.99 at 67, 0.999 at 100, so that each stretch smooths as much more. */
export function smoothingOf(place: number): number {
  return place <= 0 ? 0 : 1 - 10 ** (-place / (100 / 3));
}

/** The place on the slider for a weight: the inverse of `smoothingOf`. */
export function placeOfSmoothing(smoothing: number): number {
  return smoothing <= 0 ? 0 : Math.min(100, Math.round(-Math.log10(1 - smoothing) * (100 / 3)));
}

/** The kept state, taken field by field: an older version may have written it. */
export function restoreLook(saved: unknown): Look {
  const look = startLook();
  if (typeof saved !== 'object' || saved === null) return look;
  const from = saved as Readonly<Record<string, unknown>>;
  const texts = (value: unknown): string[] | undefined =>
    Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
  if (typeof from['run'] === 'string') look.run = from['run'];
  if (typeof from['metric'] === 'string') look.metric = from['metric'];
  if (from['axis'] === 'relative' || from['axis'] === 'time') look.axis = from['axis'];
  if (typeof from['smooth'] === 'number') look.smooth = Math.max(0, Math.min(100, from['smooth']));
  for (const key of ['logY', 'spread', 'clip'] as const) if (typeof from[key] === 'boolean') look[key] = from[key];
  const range = from['range'];
  if (Array.isArray(range) && typeof range[0] === 'number' && typeof range[1] === 'number' && range[0] < range[1]) {
    look.range = [range[0], range[1]];
  }
  look.overlay = texts(from['overlay']) ?? [];
  if (typeof from['compare'] === 'string') look.compare = from['compare'];
  look.unfolded = texts(from['unfolded']) ?? [];
  return look;
}

/** The same look at runs whose folders got other names. @param runs old paths and new ones */
export function lookAtRenamed(look: Look, runs: RenamedMessage['runs']): Look {
  const places = new Map(runs.map(({ from, to }) => [from, to]));
  const now = (path: string): string => places.get(path) ?? path;
  return {
    ...look,
    run: now(look.run),
    overlay: [...new Set(look.overlay.map(now))],
    compare: look.compare === null ? null : now(look.compare),
  };
}

/** What the page knows after a message; unchanged for those that bring curves. */
export function learn(known: Known | undefined, message: HostMessage): Known | undefined {
  switch (message.type) {
    case 'snapshot': {
      const { run, runs, metrics, figures, gpus, alerts, hasTimes, canTrain } = message;
      const difference = known?.run.path === run.path ? known.difference : null;
      return { run, runs, metrics, figures, gpus, alerts, hasTimes, canTrain, difference };
    }
    case 'model':
      return known && { ...known, run: message.run, runs: message.runs, canTrain: message.canTrain };
    case 'figures':
      return (
        known && {
          ...known,
          figures: message.figures,
          hasTimes: message.hasTimes,
          metrics: message.metrics ?? known.metrics,
          alerts: message.alerts ?? known.alerts,
        }
      );
    case 'gpus':
      return known && { ...known, gpus: message.use };
    case 'difference':
      return known && { ...known, difference: message };
    case 'missing':
      return undefined;
    case 'overlay':
    case 'renamed':
    case 'curves':
    case 'points':
      return known;
  }
}
