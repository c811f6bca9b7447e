/** What every page has in common: its line to the extension host, and telling it of errors. */

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

// VS Code gives it out once a page.
const api = acquireVsCodeApi();

export interface Line<Sent, Received> {
  readonly send: (message: Sent) => void;
  readonly onHostMessage: (take: (message: Received) => void) => void;
}

/** The line to the host, typed by the page's protocol. */
export function line<Sent, Received>(): Line<Sent, Received> {
  return {
    send(message) {
      api.postMessage(message);
    },
    // Only the host can post to this window: VS Code gives every webview an origin of its own, and we open no frames.
    onHostMessage(take) {
      window.addEventListener('message', (event: MessageEvent<Received>) => {
        take(event.data);
      });
    },
  };
}

/** What this page saved before it was hidden or reloaded. */
export function savedState(): unknown {
  return api.getState();
}

export function saveState(state: unknown): void {
  api.setState(state);
}

/** The host's log is the only place where a user's window can tell of what went wrong in its page. */
const LONGEST_REPORT = 4000;

/** Tells the host of every error that nobody caught, in one line. */
export function reportErrors(report: (message: string) => void): void {
  const tell = (message: string): void => {
    report(message.slice(0, LONGEST_REPORT));
  };
  window.addEventListener('error', ({ message, filename, lineno }) => {
    tell(`${message} (${filename.split('/').at(-1) ?? ''}:${lineno})`);
  });
  window.addEventListener('unhandledrejection', (event) => {
    tell(String(event.reason));
  });
}

/** Where the page is drawn. Throws where the host's HTML has no such element. */
export function pageRoot(): HTMLElement {
  const root = document.getElementById('root');
  if (root === null) throw new Error('The page has no #root to be drawn in.');
  return root;
}
