/**
 * The built page in a headless Chromium, without VS Code: served with its real HTML and CSP, in the variables of a real theme
 * (recorded from VS Code's own), spoken to by a real DashboardSession over runs on disk.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { Lineage } from '../../src/core/experiment/lineage';
import type { Run } from '../../src/core/experiment/model';
import { DEFAULT_THRESHOLDS } from '../../src/core/metrics/alerts/thresholds';
import { GpuMonitor } from '../../src/core/training/gpus/gpuMonitor';
import type { GpuReading } from '../../src/core/training/gpus/nvidiaSmi';
import { DashboardSession } from '../../src/features/dashboard/session';
import { pageHtml } from '../../src/platform/pageHtml';
import type { HostMessage, RunCommand, SaveMessage } from '../../src/protocol/dashboard';
import type { Addressed } from '../../src/protocol/requests';
import { late, slowDown } from './slowness';

export type ThemeName = 'dark' | 'light' | 'high-contrast';

/** So that a test need not wait for the next figures. */
const GPUS_EVERY_MS = 100;
const DIST = path.resolve(__dirname, '../../dist/webview');
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.ttf': 'font/ttf',
  '.map': 'application/json',
};

interface RecordedTheme {
  readonly body: string;
  readonly kind: string;
  readonly id: string;
  readonly vars: Readonly<Record<string, string>>;
}

export function recordedTheme(name: ThemeName): RecordedTheme {
  return JSON.parse(readFileSync(path.join(__dirname, 'themes', `${name}.json`), 'utf8')) as RecordedTheme;
}

/** What the host was asked for, and what went wrong in the page. */
export interface Heard {
  readonly acts: { readonly command: RunCommand; readonly path: string }[];
  readonly saves: { readonly request: SaveMessage; readonly content: Promise<string | Uint8Array> }[];
  readonly problems: string[];
  readonly posted: HostMessage[];
}

export interface OpenPage {
  readonly page: Page;
  readonly session: DashboardSession;
  readonly heard: Heard;
  /** Replaces the runs that a scan would have found. */
  setRuns(runs: readonly Run[]): void;
  close(): Promise<void>;
}

export interface PlainPage {
  readonly page: Page;
  /** What the page sent. */
  readonly heard: readonly unknown[];
  readonly problems: readonly string[];
  readonly post: (message: unknown) => void;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly canTrain?: boolean;
  readonly scanning?: boolean;
  /** What nvidia-smi says at this moment; without it the machine has none. */
  readonly gpus?: () => GpuReading;
  /** What getState gives. */
  readonly state?: unknown;
}

/** ArrayBuffers as they may pass from Node into a browser; the page's side turns them back. */
function packed(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(packed);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, packed(each)]));
  return value;
}

/** The host's side of a page. */
export interface Session {
  receive(message: unknown): void;
  dispose(): void;
}

export class PageHarness {
  private constructor(
    private readonly browser: Browser,
    private readonly server: ReturnType<typeof createServer>,
  ) {}

  static async start(): Promise<PageHarness> {
    if (!existsSync(path.join(DIST, 'dashboard.js')))
      throw new Error('The page is not built: run "npm run build" first.');
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
    const browser = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu'] });
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const name = path.basename(url.pathname);
      if (name === '' || name === 'page') {
        const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const bundle = url.searchParams.get('bundle') ?? 'dashboard';
        const styles = [`${origin}/codicon.css`, `${origin}/${bundle}.css`];
        response.setHeader('content-type', 'text/html');
        response.end(
          pageHtml({
            title: 'NPT Dashboard',
            source: origin,
            script: `${origin}/${bundle}.js`,
            styles,
            language: 'en',
          }),
        );
        return;
      }
      const file = path.join(DIST, name);
      if (!existsSync(file)) {
        // A browser asks for an icon by itself.
        response.statusCode = name === 'favicon.ico' ? 204 : 404;
        response.end();
        return;
      }
      response.setHeader('content-type', TYPES[path.extname(name)] ?? 'application/octet-stream');
      response.end(readFileSync(file));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PageHarness(browser, server);
  }

  /** Opens the dashboard of a run and waits until it shows something. */
  async open(runs: readonly Run[], runPath: string, options: OpenOptions = {}): Promise<OpenPage> {
    const heard: Heard = { acts: [], saves: [], problems: [], posted: [] };
    let known = runs;
    const { context, page, post } = await this.prepare(options, heard.problems, (message) => {
      session.receive(message);
    });
    const gpus = new GpuMonitor(
      () => Promise.resolve(options.gpus?.() ?? { gpus: [], available: false, problem: null }),
      GPUS_EVERY_MS,
    );
    const session = new DashboardSession(runPath, {
      post: (message) => {
        heard.posted.push(message);
        post(message);
      },
      runs: () => known,
      lineage: () => new Lineage([{ runs: known }]),
      scanning: () => options.scanning ?? false,
      canTrain: () => options.canTrain ?? true,
      gpus,
      thresholds: () => DEFAULT_THRESHOLDS,
      notValid: () => new Map(),
      act: (command, target) => {
        heard.acts.push({ command, path: target });
      },
      save: (request, content) => {
        heard.saves.push({ request, content: content() });
      },
      focused: () => undefined,
      log: (message) => {
        heard.problems.push(message);
      },
    });
    await this.show(page, 'dashboard');
    return {
      page,
      session,
      heard,
      setRuns: (next) => {
        known = next;
        session.modelChanged();
      },
      close: async () => {
        session.dispose();
        gpus.dispose();
        await context.close();
      },
    };
  }

  /** A page of another bundle, that gets what `post` is given; `heard` are its messages. @param receive gets them as they are */
  async openBundle(
    bundle: string,
    options: OpenOptions = {},
    receive?: (message: unknown) => void,
  ): Promise<PlainPage> {
    const problems: string[] = [];
    const heard: unknown[] = [];
    const { context, page, post } = await this.prepare(options, problems, (message) => {
      // Every message says which page sent it; what it says is what the tests are about.
      const { page: sender, ...said } = message as Addressed;
      if (sender === '') problems.push('A message did not say which page sent it.');
      heard.push(said);
      receive?.(message);
    });
    await this.show(page, bundle);
    return { page, heard, problems, post, close: () => context.close() };
  }

  /** Opens a page with the session that speaks with it. What that says before the page is there comes once it is. */
  async openSession<H, S extends Session>(
    bundle: string,
    options: OpenOptions,
    hostOf: (post: (message: unknown) => void) => H,
    sessionOf: (host: H) => S,
  ): Promise<{ readonly plain: PlainPage; readonly host: H; readonly session: S }> {
    const early: unknown[] = [];
    let send = (message: unknown): void => {
      early.push(message);
    };
    const host = hostOf((message) => {
      send(message);
    });
    const session = sessionOf(host);
    const plain = await this.openBundle(bundle, options, (message) => {
      session.receive(message);
    });
    send = plain.post;
    for (const message of early) send(message);
    const close = async (): Promise<void> => {
      session.dispose();
      await plain.close();
    };
    return { plain: { ...plain, close }, host, session };
  }

  private async show(page: Page, bundle: string): Promise<void> {
    await page.goto(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/page?bundle=${bundle}`);
    await page.waitForSelector('#root > *');
  }

  /** An empty tab as VS Code makes one: the theme, acquireVsCodeApi, and an ear for everything that goes wrong. */
  private async prepare(
    options: OpenOptions,
    problems: string[],
    receive: (message: unknown) => void,
  ): Promise<{ context: BrowserContext; page: Page; post: (message: unknown) => void }> {
    const theme = recordedTheme(options.theme ?? 'dark');
    const context = await this.browser.newContext({
      viewport: { width: options.width ?? 1200, height: options.height ?? 900 },
      deviceScaleFactor: 1,
    });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    page.on('pageerror', (error) => {
      problems.push(error.message);
    });
    const post = (message: unknown): void => {
      late(() => {
        page
          .evaluate((data) => {
            const unpack = (value: unknown): unknown => {
              if (Array.isArray(value)) return value.map(unpack);
              if (typeof value !== 'object' || value === null) return value;
              if ('$bytes' in value)
                return Uint8Array.from(atob(String(value.$bytes)), (each) => each.charCodeAt(0)).buffer;
              return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unpack(each)]));
            };
            window.postMessage(unpack(data));
          }, packed(message))
          .catch((error: unknown) => {
            // A page that was just closed cannot be told any more.
            if (!page.isClosed()) problems.push(String(error));
          });
      });
    };
    await page.exposeFunction('sendToHost', (message: unknown) => {
      late(() => {
        receive(message);
      });
    });
    // The test runner's compiler names inner functions with a helper that the page does not have.
    await page.addInitScript({ content: 'globalThis.__name = (named) => named;' });
    await slowDown(page);
    await page.addInitScript(
      ({ recorded, state }) => {
        let kept: unknown = state;
        const scope = window as unknown as Record<string, unknown>;
        scope['acquireVsCodeApi'] = () => ({
          postMessage: (message: unknown) => {
            (scope['sendToHost'] as (message: unknown) => void)(message);
          },
          getState: () => kept,
          setState: (value: unknown) => {
            kept = value;
            scope['keptState'] = value;
          },
        });
        document.addEventListener('securitypolicyviolation', (event) => {
          console.error(
            `CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`,
          );
        });
        // As VS Code does it: variables on the root's style, classes on the body, before the page's script runs.
        const dress = (): void => {
          for (const [name, value] of Object.entries(recorded.vars))
            document.documentElement.style.setProperty(name, value);
          if (document.body as HTMLElement | null) {
            document.body.className = recorded.body;
            document.body.dataset['vscodeThemeKind'] = recorded.kind;
          }
        };
        new MutationObserver((_changes, observer) => {
          if (!(document.body as HTMLElement | null)) return;
          observer.disconnect();
          dress();
        }).observe(document, { childList: true, subtree: true });
      },
      { recorded: theme, state: options.state },
    );
    return { context, page, post };
  }

  async stop(): Promise<void> {
    await this.browser.close();
    this.server.close();
  }
}
