/** What every page has in common: its line to the extension host, and telling it of errors. */
import { pageOf, Questions, type Addressed, type ReportMessage } from '../src/protocol/requests';

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

// VS Code gives it out once a page.
const api = acquireVsCodeApi();

/** Tells this page's messages from those of the page that was in this tab before. */
const page = crypto.randomUUID();

export interface Line<Sent, Received> {
  readonly send: (message: Sent) => void;
  readonly onHostMessage: (take: (message: Received) => void) => void;
  /** Numbers what this page asks. */
  readonly questions: Questions;
}

/** The line to the host, typed and checked by the page's protocol. Errors that nobody catches go into the host's log. */
export function line<Sent, Received>(parse: (raw: unknown) => Received | undefined): Line<Sent, Received> {
  const post = (message: (Sent | ReportMessage) & object): void => {
    const addressed: Addressed = { ...message, page };
    api.postMessage(addressed);
  };
  const report = (message: string): void => {
    post({ type: 'report', message: message.slice(0, LONGEST_REPORT) });
  };
  reportErrors(report);
  return {
    send: (message) => {
      post(message as Sent & object);
    },
    questions: new Questions(),
    // Only the host can post to this window: VS Code gives every webview an origin of its own, and we open no frames.
    onHostMessage(take) {
      window.addEventListener('message', (event: MessageEvent<unknown>) => {
        const to = pageOf(event.data);
        // Sent to the page that was here before, and still on its way when it went.
        if (to !== '' && to !== page) return;
        const message = parse(event.data);
        if (message === undefined) report('The host sent a message that is not in the protocol; it was ignored.');
        else take(message);
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

function reportErrors(report: (message: string) => void): void {
  window.addEventListener('error', ({ message, filename, lineno }) => {
    report(`${message} (${filename.split('/').at(-1) ?? ''}:${lineno})`);
  });
  window.addEventListener('unhandledrejection', (event) => {
    report(String(event.reason));
  });
}

/** Where the page is drawn. Throws where the host's HTML has no such element. */
export function pageRoot(): HTMLElement {
  const root = document.getElementById('root');
  if (root === null) throw new Error('The page has no #root to be drawn in.');
  return root;
}
