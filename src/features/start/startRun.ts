/** Start New Run…: from a preset, another run's settings, an entry of tasks.json, or the trainer's own defaults. */
import * as vscode from 'vscode';
import { TRAINER_ARGUMENTS } from '../../core/arguments/arguments';
import { formatCount } from '../../core/format';
import { readPresets } from '../../core/training/plan/presets';
import { requestOf, type TrainingRequest } from '../../core/training/plan/taskDefinition';
import { showError, showInformation, showWarning } from '../../platform/messages';
import { pick, type PickRow } from '../../platform/picks';
import type { FeatureDeps } from '../deps';
import { chooseRoot } from '../roots';
import { targetPath, type Named } from '../targets';
import { changeAndStart, reviewAndStart } from './startPlans';

interface SourceRow extends PickRow {
  readonly request?: TrainingRequest;
  /** Everything is said already: it is reviewed as it is. */
  readonly whole?: true;
  /** Why it cannot be used. */
  readonly problem?: string;
}

export async function startRun(deps: FeatureDeps, named: Named): Promise<void> {
  const title = vscode.l10n.t('Start New Run');
  await deps.workspaces.ready();
  const path = targetPath(named.argument);
  const run = path === undefined ? undefined : deps.workspaces.runAt(path);
  const root = run === undefined ? await chooseRoot(deps, title) : deps.workspaces.rootOf(run);
  if (root === undefined) {
    void showInformation(vscode.l10n.t('Open the folder of a training workspace first, or create one.'));
    return;
  }
  const chosen: SourceRow | undefined =
    run === undefined
      ? await chooseSource(deps, root, title)
      : { label: run.name, request: { kind: 'start', from: run.path } };
  if (chosen?.problem !== undefined) void showError(chosen.problem);
  if (chosen?.request === undefined) return;
  const starting = { title: `${title}: ${chosen.label}`, root, request: chosen.request };
  if (chosen.whole === true) {
    await reviewAndStart(deps, starting);
    return;
  }
  const known = new Set(TRAINER_ARGUMENTS.map(({ name }) => name));
  await changeAndStart(deps, starting, {
    offers: (name) => known.has(name),
    unchanged: vscode.l10n.t('Start without changes'),
  });
}

async function chooseSource(deps: FeatureDeps, root: string, title: string): Promise<SourceRow | undefined> {
  const { presets, problem } = await readPresets(root);
  if (problem !== null) void showWarning(problem);
  const runs = deps.workspaces.runs.filter((run) => deps.workspaces.rootOf(run) === root);
  const tasks = tasksOf(root);
  const heading = (label: string): SourceRow => ({ label, heading: true });
  return pick<SourceRow>(
    [
      heading(vscode.l10n.t('presets')),
      ...presets.map(({ name, description, builtIn }) => ({
        label: name,
        icon: 'symbol-constant',
        description: builtIn ? '' : vscode.l10n.t('of this workspace'),
        detail: description,
        request: { kind: 'start' as const, preset: name },
      })),
      ...(tasks.length === 0 ? [] : [heading(vscode.l10n.t('tasks.json')), ...tasks]),
      ...(runs.length === 0 ? [] : [heading(vscode.l10n.t('the settings of a run'))]),
      ...runs.map((run) => ({
        label: run.name,
        icon: 'beaker',
        description: `${run.state} · ${formatCount(run.step)}`,
        request: { kind: 'start' as const, from: run.path },
      })),
      heading(vscode.l10n.t('or')),
      {
        label: vscode.l10n.t('The Trainer’s Defaults'),
        icon: 'symbol-parameter',
        request: { kind: 'start' as const },
      },
    ],
    {
      title,
      placeHolder: vscode.l10n.t('What does the new run start with?'),
      matchOnDescription: true,
      matchOnDetail: true,
      ignoreFocusOut: true,
    },
  );
}

/** The entries of tasks.json that train, whatever they do. */
function tasksOf(root: string): SourceRow[] {
  const tasks = vscode.workspace.getConfiguration('tasks', vscode.Uri.file(root)).get<unknown>('tasks');
  if (!Array.isArray(tasks)) return [];
  return (tasks as unknown[]).flatMap((task): SourceRow[] => {
    if (typeof task !== 'object' || task === null || !('type' in task) || task.type !== 'npt') return [];
    const definition = task as Record<string, unknown>;
    const request = requestOf(definition, root);
    const label = typeof definition.label === 'string' ? definition.label : 'npt';
    const row = { label, icon: 'checklist' };
    return [
      typeof request === 'string'
        ? { ...row, description: request, problem: `${label}: ${request}` }
        : { ...row, description: request.kind, request, whole: true },
    ];
  });
}
