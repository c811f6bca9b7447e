/** The dashboard's page: puts its parts together, and passes on what the host says and the user does. */
import 'uplot/dist/uPlot.min.css';
import '../ui/page.css';
import '../charts/charts.css';
import './style.css';
import {
  MOST_CURVES,
  type AlertFacts,
  type CurvesMessage,
  type DifferenceMessage,
  type HostMessage,
  type PointsMessage,
} from '../../src/protocol/dashboard';
import { pageRoot } from '../page';
import { domainOf, fullDomain, placeOf, type App, type Part } from './app';
import { CurriculumBand } from './curriculumBand';
import type { ChartWindow } from './chart/gestures';
import { MainChart } from './chart/mainChart';
import { SmallCharts } from './chart/smallCharts';
import { CurveStore } from './curves';
import { pngOf, svgOf } from './export';
import { Failure } from './failure';
import { Header } from './header';
import { onHostMessage, questions, savedState, saveState, send } from './host';
import { Alerts } from './rail/alerts';
import { Difference } from './rail/difference';
import { Lineage } from './rail/lineage';
import { Runs } from './rail/runs';
import { learn, lookAtRenamed, restoreLook, smoothingOf, type Known, type Look } from './state';
import { FigureTable } from './table';
import { onThemeChange, readTheme, type Theme } from '../ui/theme';
import { Toolbar, type SaveAs } from './toolbar';
import { startControls } from '../ui/controls';
import { fill, h, icon } from '../ui/dom';
import { onceAFrame } from '../ui/frame';

class Dashboard {
  private look: Look = restoreLook(savedState());
  private known: Known | undefined;
  private readonly curves = new CurveStore();
  private theme: Theme = readTheme();
  private readonly root: HTMLElement;
  private asked = '';
  private asking: number | undefined;

  private readonly window: ChartWindow = {
    domain: () => (this.known === undefined ? [0, 1] : domainOf(this.app(this.known))),
    full: () => (this.known === undefined ? [0, 1] : fullDomain(this.app(this.known))),
    show: (range) => {
      this.change({ range });
    },
  };
  private readonly chart = new MainChart(this.window);
  private readonly small = new SmallCharts(this.window);
  private readonly parts: readonly Part[];
  private readonly page: HTMLElement;

  constructor(root: HTMLElement) {
    this.root = root;
    const header = new Header();
    const failure = new Failure();
    const band = new CurriculumBand(this.window);
    const toolbar = new Toolbar(
      (format) => {
        this.save(format);
      },
      () => {
        this.change({ range: null });
      },
    );
    const table = new FigureTable();
    const runs = new Runs();
    const lineage = new Lineage();
    const difference = new Difference((other) => {
      send({ type: 'compare', request: questions.ask('difference'), other });
    });
    const alerts = new Alerts((alert) => {
      this.jump(alert);
    });
    this.parts = [header, failure, band, toolbar, this.chart, table, this.small, runs, lineage, difference, alerts];
    this.page = h(
      'div',
      { class: 'page dashboard' },
      header.element,
      failure.element,
      band.element,
      h(
        'main',
        {},
        h('div', { class: 'charts' }, toolbar.element, this.chart.element, table.element, this.small.element),
        h(
          'aside',
          { 'aria-label': 'Runs and alerts' },
          runs.element,
          lineage.element,
          difference.element,
          alerts.element,
        ),
      ),
    );
  }

  start(): void {
    onHostMessage((message) => {
      this.take(message);
    });
    onThemeChange(() => {
      this.theme = readTheme();
      this.draw();
    });
    // Another width is another number of columns.
    window.addEventListener('resize', () => {
      this.draw();
    });
    send({ type: 'ready' });
  }

  private app(known: Known): App {
    return {
      known,
      look: this.look,
      curves: this.curves,
      theme: this.theme,
      change: (patch) => {
        this.change(patch);
      },
      act: (command, path) => {
        send({ type: 'act', command, path });
      },
      focus: (run) => {
        const overlay = [...this.look.overlay.filter((path) => path !== run), this.look.run];
        this.change({ overlay });
        send({ type: 'focus', run });
      },
    };
  }

  private take(message: HostMessage): void {
    if (
      isAnswer(message) &&
      !questions.awaits(message.type === 'difference' ? 'difference' : 'curves', message.request)
    )
      return;
    this.known = learn(this.known, message);
    switch (message.type) {
      case 'snapshot':
        this.settle(message.run.path);
        // The session may be a new one: it watches nothing yet.
        this.asked = '';
        break;
      case 'missing':
        fill(
          this.root,
          notice(
            message.scanning ? 'Looking for the run…' : 'This run is no longer in the workspace.',
            message.path,
            message.scanning,
          ),
        );
        return;
      case 'curves':
      case 'points':
        this.curves.take(message);
        break;
      case 'overlay':
        this.overlay(message.runs);
        break;
      case 'renamed':
        this.look = lookAtRenamed(this.look, message.runs);
        saveState(this.look);
        // They come again under the new paths, and so does what the rail has of them, with the next message.
        this.curves.clear();
        return;
      case 'model':
      case 'figures':
      case 'gpus':
      case 'difference':
        break;
    }
    this.draw();
  }

  /** Fits how the user looks at it to the run that it is about now. */
  private settle(run: string): void {
    if (this.known === undefined) return;
    if (this.look.run !== run) {
      this.curves.clear();
      this.look = { ...this.look, range: null, compare: null };
    }
    const there = new Set(this.known.runs.map((each) => each.path));
    const overlay = this.look.overlay.filter((path) => path !== run && there.has(path));
    // What it branched from is what one wants to see beside it.
    const parent = this.known.run.parentPath;
    const first = this.look.run !== run && overlay.length === 0 && parent !== null ? [parent] : [];
    const axis = this.look.axis === 'time' && !this.known.hasTimes ? 'step' : this.look.axis;
    this.look = { ...this.look, run, overlay: [...overlay, ...first], axis };
    saveState(this.look);
    if (this.page.parentElement !== this.root) fill(this.root, this.page);
  }

  private overlay(runs: readonly string[]): void {
    const there = new Set(this.known?.runs.map((each) => each.path));
    const overlay = new Set([
      ...this.look.overlay,
      ...runs.filter((path) => there.has(path) && path !== this.look.run),
    ]);
    this.change({ overlay: [...overlay] });
  }

  private change(patch: Partial<Look>): void {
    this.look = { ...this.look, ...patch };
    saveState(this.look);
    this.draw();
  }

  /** Draws once a frame, however much changed. */
  private readonly draw = onceAFrame(() => {
    const { known } = this;
    if (known === undefined) return;
    const app = this.app(known);
    for (const part of this.parts) part.update(app);
    this.ask(app);
  });

  /** Asks the host for the curves that are shown now, where they are not the ones it was asked for last. */
  private ask(app: App): void {
    const { look } = this;
    const width = this.chart.width;
    const run = app.known.run.path;
    const smoothing = look.smooth === null ? app.known.figures.smoothing : smoothingOf(look.smooth);
    const shown = [
      ...[run, ...look.overlay].map((path) => ({ run: path, metric: look.metric, smoothing, width })),
      ...this.small.watched.map((each) => ({
        run,
        metric: each.metric,
        smoothing: each.smoothed ? smoothing : 0,
        width: each.width,
      })),
    ];
    // The protocol's limit; what is beyond it stays empty.
    const chosen = look.smooth === null ? null : smoothing;
    const request = { axis: look.axis, range: look.range, smoothing: chosen, curves: shown.slice(0, MOST_CURVES) };
    const asked = JSON.stringify(request);
    if (asked === this.asked) return;
    this.asked = asked;
    clearTimeout(this.asking);
    // While a wheel turns or a handle is dragged, one question every few frames is enough.
    this.asking = window.setTimeout(() => {
      send({ type: 'watch', request: questions.ask('curves'), ...request });
    }, 30);
  }

  private jump(alert: AlertFacts): void {
    const { known } = this;
    if (known === undefined) return;
    const app = this.app(known);
    const place = placeOf(app, alert.step, alert.time);
    if (place === null) return;
    const [from, until] = fullDomain(app);
    const half = (until - from) * 0.06;
    const start = Math.max(from, Math.min(place - half, until - 2 * half));
    this.change({ range: [start, start + 2 * half] });
    this.chart.element.scrollIntoView({ block: 'nearest' });
  }

  private save(format: SaveAs): void {
    const { known, look } = this;
    if (known === undefined) return;
    const name = `${known.run.name}-${look.metric}`;
    if (format === 'csv') {
      send({ type: 'save', format, name, metric: look.metric, runs: [known.run.path, ...look.overlay] });
      return;
    }
    const { canvas } = this.chart;
    const app = this.app(known);
    if (format === 'svg') send({ type: 'save', format, name, content: svgOf(app) });
    else if (canvas !== undefined) send({ type: 'save', format, name, content: pngOf(canvas, app) });
  }
}

function isAnswer(message: HostMessage): message is CurvesMessage | PointsMessage | DifferenceMessage {
  return message.type === 'curves' || message.type === 'points' || message.type === 'difference';
}

function notice(title: string, detail: string, busy: boolean): HTMLElement {
  return h(
    'div',
    { class: 'notice', role: 'status' },
    icon(busy ? 'loading codicon-modifier-spin' : 'search'),
    h('h1', {}, title),
    h('p', { class: 'dim' }, detail),
  );
}

startControls();
new Dashboard(pageRoot()).start();
