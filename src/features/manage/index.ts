/** Small things one does with runs and checkpoints: pin, delete, clean up, tag, rename, see what they take, take them elsewhere. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { TRAIN_LOG } from '../../core/experiment/runLayout';
import { provideLinks } from '../../platform/documentLinks';
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

type Loaded = typeof import('../../onDemand');
type Late = (deps: FeatureDeps, named: Named) => unknown;

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const trainer = path.join(context.extensionPath, 'trainer');
  /** A command that is loaded when it is first asked for. */
  const late =
    (choose: (loaded: Loaded) => Late) =>
    async (named: Named): Promise<unknown> =>
      choose(await import('../../onDemand'))(deps, named);
  registerCommands(context, deps, {
    'npt.pin': late((of) => (_, named) => of.pin(deps, named, true)),
    'npt.unpin': late((of) => (_, named) => of.pin(deps, named, false)),
    'npt.deleteCheckpoints': late((of) => of.deleteChosen),
    'npt.deleteRuns': late((of) => of.deleteRuns),
    'npt.tagRuns': late((of) => of.tagRuns),
    'npt.renameRun': late((of) => of.renameChosen),
    'npt.starRuns': late((of) => (_, named) => of.starRuns(deps, named, true)),
    'npt.unstarRuns': late((of) => (_, named) => of.starRuns(deps, named, false)),
    'npt.editNotes': late((of) => of.editNotes),
    'npt.cleanUp': late((of) => of.cleanUp),
    'npt.showDiskUse': late((of) => of.showDiskUse),
    'npt.openTrainLog': late((of) => of.openTrainLog),
    'npt.openConfig': late((of) => of.openConfig),
    'npt.revealInExplorer': late((of) => of.revealInExplorer),
    'npt.revealInFileManager': late((of) => of.revealInFileManager),
    'npt.copyPath': (named) => copyPath(deps, named),
    'npt.copySnippet': late((of) => (_, named) => of.copySnippet(deps, named, trainer)),
    'npt.copyResumeCommand': late((of) => of.copyResumeCommand),
    'npt.showLog': () => {
      deps.log.show();
    },
  });
  context.subscriptions.push(
    provideLinks(TRAIN_LOG, async (log) => (await import('../../onDemand')).logLinks(deps, log)),
  );
}
