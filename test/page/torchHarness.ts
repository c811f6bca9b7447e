/**
 * The page of an opened torch file in a headless Chromium, without VS Code: served with its real HTML and CSP in the variables
 * of a real theme, spoken to by a real TorchFileSession that reads real files.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { CheckpointWorker } from '../../src/core/checkpoint/worker/workerClient';
import { TorchFileSession } from '../../src/features/torchFile/session';
import { pageHtml } from '../../src/platform/pageHtml';
import { recordedTheme, type ThemeName } from './harness';
import { late, slowDown } from './slowness';

const DIST = path.resolve(__dirname, '../../dist');
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css', '.ttf': 'font/ttf' };

export interface OpenTorchFile {
  readonly page: Page;
  readonly session: TorchFileSession;
  /** Errors, CSP violations, refused messages, requests that left the page's own server. */
  readonly problems: string[];
  readonly asked: unknown[];
  close(): Promise<void>;
}

export interface TorchOpenOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  /** What getState gives. */
  readonly state?: unknown;
}

export class TorchHarness {
  private readonly worker = new CheckpointWorker(path.join(DIST, 'checkpoint-worker.js'));

  private constructor(
    private readonly browser: Browser,
    private readonly server: Server,
    private readonly origin: string,
  ) {}

  static async start(): Promise<TorchHarness> {
    if (!existsSync(path.join(DIST, 'webview/torchfile.js')))
      throw new Error('The page is not built: run "npm run build" first.');
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
    const browser = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu'] });
    const server = createServer((request, response) => {
      const name = path.basename(new URL(request.url ?? '/', 'http://localhost').pathname);
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const file = path.join(DIST, 'webview', name);
      if (name === 'page') {
        response.setHeader('content-type', 'text/html');
        response.end(
          pageHtml({
            title: 'file.pt',
            source: origin,
            script: `${origin}/torchfile.js`,
            styles: [`${origin}/codicon.css`, `${origin}/torchfile.css`],
            language: 'en',
          }),
        );
      } else if (name !== '' && existsSync(file)) {
        response.setHeader('content-type', TYPES[path.extname(name)] ?? 'application/octet-stream');
        response.end(readFileSync(file));
      } else {
        // A browser asks for an icon by itself.
        response.statusCode = name === 'favicon.ico' ? 204 : 404;
        response.end();
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TorchHarness(browser, server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  async open(file: string, options: TorchOpenOptions = {}): Promise<OpenTorchFile> {
    const theme = recordedTheme(options.theme ?? 'dark');
    const context = await this.browser.newContext({
      viewport: { width: options.width ?? 1200, height: options.height ?? 800 },
      deviceScaleFactor: 1,
    });
    const page = await context.newPage();
    const problems: string[] = [];
    const asked: unknown[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('dialog', (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(`${this.origin}/`)) problems.push(`request: ${request.url()}`);
    });
    const session = new TorchFileSession(file, {
      reader: this.worker,
      post: (message) => {
        const packed =
          'json' in message ? { ...message, json: Buffer.from(message.json).toString('base64') } : (message as unknown);
        late(() => {
          page
            .evaluate((data) => {
              const sent = data as { type: string; json?: string };
              const json =
                sent.json === undefined
                  ? undefined
                  : Uint8Array.from(atob(sent.json), (each) => each.charCodeAt(0)).buffer;
              window.postMessage(json ? { ...sent, json } : sent);
            }, packed)
            .catch((error: unknown) => {
              // A page that was just closed cannot be told any more.
              if (!page.isClosed()) problems.push(String(error));
            });
        });
      },
      log: (message) => problems.push(message),
    });
    await page.exposeFunction('sendToHost', (message: unknown) => {
      late(() => {
        asked.push(message);
        session.receive(message);
      });
    });
    // The test runner's compiler names inner functions with a helper that the page does not have.
    await page.addInitScript({ content: 'globalThis.__name = (named) => named;' });
    await slowDown(page);
    await page.addInitScript(
      ({ recorded, state }) => {
        const scope = window as unknown as Record<string, unknown>;
        scope['keptState'] = state;
        scope['acquireVsCodeApi'] = () => ({
          postMessage: (message: unknown) => {
            (scope['sendToHost'] as (message: unknown) => void)(message);
          },
          getState: () => scope['keptState'],
          setState: (value: unknown) => {
            scope['keptState'] = value;
          },
        });
        document.addEventListener('securitypolicyviolation', (event) => {
          console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
        });
        // As VS Code does it: variables on the root's style, classes on the body, before the page's script runs.
        new MutationObserver((_changes, observer) => {
          if (!(document.body as HTMLElement | null)) return;
          observer.disconnect();
          for (const [name, value] of Object.entries(recorded.vars))
            document.documentElement.style.setProperty(name, value);
          document.body.className = recorded.body;
        }).observe(document, { childList: true, subtree: true });
      },
      { recorded: theme, state: options.state },
    );
    await page.goto(`${this.origin}/page`);
    await page.locator('h1:visible, .disk.bad:visible').first().waitFor();
    return {
      page,
      session,
      problems,
      asked,
      close: async () => {
        session.dispose();
        await context.close();
      },
    };
  }

  async stop(): Promise<void> {
    this.worker.dispose();
    await this.browser.close();
    this.server.close();
  }
}
