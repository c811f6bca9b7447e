/** Editor tabs that each show a training run, or all of them: found by it, and brought back after a reload. */
import * as vscode from 'vscode';
import { Disposable, type Ends } from '../core/disposable';
import { tabTitle } from './editors';

/** What owns a tab: a dashboard, a probe, the table of runs. */
export interface RunPage extends Ends {
  /** Absolute path of the run that it shows, or ALL_RUNS (protocol/allRuns.ts). */
  readonly runPath: string;
}

/** A run's path in what the page kept with setState. */
function savedRun(state: unknown): string | undefined {
  if (typeof state !== 'object' || state === null || !('run' in state)) return undefined;
  return typeof state.run === 'string' ? state.run : undefined;
}

/** Makes the page in a panel: a new one, or one that VS Code kept over a reload. */
export type TakesPanel<T> = (panel: vscode.WebviewPanel, runPath: string) => T;

export class RunPanels<T extends RunPage> extends Disposable {
  private readonly pages = new Set<T>();
  private take: Promise<TakesPanel<T>> | undefined;

  /** @param load gives what makes the pages; called once, with the first panel */
  constructor(
    private readonly viewType: string,
    private readonly load: () => Promise<TakesPanel<T>>,
  ) {
    super();
    this._register({
      dispose: () => {
        for (const page of this.pages) page.dispose();
      },
    });
    this._register(
      vscode.window.registerWebviewPanelSerializer(viewType, {
        deserializeWebviewPanel: async (panel, state: unknown) => {
          const path = savedRun(state);
          if (path === undefined) panel.dispose();
          else this.adopt(panel, path, await this.loaded());
        },
      }),
    );
  }

  /** The page that shows a run, in a new tab where none does. */
  async of(title: string, runPath: string): Promise<T> {
    const take = await this.loaded();
    const open = [...this.pages].find((page) => page.runPath === runPath);
    if (open !== undefined) return open;
    const panel = vscode.window.createWebviewPanel(this.viewType, tabTitle(title), vscode.ViewColumn.Active);
    return this.adopt(panel, runPath, take);
  }

  private loaded(): Promise<TakesPanel<T>> {
    return (this.take ??= this.load());
  }

  private adopt(panel: vscode.WebviewPanel, runPath: string, take: TakesPanel<T>): T {
    const page = take(panel, runPath);
    this.pages.add(page);
    panel.onDidDispose(() => {
      this.pages.delete(page);
      page.dispose();
    });
    return page;
  }
}
