/** NPT: Probe Run: every complete checkpoint's NP components on the same input, and a page that shows what they gave. */
import * as vscode from 'vscode';
import type { Run } from '../../core/experiment/model';
import { showInformation, showWarning } from '../../platform/messages';
import { withCancellableProgress } from '../../platform/progress';
import { RunPanels } from '../../platform/runPanels';
import type { ProbeMessage } from '../../protocol/probe';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseRun, type Named } from '../targets';
import { checkpointsToProbe, probeMessage } from './facts';
import type { ProbePanel } from './panel';

const VIEW_TYPE = 'npt.probe';

/** The run to probe; says so when there is nothing to probe. */
async function runToProbe(deps: FeatureDeps, named: Named): Promise<Run | undefined> {
  const run = await chooseRun(deps, named, {
    title: vscode.l10n.t('Probe Run'),
    none: vscode.l10n.t('No run in this workspace has a complete checkpoint to probe yet.'),
    accepts: (candidate) => checkpointsToProbe(candidate).length > 0,
  });
  if (run === undefined || checkpointsToProbe(run).length > 0) return run;
  void showInformation(vscode.l10n.t('{0} has no complete checkpoint to probe yet.', run.name));
  return undefined;
}

async function tellUnavailable(reason: string): Promise<void> {
  // VS Code cuts a notification without a button to one line.
  const show = vscode.l10n.t('Show Log');
  const answer = await showWarning(
    vscode.l10n.t('The probe is not available: {0}. Everything else works without it.', reason),
    show,
  );
  if (answer === show) await vscode.commands.executeCommand('npt.showLog');
}

/** Undefined when cancelled, or when the probe cannot run here: then the user was told why. */
async function probe(deps: FeatureDeps, run: Run): Promise<ProbeMessage | undefined> {
  const checkpoints = checkpointsToProbe(run);
  const began = Date.now();
  const found = await withCancellableProgress(
    vscode.l10n.t('Probing {0}', run.name),
    (signal, showShare, showMessage) =>
      deps.checkpoints.probe(
        checkpoints.map(({ path }) => path),
        {
          signal,
          onProgress: (done, total) => {
            showShare(done, total);
            showMessage(checkpoints[done]?.name ?? '');
          },
        },
      ),
  );
  if (found === undefined) return undefined;
  if (found.unavailable !== null) {
    deps.log.warn(`probe ${run.path}: ${found.unavailable}`);
    // Not awaited: the notification stays as long as it likes, the command is done.
    void tellUnavailable(found.unavailable);
    return undefined;
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(2);
  deps.log.info(`probe ${run.path}: ${checkpoints.length} checkpoints in ${seconds} s`);
  return probeMessage(run, checkpoints, found, Date.now() / 1000);
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const panels = new RunPanels<ProbePanel>(VIEW_TYPE, async () => {
    const { ProbePanel: Page } = await import('../../onDemand');
    return (panel, runPath) =>
      new Page(panel, context, deps, runPath, (now) => {
        void vscode.commands.executeCommand('npt.probeRun', now);
      });
  });

  context.subscriptions.push(panels);
  registerCommands(context, deps, {
    'npt.probeRun': async (named): Promise<ProbeMessage | undefined> => {
      const run = await runToProbe(deps, named);
      if (run === undefined) return undefined;
      const found = await probe(deps, run);
      if (found === undefined) return undefined;
      (await panels.of(run.name, run.path)).show(found);
      return found;
    },
  });
}
