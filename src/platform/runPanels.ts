/** Editor tabs that each show one training run: found by it, and brought back after a reload. */
import * as vscode from 'vscode';
import { Disposable, type Ends } from '../core/disposable';
import { tabTitle } from './editors';

/** What owns a tab: a dashboard, a probe. */
export interface RunPage extends Ends {
  /** Absolute path of the run that it shows. */
  readonly runPath: string;
}

/** A run's path in what the page kept with setState. */
function savedRun(state: unknown): string | undefined {
  if (typeof state !== 'object' || state === null || !('run' in state)) return undefined;
  return typeof state.run === 'string' ? state.run : undefined;
}

export class RunPanels<T extends RunPage> extends Disposable {
  private readonly pages = new Set<T>();

  /** @param take makes the page in a panel: a new one, or one that VS Code kept over a reload */
  constructor(
    private readonly viewType: string,
    private readonly take: (panel: vscode.WebviewPanel, runPath: string) => T,
  ) {
    super();
    this._register({
      dispose: () => {
        for (const page of this.pages) page.dispose();
      },
    });
    this._register(
      vscode.window.registerWebviewPanelSerializer(viewType, {
        deserializeWebviewPanel: (panel, state: unknown) => {
          const path = savedRun(state);
          if (path === undefined) panel.dispose();
          else this.adopt(panel, path);
          return Promise.resolve();
        },
      }),
    );
  }

  /** The page that shows a run, if one does. */
  of(runPath: string): T | undefined {
    return [...this.pages].find((page) => page.runPath === runPath);
  }

  /** A new tab beside those that are open. */
  open(title: string, runPath: string): T {
    return this.adopt(
      vscode.window.createWebviewPanel(this.viewType, tabTitle(title), vscode.ViewColumn.Active),
      runPath,
    );
  }

  private adopt(panel: vscode.WebviewPanel, runPath: string): T {
    const page = this.take(panel, runPath);
    this.pages.add(page);
    panel.onDidDispose(() => {
      this.pages.delete(page);
      page.dispose();
    });
    return page;
  }
}
