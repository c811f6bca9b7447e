/** Training as VS Code tasks of type `npt`: what tasks.json may hold, and how a plan becomes a task. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { newestComplete } from '../../core/experiment/checkpoints';
import { programKindOf, programRequestOf } from '../../core/training/checkpointPrograms';
import { launcherOf } from '../../core/training/launchers';
import type { Plan } from '../../core/training/plan/plan';
import { definitionOf, requestOf, type TrainingRequest } from '../../core/training/plan/taskDefinition';
import { PythonNotFound } from '../../platform/python';
import { escapedWords, messageTask, programTask, TaskTextError } from '../../platform/tasks';
import type { FeatureDeps } from '../deps';
import { makeProgramTask } from '../programs/programTask';
import { environmentOf, planIn, type TrainingEnvironment } from './plans';

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
  return taskOf(launcherOf(plan.launch.kind).command(plan, supervisor), plan, definition);
}

/** Whether several plans are one thing to their launcher. */
export function canStartTogether([first, ...others]: readonly Plan[]): boolean {
  return first !== undefined && others.length > 0 && launcherOf(first.launch.kind).together !== undefined;
}

/** One task for several plans, which their launcher starts as one thing. */
export function commonTask([first, ...others]: readonly Plan[], supervisor: string): vscode.Task {
  if (first === undefined) throw new Error('no plan was given');
  const name = vscode.l10n.t('{0} and {1} more', path.basename(first.run), others.length);
  const command = launcherOf(first.launch.kind).together?.([first, ...others], name, supervisor) ?? [];
  return taskOf(command, first, definitionOf(first), name);
}

/** @param name of the runs that it trains */
function taskOf(
  commandLine: readonly string[],
  plan: Plan,
  definition: vscode.TaskDefinition,
  name: string = path.basename(plan.run),
): vscode.Task {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(plan.cwd));
  const [program = '', script = '', ...rest] = commandLine;
  const { escaped, words } = escapedWords(rest);
  const [command = '', ...asked] = words;
  const task = programTask({
    definition,
    scope: folder,
    name: `${plan.kind} ${name}`,
    detail: plan.argv.slice(1).join(' '),
    program,
    words: [script, command, ...(escaped ? ['--escaped'] : []), '--stopped-ok', '--problems', ...asked],
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
    // The trainer's lines, not a paragraph of command line: that is in train.log.
    echo: false,
  };
  return task;
}

export class TrainingTasks implements vscode.TaskProvider {
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
    const tasks: vscode.Task[] = [];
    // A folder's interpreter is looked for once: the Python extension may take its time, and its failure is said each time.
    const environments = new Map<string, Promise<TrainingEnvironment>>();
    for (const run of resumable.slice(0, MOST_OFFERED)) {
      const root = workspaces.rootOf(run);
      const environment = environments.get(root) ?? environmentOf(root);
      environments.set(root, environment);
      const made = await this.make({ kind: 'resume', checkpoint: run.path }, environment);
      if (typeof made === 'string') this.deps.log.warn(`task resume ${run.path}: ${made}`);
      else tasks.push(made);
    }
    return tasks;
  }

  /** A task of tasks.json. One that cannot train is a task, too: its terminal says why, where VS Code would say nothing. */
  async resolveTask(task: vscode.Task): Promise<vscode.Task | undefined> {
    const { definition } = task;
    const folder = typeof task.scope === 'object' ? task.scope : vscode.workspace.workspaceFolders?.[0];
    if (definition.type !== 'npt' || folder === undefined || !vscode.workspace.isTrusted) return undefined;
    const root = folder.uri.fsPath;
    const made = await this.made(task, root);
    if (typeof made !== 'string') return made;
    this.deps.log.warn(`task ${task.name}: ${made}`);
    const reason = vscode.l10n.t('The task "{0}" of {1} cannot start: {2}', task.name, folder.name, made);
    return messageTask({ definition, scope: task.scope, name: task.name }, reason);
  }

  /** What a task of tasks.json runs, or in one line why it cannot. */
  private async made({ definition, name }: vscode.Task, root: string): Promise<vscode.Task | string> {
    const program = programKindOf(definition);
    if (program === undefined) {
      const request = requestOf(definition, root);
      return typeof request === 'string' ? request : this.make(request, environmentOf(root), definition);
    }
    const request = programRequestOf(definition, program, root);
    if (typeof request === 'string') return request;
    try {
      const made = await makeProgramTask(request, root, this.supervisor, { definition, name });
      return typeof made === 'string' ? made : made.task;
    } catch (error) {
      if (error instanceof PythonNotFound) return error.message;
      throw error;
    }
  }

  /** The task for a request, or in one line why there is none. */
  private async make(
    request: TrainingRequest,
    environment: Promise<TrainingEnvironment>,
    definition?: vscode.TaskDefinition,
  ): Promise<vscode.Task | string> {
    try {
      const plan = await planIn(this.deps, await environment, request);
      return plan.errors[0]?.message ?? trainingTask(plan, this.supervisor, definition);
    } catch (error) {
      if (error instanceof TaskTextError || error instanceof PythonNotFound) return error.message;
      throw error;
    }
  }
}
