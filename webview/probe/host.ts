/** The page's line to the extension host, and what it keeps over a reload: the run, and what its last probe found. */
import type { ProbeHostMessage, ProbeMessage, ProbePageMessage } from '../../src/protocol/dashboard';
import { line, saveState, savedState } from '../page';

/** `run` is also what the host finds the run by when VS Code restores the tab. */
export interface Kept {
  readonly run: string;
  readonly found: ProbeMessage;
}

export const { send, onHostMessage } = line<ProbePageMessage, ProbeHostMessage>();

/** Only this page writes it. */
export function kept(): ProbeMessage | undefined {
  return (savedState() as Kept | undefined)?.found;
}

export function keep(found: ProbeMessage): void {
  const state: Kept = { run: found.run, found };
  saveState(state);
}
