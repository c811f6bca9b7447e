/** The page's line to the extension host, and what it keeps over being hidden. */
import { parseTorchHostMessage, type TorchHostMessage, type TorchPageMessage } from '../../src/protocol/torchFile';
import * as page from '../page';

export const { send, onHostMessage } = page.line<TorchPageMessage, TorchHostMessage>(parseTorchHostMessage);

export interface PageState {
  readonly search: string;
  /** Column and direction of the table. */
  readonly sort: string;
  readonly descending: boolean;
  /** Name of the tensor that is shown in detail. */
  readonly tensor: string | null;
  /** Lines of the tree that a person folded or unfolded, by their path. */
  readonly toggled: readonly string[];
}

const MOST_TOGGLED = 500;

export function savedState(): PageState {
  const state = (page.savedState() ?? {}) as Partial<Record<keyof PageState, unknown>>;
  return {
    search: typeof state.search === 'string' ? state.search : '',
    sort: typeof state.sort === 'string' ? state.sort : '',
    descending: state.descending === true,
    tensor: typeof state.tensor === 'string' ? state.tensor : null,
    toggled: Array.isArray(state.toggled)
      ? state.toggled.filter((path) => typeof path === 'string').slice(0, MOST_TOGGLED)
      : [],
  };
}

export function saveState(state: PageState): void {
  page.saveState({ ...state, toggled: state.toggled.slice(0, MOST_TOGGLED) });
}
