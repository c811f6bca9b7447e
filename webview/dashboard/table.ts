/** The large chart's figures as a table, for those who do not see the chart. */
import { formatCount, formatValue } from '../../src/core/format';
import { domainOf, stageStretches, type App, type Part } from './app';
import { loggedNear, nearestAt } from './curves';
import { averageWords } from './figureWords';
import { capital } from '../ui/figures';
import { fill, h } from '../ui/dom';

const ROWS = 20;
/** Rebuilt at most this often: a screen reader in it must not lose its place all the time. */
const EVERY_MS = 5000;

export class FigureTable implements Part {
  readonly element = h('div', { class: 'for-screen-readers' });
  private built = 0;
  private looked = '';

  update(app: App): void {
    const looked = JSON.stringify(app.look) + app.known.run.path;
    const now = Date.now();
    if (looked === this.looked && now - this.built < EVERY_MS) return;
    const { known, look, curves } = app;
    const paths = [known.run.path, ...look.overlay].filter((path) => (curves.of(path, look.metric)?.x.length ?? 0) > 0);
    if (paths.length === 0) {
      fill(this.element);
      return;
    }
    this.looked = looked;
    this.built = now;
    const [from, until] = domainOf(app);
    // Rows stand where something was logged.
    const along = curves.of(paths[0] as string, look.metric);
    const wanted = Array.from({ length: ROWS + 1 }, (_, index) => from + ((until - from) * index) / ROWS);
    const places = [...new Set(wanted.map((place) => along?.x[nearestAt(along.x, place)] ?? place))].filter(
      (place) => place >= from && place <= until,
    );
    const names = paths.map((path) => known.runs.find((run) => run.path === path)?.name ?? path);
    const stages = stageStretches(app);
    const rows = places.flatMap((place) => {
      const values = paths.map((path) => {
        const curve = curves.of(path, look.metric);
        return (curve === undefined ? undefined : loggedNear(curve, place)?.average) ?? Number.NaN;
      });
      if (values.every(Number.isNaN)) return [];
      const at = look.axis === 'time' ? new Date(place * 1000).toLocaleString() : formatCount(place);
      const stage = stages.find((each) => place >= each.from && place < each.until)?.name ?? '';
      return [
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, at),
          h('td', {}, stage),
          ...values.map((value) => h('td', {}, Number.isNaN(value) ? 'none' : formatValue(value))),
        ),
      ];
    });
    fill(
      this.element,
      h(
        'table',
        {},
        h('caption', {}, `${capital(look.metric)}, ${averageWords(along?.smoothing ?? 0)}`),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ...[look.axis === 'time' ? 'Time' : 'Step', 'Stage', ...names].map((name) =>
              h('th', { scope: 'col' }, name),
            ),
          ),
        ),
        h('tbody', {}, ...rows),
      ),
    );
  }
}
