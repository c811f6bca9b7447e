/** The page's line to the extension host, and what it keeps over a reload. */
import type { HostMessage, PageMessage } from '../../src/protocol';

interface VsCodeApi {
  postMessage(message: PageMessage): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const api = acquireVsCodeApi();

export function send(message: PageMessage): void {
  api.postMessage(message);
}

/** Only the host can post to this window: VS Code gives every webview an origin of its own, and we open no frames. */
export function onHostMessage(take: (message: HostMessage) => void): void {
  window.addEventListener('message', (event: MessageEvent<HostMessage>) => {
    take(event.data);
  });
}

export function savedState(): unknown {
  return api.getState();
}

export function saveState(state: unknown): void {
  api.setState(state);
}
