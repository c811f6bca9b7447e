/** What the parts of the page share: what is known, how it is looked at, and the ways to change that. */
import type { RunCommand } from '../../src/protocol/dashboard';
import type { StageStretch } from '../charts/stages';
import type { CurveStore } from './curves';
import type { Known, Look } from './state';
import type { Theme } from '../ui/theme';

export interface App {
  readonly known: Known;
  readonly look: Readonly<Look>;
  readonly curves: CurveStore;
  readonly theme: Theme;
  /** Changes how the user looks at it: kept, shown, and asked of the host where that needs other curves. */
  change(patch: Partial<Look>): void;
  act(command: RunCommand, path: string): void;
  focus(run: string): void;
}

/** A part of the page; `update` is called after anything changed and does only what is needed. */
export interface Part {
  readonly element: HTMLElement;
  update(app: App): void;
}

/** First and last x of the curves of these runs; [∞, −∞] where they have no points. */
function reach(app: App, paths: readonly string[]): [number, number] {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const path of paths) {
    const x = app.curves.of(path, app.look.metric)?.x;
    if (x === undefined || x.length === 0) continue;
    first = Math.min(first, x[0] as number);
    last = Math.max(last, x[x.length - 1] as number);
  }
  return [first, last];
}

/** What is shown while the user has not zoomed: the focused run, from its beginning to a little past its newest point. */
function followedDomain(app: App): [number, number] {
  const { known, look } = app;
  const [own, ownLast] = reach(app, [known.run.path]);
  const [first, last] = own <= ownLast ? [own, ownLast] : reach(app, look.overlay);
  if (look.axis === 'time') {
    if (first > last) return [known.run.created, known.run.created + 60];
    return [first, last + Math.max(1, (last - first) * 0.05)];
  }
  const shift = look.axis === 'relative' ? known.run.origin : 0;
  const newest = Math.max(last, (known.figures.step ?? known.run.step) - shift);
  const planned = known.run.maxSteps === null ? null : known.run.maxSteps - shift;
  // Some room ahead of a curve that moves, but none past the end of the plan.
  const ahead = Math.max(1, newest * 1.07);
  const end = planned !== null && planned >= newest ? Math.min(planned, ahead) : ahead;
  return [Math.min(0, first), newest <= 0 ? (planned ?? 100) : end];
}

/** Everything there is to show: every run's curve, and the whole plan. */
export function fullDomain(app: App): [number, number] {
  const { known, look } = app;
  const [from, until] = followedDomain(app);
  const [first, last] = reach(app, [known.run.path, ...look.overlay]);
  if (look.axis === 'time') return [Math.min(from, first), Math.max(until, last)];
  const shift = look.axis === 'relative' ? known.run.origin : 0;
  return [Math.min(from, first), Math.max(until, last, (known.run.maxSteps ?? 0) - shift)];
}

/** The window of every chart. */
export function domainOf(app: App): [number, number] {
  return app.look.range ?? followedDomain(app);
}

/** Where a step of the focused run is on the x axis; null where its time is not known. */
export function placeOf(app: App, step: number, time: number | null): number | null {
  if (app.look.axis === 'time') return time;
  return app.look.axis === 'relative' ? step - app.known.run.origin : step;
}

/** The step of the focused run at a place on the axis; null on an axis of times. */
export function stepAtPlace(app: App, place: number): number | null {
  if (app.look.axis === 'time') return null;
  return app.look.axis === 'relative' ? place + app.known.run.origin : place;
}

/** A run's place among the colours: the focused run's is 0. */
export function strokeOf(app: App, path: string): { readonly color: string; readonly dash: readonly number[] } {
  const { runs } = app.theme;
  const index = path === app.known.run.path ? 0 : app.look.overlay.indexOf(path) + 1;
  const others = runs.length - 1;
  return runs[index === 0 ? 0 : 1 + ((index - 1) % others)] ?? { color: app.theme.foreground, dash: [] };
}

/** The curriculum's stages on the x axis; on an axis of times only those that were entered. */
export function stageStretches(app: App): StageStretch[] {
  const { curriculum, stageTimes } = app.known.run;
  const found: StageStretch[] = [];
  (curriculum ?? []).forEach((stage, index) => {
    const from = placeOf(app, stage.from, index === 0 ? Number.NEGATIVE_INFINITY : (stageTimes[index] ?? null));
    if (from === null) return;
    const last = index === (curriculum?.length ?? 0) - 1;
    const until = last
      ? Number.POSITIVE_INFINITY
      : (placeOf(app, stage.until, stageTimes[index + 1] ?? null) ?? Number.POSITIVE_INFINITY);
    found.push({ name: stage.name, from, until });
  });
  return found;
}
