/** Zooming and panning a chart: drag, wheel, shift-drag, double click, and all of it from the keyboard. */
import type uPlot from 'uplot';

export interface ChartWindow {
  /** What is shown. */
  domain(): [number, number];
  /** The most that there is to show. */
  full(): [number, number];
  /** Shows this; null: everything, following the run. */
  show(range: [number, number] | null): void;
}

/** At most 200 times closer than everything. */
const CLOSEST = 200;

function clamped(range: [number, number], view: ChartWindow): [number, number] {
  const [start, end] = view.full();
  const whole = end - start;
  let width = range[1] - range[0];
  if (width >= whole) return [start, end];
  width = Math.max(width, whole / CLOSEST);
  const middle = (range[0] + range[1]) / 2;
  const from = Math.min(Math.max(middle - width / 2, start), end - width);
  return [from, from + width];
}

/** Zooms by `factor` (< 1: closer) around `centre`. */
export function zoom(view: ChartWindow, factor: number, centre: number): void {
  const [from, until] = view.domain();
  view.show(clamped([centre - (centre - from) * factor, centre + (until - centre) * factor], view));
}

/** Moves by a share of what is shown. */
function pan(view: ChartWindow, share: number): void {
  const [from, until] = view.domain();
  const by = (until - from) * share;
  view.show(clamped([from + by, until + by], view));
}

/** The keys of a chart; true when the key was one. */
export function chartKey(event: KeyboardEvent, view: ChartWindow): boolean {
  const [from, until] = view.domain();
  const centre = (from + until) / 2;
  switch (event.key) {
    case 'ArrowLeft':
      pan(view, event.shiftKey ? -0.5 : -0.1);
      return true;
    case 'ArrowRight':
      pan(view, event.shiftKey ? 0.5 : 0.1);
      return true;
    case 'ArrowUp':
    case '+':
    case '=':
      zoom(view, 0.8, centre);
      return true;
    case 'ArrowDown':
    case '-':
      zoom(view, 1.25, centre);
      return true;
    case 'Home':
    case '0':
    case 'Escape':
      if (event.key === 'Escape' && from <= view.full()[0] && until >= view.full()[1]) return false;
      view.show(null);
      return true;
    default:
      return false;
  }
}

/**
 * uPlot's cursor options that make a chart zoom the view of all charts.
 *
 * @param logged the place nearest to another at which something was logged: the cross-hair stands nowhere else
 */
export function zoomingCursor(view: ChartWindow, syncKey: string, logged: (place: number) => number): uPlot.Cursor {
  return {
    move: (u, left, top) => {
      // A stretch that is dragged begins and ends where the pointer does.
      const dragging = (u.cursor.event?.buttons ?? 0) > 0;
      if (left < 0 || dragging) return [left, top];
      return [Math.max(0, Math.min(u.over.clientWidth, u.valToPos(logged(u.posToVal(left, 'x')), 'x'))), top];
    },
    drag: { x: true, y: false, setScale: false, dist: 4 },
    points: { size: 6 },
    sync: { key: syncKey, scales: ['x', null], setSeries: false },
    bind: {
      mousedown: (u, target, handler) => (event: MouseEvent) => {
        if (event.button !== 0 || event.target !== target) return null;
        if (!event.shiftKey) return handler(event);
        startPan(u, event, view);
        return null;
      },
      dblclick: () => () => {
        view.show(null);
        return null;
      },
    },
  };
}

function startPan(u: uPlot, start: MouseEvent, view: ChartWindow): void {
  const [from, until] = view.domain();
  const perPixel = (until - from) / u.over.clientWidth;
  const move = (event: MouseEvent): void => {
    const by = (start.clientX - event.clientX) * perPixel;
    view.show(clamped([from + by, until + by], view));
  };
  const stop = (): void => {
    document.removeEventListener('mousemove', move);
    document.removeEventListener('mouseup', stop);
  };
  document.addEventListener('mousemove', move);
  document.addEventListener('mouseup', stop);
}

/** Hooks that a chart needs for the rest: the dragged selection, and the wheel. */
export function zoomingHooks(view: ChartWindow): uPlot.Hooks.Arrays {
  return {
    ready: [
      (u) => {
        u.over.addEventListener(
          'wheel',
          (event) => {
            const out = event.deltaY > 0;
            const [from, until] = view.domain();
            const [start, end] = view.full();
            // With everything shown, scrolling on is for the page.
            if (event.deltaY === 0 || (out && until - from >= (end - start) * 0.999)) return;
            event.preventDefault();
            zoom(view, 1.0015 ** Math.max(-200, Math.min(200, event.deltaY)), u.posToVal(event.offsetX, 'x'));
          },
          { passive: false },
        );
      },
    ],
    setSelect: [
      (u) => {
        const { left, width } = u.select;
        if (width < 4) return;
        const range: [number, number] = [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')];
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        view.show(clamped(range, view));
      },
    ],
  };
}
