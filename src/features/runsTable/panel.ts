/** The panel of the table of runs: its page, and the session that speaks with it. */
import * as vscode from 'vscode';
import { metricsLoggedBy, RunFigures } from '../../core/metrics/figures';
import type { TakesPanel } from '../../platform/runPanels';
import { entitle, showPage } from '../../platform/webviewPage';
import type { RunsCommand } from '../../protocol/runsTable';
import type { FeatureDeps } from '../deps';
import { SessionPanel } from '../sessionPanel';
import { RunsTableSession } from './session';

/** Where the look is kept in the workspace's state. */
const LOOK = 'npt.runsTable.look';

const COMMANDS: Readonly<Record<RunsCommand, string>> = {
  dashboard: 'npt.openDashboard',
  overlay: 'npt.overlayRuns',
  compare: 'npt.compare',
  branch: 'npt.branch',
  tag: 'npt.tagRuns',
  star: 'npt.starRuns',
  unstar: 'npt.unstarRuns',
  notes: 'npt.editNotes',
  delete: 'npt.deleteCheckpoints',
  deleteRuns: 'npt.deleteRuns',
  log: 'npt.openTrainLog',
  path: 'npt.copyPath',
};

export function runsTables(context: vscode.ExtensionContext, deps: FeatureDeps): TakesPanel<RunsTablePanel> {
  return (panel, runPath) => new RunsTablePanel(panel, context, deps, runPath);
}

export class RunsTablePanel extends SessionPanel<RunsTableSession> {
  /** @param runPath ALL_RUNS */
  constructor(
    panel: vscode.WebviewPanel,
    context: vscode.ExtensionContext,
    deps: FeatureDeps,
    readonly runPath: string,
  ) {
    super(
      panel,
      context,
      deps,
      (host) =>
        new RunsTableSession({
          ...host,
          hasFolder: () => deps.workspaces.all.length > 0,
          kept: () => context.workspaceState.get(LOOK),
          keep: (look) => void context.workspaceState.update(LOOK, look),
          act: (command, paths) => void vscode.commands.executeCommand(COMMANDS[command], paths[0], paths),
          metricsOf: (run) => new RunFigures(run),
          metricsLoggedBy,
          copy: (text) => void vscode.env.clipboard.writeText(text),
        }),
    );
    entitle(panel, vscode.l10n.t('Runs'));
    showPage(panel.webview, context.extensionUri, 'runsTable', vscode.l10n.t('NPT Runs'));
  }
}
