/** NPT: Validate Checkpoint: one or many, from the tree or the palette; verdict, report, the tree's icon. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { ValidationReport } from '../../core/checkpoint/report/report';
import { allCheckpoints } from '../../core/experiment/checkpoints';
import { formatCount, formatProgress } from '../../core/format';
import { showError, showInformation } from '../../platform/messages';
import { withCancellableProgress } from '../../platform/progress';
import { settings } from '../../platform/settings';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { chooseCheckpoint, targetPaths, type Named } from '../targets';
import { validateSeveral, type Validated } from './several';

/** How often a few results are held to what is on disk. */
const STALE_CHECK_MS = 5000;

/** The checkpoints and files a command is about: those named, every checkpoint of a run, or what the user picks. */
async function chosenPaths(deps: FeatureDeps, named: Named): Promise<readonly string[]> {
  await deps.workspaces.ready();
  const paths = targetPaths(named);
  if (paths.length === 0) {
    const picked = await chooseCheckpoint(deps, named, {
      title: vscode.l10n.t('Validate Checkpoint'),
      none: vscode.l10n.t('There is no checkpoint in this workspace yet.'),
      accepts: () => true,
    });
    return picked === undefined ? [] : [picked.checkpoint.path];
  }
  return paths.flatMap((chosen) => {
    const run = deps.workspaces.runAt(chosen);
    return run?.path === chosen ? allCheckpoints(run).map((checkpoint) => checkpoint.path) : [chosen];
  });
}

function summary(deps: FeatureDeps, report: ValidationReport): string {
  const name = path.basename(report.path);
  const run = deps.workspaces.runAt(report.path)?.name;
  const subject = run === undefined ? name : vscode.l10n.t('{0} of {1}', name, run);
  const worst =
    report.findings.find((finding) => finding.severity === 'error') ??
    report.findings.find((finding) => finding.severity === 'warning');
  switch (report.verdict) {
    case 'valid': {
      const facts = [
        report.step === null ? null : vscode.l10n.t('step {0}', formatCount(report.step)),
        report.stage,
        report.layers.length === 0 ? null : vscode.l10n.t('layers {0}', report.layers.join(', ')),
      ].filter((fact) => fact !== null);
      const text = vscode.l10n.t('{0} is valid: {1}.', subject, facts.join(', '));
      return worst === undefined ? text : `${text} ${worst.message}`;
    }
    case 'incomplete':
      return vscode.l10n.t('{0} is incomplete. {1}', subject, worst?.message ?? '');
    case 'invalid':
      return vscode.l10n.t('{0} is not valid. {1}', subject, worst?.message ?? '');
    case 'dangerous':
      return vscode.l10n.t('{0} is dangerous: loading it would run code. {1}', subject, worst?.message ?? '');
    case 'unverifiable':
      return vscode.l10n.t('{0} cannot be verified. {1}', subject, worst?.message ?? '');
  }
}

/**
 * Of many, those that have not changed since their last validation are not read again; a single one always is, because
 * somebody asked for it.
 * @throws CheckpointPathError where the only path leads nowhere
 */
async function validateAll(deps: FeatureDeps, paths: readonly string[]): Promise<Validated> {
  const level = settings.validationLevel();
  const validated = await withCancellableProgress(
    vscode.l10n.t('Validating'),
    (signal, showShare, showMessage): Promise<Validated> =>
      validateSeveral(paths, signal, async (checkpoint, index) => {
        const label = `${paths.length === 1 ? '' : `${index + 1}/${paths.length} `}${path.basename(checkpoint)}`;
        showMessage(label);
        const known = paths.length > 1 ? await deps.validations.current(checkpoint, level) : undefined;
        const report =
          known ??
          (await deps.validations.run(checkpoint, () => {
            const began = performance.now();
            return deps.checkpoints.validate(checkpoint, {
              level,
              signal,
              onProgress: (done, total) => {
                showShare(index + (total === 0 ? 0 : done / total), paths.length);
                showMessage(`${label} · ${formatProgress(done, total, (performance.now() - began) / 1000)}`);
              },
            });
          }));
        deps.log.info(`validate ${checkpoint}: ${report.verdict}${known === undefined ? '' : ' (unchanged)'}`);
        return report;
      }),
  );
  for (const checkpoint of validated?.gone ?? []) deps.log.info(`validate ${checkpoint}: it is gone`);
  for (const { path: checkpoint, why } of validated?.failed ?? []) deps.log.error(`validate ${checkpoint}: ${why}`);
  return validated ?? { reports: [], gone: [], failed: [] };
}

function nameOf(deps: FeatureDeps, report: ValidationReport): string {
  const run = deps.workspaces.runAt(report.path)?.name ?? path.basename(path.dirname(path.dirname(report.path)));
  return `${run} / ${path.basename(report.path)}`;
}

async function showReports(deps: FeatureDeps, reports: readonly ValidationReport[]): Promise<void> {
  const [only] = reports;
  if (reports.length === 1 && only !== undefined) {
    const { renderReport } = await import('../../onDemand');
    await deps.reports.show(nameOf(deps, only).replace(' / ', ' '), only.path, renderReport(only));
    return;
  }
  const { renderReports } = await import('../../onDemand');
  const named = reports.map((report) => ({ name: nameOf(deps, report), report }));
  const subject = reports.map((report) => report.path).join('|');
  await deps.reports.show(
    vscode.l10n.t('Validation of {0} checkpoints', reports.length),
    subject,
    renderReports(named),
  );
}

async function tell(deps: FeatureDeps, validated: Validated): Promise<void> {
  const { reports, failed } = validated;
  const bad = reports.filter((report) => report.verdict !== 'valid');
  const first = bad[0] ?? reports[0];
  const message = [first === undefined ? null : verdictText(deps, reports, bad, first), ...leftOut(validated)]
    .filter((text) => text !== null)
    .join(' ');
  if (message === '') return;
  const buttons = first === undefined ? [] : [vscode.l10n.t('Show Report')];
  const say = bad.length === 0 && failed.length === 0 ? showInformation : showError;
  const answer = await say(message, ...buttons);
  if (answer !== undefined) await showReports(deps, reports);
}

function verdictText(
  deps: FeatureDeps,
  reports: readonly ValidationReport[],
  bad: readonly ValidationReport[],
  first: ValidationReport,
): string {
  if (reports.length === 1) return summary(deps, first);
  return bad.length === 0
    ? vscode.l10n.t('All {0} checkpoints are valid.', reports.length)
    : vscode.l10n.t('{0} of {1} checkpoints are not valid. {2}', bad.length, reports.length, summary(deps, first));
}

/** What to say of those that have no report. */
function leftOut({ gone, failed }: Validated): string[] {
  const said: string[] = [];
  if (gone.length === 1)
    said.push(vscode.l10n.t('{0} was deleted before it could be validated.', path.basename(gone[0] ?? '')));
  if (gone.length > 1)
    said.push(vscode.l10n.t('{0} checkpoints were deleted before they could be validated.', gone.length));
  const [one] = failed;
  if (failed.length === 1 && one !== undefined)
    said.push(vscode.l10n.t('{0} could not be validated: {1}', path.basename(one.path), one.why));
  else if (one !== undefined)
    said.push(vscode.l10n.t('{0} checkpoints could not be validated; the first: {1}', failed.length, one.why));
  return said;
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const run = async (paths: readonly string[]): Promise<readonly ValidationReport[]> => {
    if (paths.length === 0) return [];
    const validated = await validateAll(deps, paths);
    // Not awaited: the notification stays as long as it likes, the command is done.
    void tell(deps, validated);
    return validated.reports;
  };
  // A file damaged in place is no event for anybody: a result is held to what is on disk now and then.
  let looking = false;
  const look = setInterval(() => {
    if (looking) return;
    looking = true;
    void deps.validations
      .refresh((checkpoint) => deps.workspaces.checkpointAt(checkpoint) !== undefined)
      .finally(() => {
        looking = false;
      });
  }, STALE_CHECK_MS);
  context.subscriptions.push({
    dispose: () => {
      clearInterval(look);
    },
  });
  registerCommands(context, deps, {
    'npt.validate': async (named) => run(await chosenPaths(deps, named)),
    'npt.validateAll': async () => {
      await deps.workspaces.ready();
      const paths = deps.workspaces.runs.flatMap(allCheckpoints).map((checkpoint) => checkpoint.path);
      if (paths.length === 0) {
        void showInformation(vscode.l10n.t('There is no checkpoint in this workspace yet.'));
      }
      return run(paths);
    },
  });
}
