/** Training as VS Code tasks of type `npt`: what tasks.json may hold, and how a plan becomes a task. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { newestComplete } from '../../core/experiment/checkpoints';
import type { Run } from '../../core/experiment/model';
import type { Plan } from '../../core/training/plan/plan';
import { definitionOf, requestOf, type TrainingRequest } from '../../core/training/plan/taskDefinition';
import { PythonNotFound } from '../../platform/python';
import { escapedWords, messageTask, programTask, TaskTextError } from '../../platform/tasks';
import type { FeatureDeps } from '../deps';
import { planFor } from './plans';

/** How many runs Run Task offers to resume, the newest first: each costs a plan, and a longer list is the tree's. */
const MOST_OFFERED = 20;

/**
 * The task that trains a plan. Its terminal only follows: the supervisor it starts lives on when the terminal or the
 * window closes (docs/architecture.md, "A training process outlives the window").
 */
export function trainingTask(
  plan: Plan,
  supervisor: string,
  definition: vscode.TaskDefinition = definitionOf(plan),
): vscode.Task {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(plan.cwd));
  const { escaped, words } = escapedWords([plan.run, ...plan.argv]);
  const [run = plan.run, ...argv] = words;
  const task = programTask({
    definition,
    scope: folder,
    name: `${plan.kind} ${path.basename(plan.run)}`,
    detail: plan.argv.slice(1).join(' '),
    program: plan.interpreter,
    words: [
      ...[supervisor, 'run', '--run-dir', run, '--launcher', plan.launcher, '--stopped-ok', '--problems'],
      ...(escaped ? ['--escaped'] : []),
      '--',
      ...argv,
    ],
    folder: plan.cwd,
    environment: { PYTHONUNBUFFERED: '1' },
    problemMatchers: ['$npt', '$npt-error'],
  });
  task.isBackground = true;
  task.presentationOptions = {
    reveal: vscode.TaskRevealKind.Always,
    panel: vscode.TaskPanelKind.Dedicated,
    showReuseMessage: false,
    clear: false,
    echo: true,
  };
  return task;
}

export class TrainingTasks implements vscode.TaskProvider {
  /** Tasks by run; one whose run has not changed needs no new plan. */
  private offered = new Map<string, { readonly run: Run; readonly task: vscode.Task | undefined }>();

  constructor(
    private readonly deps: FeatureDeps,
    private readonly supervisor: string,
  ) {}

  /** A resume task for each of the newest runs that have steps to go. */
  async provideTasks(): Promise<vscode.Task[]> {
    if (!vscode.workspace.isTrusted) return [];
    const { workspaces } = this.deps;
    await workspaces.ready();
    const resumable = workspaces.runs.filter(
      (run) => newestComplete(run) !== undefined && (run.state === 'stopped' || run.state === 'interrupted'),
    );
    const before = this.offered;
    this.offered = new Map();
    for (const run of resumable.slice(0, MOST_OFFERED)) {
      const known = before.get(run.path);
      this.offered.set(run.path, known?.run === run ? known : { run, task: await this.resumeTask(run) });
    }
    return [...this.offered.values()].flatMap(({ task }) => task ?? []);
  }

  private async resumeTask(run: Run): Promise<vscode.Task | undefined> {
    const request: TrainingRequest = { kind: 'resume', checkpoint: run.path };
    const made = await this.make(request, this.deps.workspaces.rootOf(run));
    if (typeof made !== 'string') return made;
    this.deps.log.warn(`task resume ${run.path}: ${made}`);
    return undefined;
  }

  /** A task of tasks.json. One that cannot train is a task, too: its terminal says why, where VS Code would say nothing. */
  async resolveTask(task: vscode.Task): Promise<vscode.Task | undefined> {
    const { definition } = task;
    const folder = typeof task.scope === 'object' ? task.scope : vscode.workspace.workspaceFolders?.[0];
    if (definition.type !== 'npt' || folder === undefined || !vscode.workspace.isTrusted) return undefined;
    const request = requestOf(definition, folder.uri.fsPath);
    const made = typeof request === 'string' ? request : await this.make(request, folder.uri.fsPath, definition);
    if (typeof made !== 'string') return made;
    this.deps.log.warn(`task ${task.name}: ${made}`);
    const reason = vscode.l10n.t('The task "{0}" of {1} cannot start: {2}', task.name, folder.name, made);
    return messageTask({ definition, scope: task.scope, name: task.name }, reason);
  }

  /** The task for a request, or in one line why there is none. */
  private async make(
    request: TrainingRequest,
    root: string,
    definition?: vscode.TaskDefinition,
  ): Promise<vscode.Task | string> {
    try {
      const plan = await planFor(this.deps, root, request);
      return plan.errors[0]?.message ?? trainingTask(plan, this.supervisor, definition);
    } catch (error) {
      if (error instanceof TaskTextError || error instanceof PythonNotFound) return error.message;
      throw error;
    }
  }
}
