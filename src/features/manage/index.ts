/** Small things one does with runs and checkpoints: pin, delete, clean up, tag, rename, see what they take, copy the path. */
import * as vscode from 'vscode';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoints, targetPaths, type Named } from '../targets';

/** Any node of the tree has a path; without one, a checkpoint's is asked for. One a line, as a shell takes them. */
async function copyPath(deps: FeatureDeps, named: Named): Promise<void> {
  let paths = targetPaths(named);
  if (paths.length === 0) {
    const chosen = await chooseCheckpoints(deps, named, {
      title: vscode.l10n.t('Copy Path'),
      none: vscode.l10n.t('There is no checkpoint in this workspace yet.'),
      accepts: () => true,
    });
    paths = chosen.map(({ checkpoint }) => checkpoint.path);
  }
  if (paths.length > 0) await vscode.env.clipboard.writeText(paths.join('\n'));
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  registerCommands(context, deps, {
    'npt.pin': async (named) => (await import('../../onDemand')).pin(deps, named, true),
    'npt.unpin': async (named) => (await import('../../onDemand')).pin(deps, named, false),
    'npt.deleteCheckpoints': async (named) => (await import('../../onDemand')).deleteChosen(deps, named),
    'npt.tagRuns': async (named) => (await import('../../onDemand')).tagRuns(deps, named),
    'npt.starRuns': async (named) => (await import('../../onDemand')).starRuns(deps, named, true),
    'npt.unstarRuns': async (named) => (await import('../../onDemand')).starRuns(deps, named, false),
    'npt.renameRun': async (named) => (await import('../../onDemand')).renameChosen(deps, named),
    'npt.editNotes': async (named) => (await import('../../onDemand')).editNotes(deps, named),
    'npt.cleanUp': async (named) => (await import('../../onDemand')).cleanUp(deps, named),
    'npt.showDiskUse': async (named) => (await import('../../onDemand')).showDiskUse(deps, named),
    'npt.openTrainLog': async (named) => (await import('../../onDemand')).openTrainLog(deps, named),
    'npt.copyPath': (named) => copyPath(deps, named),
    'npt.showLog': () => {
      deps.log.show();
    },
  });
}
