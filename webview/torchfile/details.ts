/** The chosen tensor in full, with its statistics as soon as somebody asks for them. */
import type { OutlineTensor, SummaryResult, TensorSummary } from '../../src/core/torchfile/outlineTypes';
import { formatBytes, formatCount, formatValue } from '../../src/core/format';
import { fill, h } from '../ui/dom';
import { histogram } from './histogram';
import { shapeText } from './tensors';

function facts(pairs: readonly (readonly [string, string])[]): HTMLElement {
  return h('dl', {}, ...pairs.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

function figure(value: number | null): string {
  return value === null ? '–' : formatValue(value);
}

function statistics(summary: TensorSummary): HTMLElement {
  const of = summary.of === 'magnitudes' ? ' |z|' : '';
  return facts([
    [`min${of}`, figure(summary.min)],
    [`max${of}`, figure(summary.max)],
    [`mean${of}`, figure(summary.mean)],
    [`std${of}`, figure(summary.std)],
    ['zeros', formatCount(summary.zeros)],
    ['NaN', formatCount(summary.nan)],
    ['infinite', formatCount(summary.infinite)],
  ]);
}

export class Details {
  readonly element = h('section', { class: 'details', 'aria-label': 'Tensor' });

  constructor(private readonly ask: () => void) {}

  /** `asked`: the answer is on its way. */
  show(tensor: OutlineTensor | null, result: SummaryResult | null, asked: boolean): void {
    this.element.hidden = tensor === null;
    if (!tensor) return;
    const kind = tensor.isParameter ? `${tensor.dtype} parameter` : tensor.dtype;
    const parts: (HTMLElement | null)[] = [
      h('h2', { title: tensor.name }, tensor.name),
      h(
        'p',
        { class: 'dim' },
        [
          `${kind} ${shapeText(tensor.shape)}`,
          tensor.stride === null ? null : `stride ${shapeText(tensor.stride)}`,
          `${formatCount(tensor.elements)} elements`,
          formatBytes(tensor.bytes),
          tensor.storage,
          tensor.sharing > 1 ? `storage shared by ${tensor.sharing} tensors` : null,
        ]
          .filter((part) => part !== null)
          .join(' · '),
      ),
    ];
    if (result === null) {
      const button = h(
        'button',
        { type: 'button', class: 'button', disabled: asked },
        asked ? 'Reading…' : 'Statistics',
      );
      button.addEventListener('click', this.ask);
      parts.push(button);
    } else if ('problem' in result) parts.push(h('p', { class: 'problem' }, result.problem));
    else parts.push(h('div', { class: 'figures' }, statistics(result.summary), histogram(result.summary)));
    fill(this.element, ...parts);
  }
}
