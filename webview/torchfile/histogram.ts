/** How a tensor's values are distributed: bars whose height is the logarithm of the count, so that single outliers are seen. */
import type { TensorSummary } from '../../src/core/torchfile/outlineTypes';
import { formatCount, formatValue } from '../../src/core/format';
import { h, s } from '../ui/dom';

const HEIGHT = 72;
const BAR = 10;

export function histogram(summary: TensorSummary): HTMLElement | null {
  const { histogram: counts, min, max } = summary;
  if (counts.length === 0 || min === null || max === null) return null;
  const most = Math.max(...counts);
  const top = Math.log1p(most);
  const bars = counts.map((count, index) => {
    const height = count === 0 ? 0 : Math.max(2, (HEIGHT * Math.log1p(count)) / top);
    const from = min + ((max - min) * index) / counts.length;
    const to = min + ((max - min) * (index + 1)) / counts.length;
    return s(
      'g',
      {},
      s('title', {}, `${formatValue(from)} … ${formatValue(to)}: ${formatCount(count)}`),
      // The whole column answers to the pointer, the bar alone is seen.
      s('rect', { class: 'column', x: index * BAR, y: 0, width: BAR, height: HEIGHT }),
      s('rect', { class: 'count', x: index * BAR + 0.5, y: HEIGHT - height, width: BAR - 1, height }),
    );
  });
  const peak = counts.indexOf(most);
  const at = min + ((max - min) * (peak + 0.5)) / counts.length;
  const picture = s(
    'svg',
    {
      viewBox: `0 0 ${counts.length * BAR} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': `Histogram from ${formatValue(min)} to ${formatValue(max)}; most values, ${formatCount(most)}, are near ${formatValue(at)}`,
    },
    ...bars,
  );
  return h(
    'figure',
    { class: 'histogram' },
    picture,
    h(
      'figcaption',
      {},
      h('span', {}, formatValue(min)),
      h('span', { class: 'dim' }, 'height: logarithm of the count'),
      h('span', {}, formatValue(max)),
    ),
  );
}
