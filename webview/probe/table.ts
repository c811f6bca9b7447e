/** The charts' figures as a table, for those who do not see the charts. */
import { formatCount, formatValue } from '../../src/core/format';
import type { ProbeMessage } from '../../src/protocol/probe';
import { h } from '../ui/dom';
import type { Measure } from './chart';

export function probeTable(found: ProbeMessage, measures: readonly Measure[]): HTMLElement {
  const heads = ['Checkpoint', 'Step', 'Stage', 'Layer', ...measures.map(({ title }) => title)];
  const rows = found.checkpoints.flatMap((checkpoint) =>
    checkpoint.layers.map((layer) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, checkpoint.name),
        h('td', {}, formatCount(checkpoint.step)),
        h('td', {}, checkpoint.stage ?? ''),
        h('td', {}, String(layer.layer)),
        ...measures.map(({ of }) => {
          const value = of(layer);
          return h('td', {}, value === null ? 'none' : formatValue(value));
        }),
      ),
    ),
  );
  return h(
    'div',
    { class: 'for-screen-readers' },
    h(
      'table',
      {},
      h('caption', {}, `Probe of ${found.name}`),
      h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))),
      h('tbody', {}, ...rows),
    ),
  );
}
