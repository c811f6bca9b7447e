/** NPT: Check Environment: what training has here and what it lacks, each with what mends it. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { allCheckpoints } from '../../core/experiment/checkpoints';
import { EXPERIMENTS } from '../../core/experiment/runLayout';
import { checkEnvironment } from '../../core/training/environment/checkEnvironment';
import type { EnvironmentEntry, Remedy, Standing } from '../../core/training/environment/entry';
import { readLaunch } from '../../core/training/launchers';
import { renderEnvironment } from '../../core/training/environment/renderEnvironment';
import { showError, showInformation } from '../../platform/messages';
import { messageRows, pickUntil, type PickRow } from '../../platform/picks';
import { withCancellableProgress } from '../../platform/progress';
import { findPython, PythonNotFound } from '../../platform/python';
import { settings } from '../../platform/settings';
import type { FeatureDeps } from '../deps';
import { chooseRoot } from '../roots';
import { apply, remedyLabel, type Place } from './remedies';

const ICONS: Readonly<Record<Standing, string>> = { good: 'pass', note: 'info', bad: 'error' };

interface EntryRow extends PickRow {
  readonly remedy?: Remedy;
  readonly report?: true;
}

/** What fits beside the title. */
const SHORT = 60;

function rowsOf({ title, standing, text, remedies }: EnvironmentEntry): EntryRow[] {
  const short = text.length <= SHORT;
  return [
    { label: title, icon: ICONS[standing], description: short ? text : '' },
    ...(short ? [] : messageRows('blank', text)),
    ...remedies.map((remedy) => ({ label: remedyLabel(remedy), icon: 'lightbulb', remedy })),
  ];
}

async function look(deps: FeatureDeps, root: string, asks: string): Promise<Place & { entries: EnvironmentEntry[] }> {
  const python = await findPython(root).catch((error: unknown) => {
    if (error instanceof PythonNotFound) return error;
    throw error;
  });
  const { workspaces } = deps;
  const newest = workspaces.runs
    .filter((run) => workspaces.rootOf(run) === root)
    .flatMap(allCheckpoints)
    .filter(({ state }) => state === 'complete')
    .sort((a, b) => b.time - a.time)[0];
  const entries = await checkEnvironment({
    root,
    script: settings.trainScript(vscode.Uri.file(root)),
    experiments: workspaces.all.find((each) => each.root === root)?.experiments ?? path.join(root, EXPERIMENTS),
    python: typeof python === 'string' ? { path: python } : { failure: python.message },
    launch: readLaunch(settings.launch(vscode.Uri.file(root))).launch,
    asks,
    checkpointBytes: newest?.bytes ?? null,
  });
  return { root, python: typeof python === 'string' ? python : null, entries };
}

/** Nothing is changed by looking, so nobody has to wait for its end. */
function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve(undefined);
    });
  });
}

export async function showEnvironment(deps: FeatureDeps, asks: string): Promise<void> {
  const title = vscode.l10n.t('Check Environment');
  if (!vscode.workspace.isTrusted) {
    void showError(vscode.l10n.t('Checking the environment starts Python: trust this workspace first.'));
    return;
  }
  const root = await chooseRoot(deps, title);
  if (root === undefined) {
    void showInformation(vscode.l10n.t('Open the folder of a training workspace first, or create one.'));
    return;
  }
  // What a remedy mended is looked at again.
  for (;;) {
    const found = await withCancellableProgress(
      vscode.l10n.t('Looking at Python, its packages and this machine'),
      (signal) => Promise.race([look(deps, root, asks), aborted(signal)]),
    );
    if (found === undefined) return;
    const bad = found.entries.filter(({ standing }) => standing === 'bad').length;
    const picked = await pickUntil<EntryRow>(
      [
        ...found.entries.flatMap(rowsOf),
        { label: vscode.l10n.t('report'), heading: true },
        { label: vscode.l10n.t('Show as Report'), icon: 'markdown', report: true },
      ],
      {
        title: `${title}: ${root}`,
        placeHolder:
          bad === 0
            ? vscode.l10n.t('Everything that training needs is there')
            : bad === 1
              ? vscode.l10n.t('One thing is in the way of training')
              : vscode.l10n.t('{0} things are in the way of training', bad),
        matchOnDescription: true,
        ignoreFocusOut: true,
      },
      ({ remedy, report }) => remedy !== undefined || report === true,
    );
    if (picked?.report === true) {
      await deps.reports.show(vscode.l10n.t('Environment'), root, renderEnvironment(root, found.entries));
      return;
    }
    if (picked?.remedy === undefined || !(await apply(picked.remedy, found))) return;
  }
}
