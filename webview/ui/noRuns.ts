/** What a page about all runs says where it has none to show. */
import { button } from './controls';
import { fill, h, icon } from './dom';

export interface NoRuns {
  /** Runs are still being looked for. */
  readonly looking: boolean;
  readonly hasFolder: boolean;
  /** The page's own, where there is nothing to wait for. */
  readonly icon: string;
  /** What will come of the first runs, as a sentence. */
  readonly detail: string;
}

/** In the place of the whole page: there is no run at all. */
export function noRunsYet(page: NoRuns): HTMLElement {
  const [name, title, detail] = page.looking
    ? ['loading codicon-modifier-spin', 'Looking for runs…', '']
    : page.hasFolder
      ? [page.icon, 'There are no runs yet', page.detail]
      : ['folder', 'No folder is open', 'Open the folder that holds your training runs.'];
  return h(
    'div',
    { class: 'notice', role: 'status' },
    icon(name),
    h('h1', {}, title),
    detail !== '' && h('p', { class: 'dim' }, detail),
  );
}

/** Says in `place` that the filter leaves none, with the way back. */
export function tellNonePasses(place: HTMLElement, clear: () => void): void {
  fill(place, icon('filter'), h('h1', {}, 'No run passes the filter'), button('Clear Filter', clear).element);
}
