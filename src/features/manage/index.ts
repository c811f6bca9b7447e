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

/** What is loaded when somebody asks for it, by what src/onDemand.ts calls it. */
const LATER = {
  'npt.deleteCheckpoints': 'deleteChosen',
  'npt.tagRuns': 'tagRuns',
  'npt.renameRun': 'renameChosen',
  'npt.editNotes': 'editNotes',
  'npt.cleanUp': 'cleanUp',
  'npt.showDiskUse': 'showDiskUse',
  'npt.openTrainLog': 'openTrainLog',
} as const;

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const later = Object.entries(LATER).map(([command, action]): [string, (named: Named) => unknown] => [
    command,
    async (named) => (await import('../../onDemand'))[action](deps, named),
  ]);
  registerCommands(context, deps, {
    ...Object.fromEntries(later),
    'npt.pin': async (named) => (await import('../../onDemand')).pin(deps, named, true),
    'npt.unpin': async (named) => (await import('../../onDemand')).pin(deps, named, false),
    'npt.starRuns': async (named) => (await import('../../onDemand')).starRuns(deps, named, true),
    'npt.unstarRuns': async (named) => (await import('../../onDemand')).starRuns(deps, named, false),
    'npt.copyPath': (named) => copyPath(deps, named),
    'npt.showLog': () => {
      deps.log.show();
    },
  });
}
