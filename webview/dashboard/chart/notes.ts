/** What a chart says beside its curves: what its axes count, and what it cannot show. */
import { formatCount } from '../../../src/core/format';
import { unitText } from '../../../src/core/metrics/catalogue';
import type { PointCounts, XAxis } from '../../../src/core/metrics/trace';
import { button } from '../../ui/controls';
import { h, setText, setTitle } from '../../ui/dom';
import type { App, Part } from '../app';

const AXES: Readonly<Record<XAxis, string>> = {
  step: 'step',
  relative: 'steps since the run’s own start',
  time: 'wall time',
};

export function axisWords(axis: XAxis): string {
  return AXES[axis];
}

/** A metric, its unit, and the scale where that is no linear one. */
export function metricWords(metric: string, log: boolean): string {
  const unit = unitText(metric);
  return `${metric}${unit === '' ? '' : `, ${unit}`}${log ? ', log scale' : ''}`;
}

/** One line on the points in the window that have no place in the chart; nothing where every point has one. */
export class MissingNote implements Part {
  readonly element: HTMLElement;
  private readonly text = h('span');
  private app: App | undefined;
  private readonly linear = button('Linear axis', () => this.app?.change({ logY: false }), {
    title: 'Show them: a linear axis has a place for every number',
  });

  constructor() {
    this.element = h('div', { class: 'missing', role: 'status', hidden: true }, this.text, this.linear.element);
  }

  update(app: App): void {
    this.app = app;
    const { known, look, curves } = app;
    const found = [known.run.path, ...look.overlay].flatMap((path) => {
      const counts = curves.of(path, look.metric)?.inWindow;
      const name = known.runs.find((run) => run.path === path)?.name ?? path;
      return counts === undefined ? [] : [{ name, counts }];
    });
    const off = (counts: PointCounts): number => (look.logY ? counts.notPositive : 0);
    const gaps = (counts: PointCounts): number => counts.notFinite;
    const words = [
      sentence(found, off, 'zero or negative: a log axis has no place for them.'),
      sentence(found, gaps, 'NaN or infinite: the line has a gap there.'),
    ].filter((each) => each !== null);
    this.element.hidden = words.length === 0;
    this.linear.set({ shown: found.some(({ counts }) => off(counts) > 0) });
    setText(this.text, words.join(' '));
    setTitle(
      this.element,
      found
        .map(
          ({ name, counts }) =>
            `${name}: ${formatCount(counts.notPositive)} ≤ 0, ${formatCount(counts.notFinite)} not finite`,
        )
        .join('\n'),
    );
  }
}

/** How many of all points; of which run, where of several only one has such. */
function sentence(
  found: readonly { readonly name: string; readonly counts: PointCounts }[],
  some: (counts: PointCounts) => number,
  what: string,
): string | null {
  const having = found.filter(({ counts }) => some(counts) > 0);
  const only = found.length > 1 && having.length === 1 ? having[0] : undefined;
  const counted = only === undefined ? found : [only];
  const few = counted.reduce((sum, { counts }) => sum + some(counts), 0);
  const all = counted.reduce((sum, { counts }) => sum + counts.points, 0);
  if (few === 0) return null;
  const whose = only === undefined ? '' : ` of ${only.name}`;
  return `${formatCount(few)} of ${formatCount(all)} points here${whose} ${few === 1 ? 'is' : 'are'} ${what}`;
}
