/** The page's line to the extension host, and what it keeps over a reload: the run, and what its last probe found. */
import type { ProbeHostMessage, ProbeMessage, ProbePageMessage } from '../../src/protocol';

/** `run` is also what the host finds the run by when VS Code restores the tab. */
export interface Kept {
  readonly run: string;
  readonly found: ProbeMessage;
}

interface VsCodeApi {
  postMessage(message: ProbePageMessage): void;
  getState(): Kept | undefined;
  setState(state: Kept): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const api = acquireVsCodeApi();

export function send(message: ProbePageMessage): void {
  api.postMessage(message);
}

/** Only the host can post to this window: VS Code gives every webview an origin of its own, and we open no frames. */
export function onHostMessage(take: (message: ProbeHostMessage) => void): void {
  window.addEventListener('message', (event: MessageEvent<ProbeHostMessage>) => {
    take(event.data);
  });
}

/** Only this page writes it. */
export function kept(): ProbeMessage | undefined {
  return api.getState()?.found;
}

export function keep(found: ProbeMessage): void {
  api.setState({ run: found.run, found });
}
