/** The box in which a filter of runs is typed, the same on every page that has one. */
import { h, setText } from './dom';

const HELP = [
  'Words are looked for in name, state, stage, parent, tags and notes.',
  'stage:student   state:failed,killed   lr:1e-5',
  'loss<2.1   step>=24k   duration>2h   started:today   gradnorm<1',
  'tag:keep   -seed:3 leaves out · parent:none · "quotes" for spaces',
].join('\n');

export interface FilterBoxActions {
  readonly filter: (typed: string) => void;
  /** The box has the focus: somebody is about to type. */
  readonly typing?: () => void;
  /** Down from the box into what it filters. */
  readonly enter: () => void;
}

export class FilterBox {
  readonly input: HTMLInputElement;
  /** What is wrong with what was typed. */
  readonly problem = h('span', { class: 'problem', role: 'alert', id: 'filter-problem', hidden: true });

  constructor(actions: FilterBoxActions) {
    this.input = h('input', {
      type: 'search',
      'aria-label': 'Filter runs',
      placeholder: 'Filter, e.g. stage:student loss<2.1',
      title: HELP,
      spellcheck: 'false',
      autocomplete: 'off',
    });
    this.input.addEventListener('input', () => {
      actions.filter(this.input.value);
    });
    this.input.addEventListener('focus', () => {
      actions.typing?.();
    });
    this.input.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown' && event.key !== 'Enter') return;
      event.preventDefault();
      actions.enter();
    });
  }

  /** @param problem in one line; null where there is none */
  tell(problem: string | null): void {
    this.problem.hidden = problem === null;
    setText(this.problem, problem ?? '');
    this.input.setAttribute('aria-invalid', String(problem !== null));
    this.input.toggleAttribute('aria-describedby', false);
    if (problem !== null) this.input.setAttribute('aria-describedby', 'filter-problem');
  }
}
