/** The page's line to the extension host, and what it keeps over a reload: the run, and what its last probe found. */
import {
  parseProbe,
  parseProbeHostMessage,
  type ProbeHostMessage,
  type ProbeMessage,
  type ProbePageMessage,
} from '../../src/protocol/probe';
import { line, saveState, savedState } from '../page';

/** `run` is also what the host finds the run by when VS Code restores the tab. */
export interface Kept {
  readonly run: string;
  readonly found: ProbeMessage;
}

export const { send, onHostMessage } = line<ProbePageMessage, ProbeHostMessage>(parseProbeHostMessage);

/** What an earlier page kept; undefined for none, and for what another version kept in another shape. */
export function kept(): ProbeMessage | undefined {
  return parseProbe((savedState() as Partial<Kept> | undefined)?.found);
}

export function keep(found: ProbeMessage): void {
  const state: Kept = { run: found.run, found };
  saveState(state);
}
