/** A page about all runs: one editor tab, which a command shows and which comes back after a reload. */
import type * as vscode from 'vscode';
import { RunPanels, type RunPage, type TakesPanel } from '../platform/runPanels';
import { ALL_RUNS } from '../protocol/allRuns';
import { registerCommands } from './commands';
import type { FeatureDeps } from './deps';

interface Shown extends RunPage {
  reveal(): void;
}

/** @param load as RunPanels takes it */
export function registerAllRunsPage<T extends Shown>(
  context: vscode.ExtensionContext,
  deps: FeatureDeps,
  page: { readonly viewType: string; readonly command: string; readonly title: string },
  load: () => Promise<TakesPanel<T>>,
): void {
  const panels = new RunPanels<T>(page.viewType, load);
  context.subscriptions.push(panels);
  registerCommands(context, deps, {
    [page.command]: async () => {
      (await panels.of(page.title, ALL_RUNS)).reveal();
    },
  });
}
