/** Training as VS Code tasks of type `npt`: what tasks.json may hold, and how a plan becomes a task. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { newestComplete } from '../../core/experiment/checkpoints';
import { programKindOf, programRequestOf } from '../../core/training/checkpointPrograms';
import type { Run } from '../../core/experiment/model';
import { exists } from '../../core/files';
import { formatCount } from '../../core/format';
import { launcherOf } from '../../core/training/launchers';
import type { Plan } from '../../core/training/plan/plan';
import { definitionOf, requestOf, type TrainingRequest } from '../../core/training/plan/taskDefinition';
import { inWorkspace } from '../../core/training/plan/trainerScript';
import { findPython, PythonNotFound } from '../../platform/python';
import { settings } from '../../platform/settings';
import {
  escapedWords,
  LateWords,
  messageTask,
  type ProgramTask,
  programTask,
  TaskTextError,
} from '../../platform/tasks';
import type { FeatureDeps } from '../deps';
import { makeProgramTask } from '../programs/programTask';
import { planFor } from './plans';

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
  const { program, words } = taskCommand(commandLine);
  return followingTask({
    definition,
    name: `${plan.kind} ${name}`,
    detail: plan.argv.slice(1).join(' '),
    program,
    words,
    folder: plan.cwd,
  });
}

/** A launcher's command for a task's terminal: what VS Code or a terminal would not leave as it is, is encoded. */
function taskCommand(commandLine: readonly string[]): { readonly program: string; readonly words: readonly string[] } {
  const [program = '', script = '', ...rest] = commandLine;
  const { escaped, words } = escapedWords(rest);
  const [command = '', ...asked] = words;
  return {
    program,
    words: [script, command, ...(escaped ? ['--escaped'] : []), '--stopped-ok', '--problems', ...asked],
  };
}

/** A task whose terminal follows a run. */
function followingTask(task: Omit<ProgramTask, 'scope' | 'environment' | 'problemMatchers'>): vscode.Task {
  const made = programTask({
    ...task,
    scope: vscode.workspace.getWorkspaceFolder(vscode.Uri.file(task.folder)),
    environment: { PYTHONUNBUFFERED: '1' },
    problemMatchers: ['$npt', '$npt-error'],
  });
  made.isBackground = true;
  made.presentationOptions = {
    // Show Terminal is beside the state. One that fails is shown, all the same.
    reveal: vscode.TaskRevealKind.Silent,
    panel: vscode.TaskPanelKind.Dedicated,
    showReuseMessage: false,
    clear: false,
    // The trainer's lines, not a paragraph of command line: that is in train.log.
    echo: false,
  };
  return made;
}

/** Where runs of a workspace folder are trained; null where they cannot be. */
type Place = { readonly root: string; readonly python: string } | null;

export class TrainingTasks implements vscode.TaskProvider, vscode.Disposable {
  private readonly late = new LateWords();

  constructor(
    private readonly deps: FeatureDeps,
    private readonly supervisor: string,
  ) {}

  dispose(): void {
    this.late.dispose();
  }

  /** A resume task for each run that has steps to go. What it runs is planned when it is run. */
  async provideTasks(): Promise<vscode.Task[]> {
    if (!vscode.workspace.isTrusted) return [];
    const { workspaces } = this.deps;
    await workspaces.ready();
    const tasks: vscode.Task[] = [];
    // Asked once a folder: the Python extension may take its time, and its failure is said each time.
    const places = new Map<string, Promise<Place>>();
    for (const run of workspaces.runs) {
      if (newestComplete(run) === undefined || (run.state !== 'stopped' && run.state !== 'interrupted')) continue;
      const root = workspaces.rootOf(run);
      const place = places.get(root) ?? this.placeOf(root);
      places.set(root, place);
      const found = await place;
      const task = found === null ? undefined : this.lateTask(run, found);
      if (task !== undefined) tasks.push(task);
    }
    return tasks;
  }

  private async placeOf(root: string): Promise<Place> {
    try {
      const script = path.resolve(root, settings.trainScript(vscode.Uri.file(root)));
      if (await exists(script)) return { root, python: await findPython(root) };
      this.deps.log.info(`tasks of ${root}: there is no ${script}`);
    } catch (error) {
      if (!(error instanceof PythonNotFound)) throw error;
      this.deps.log.warn(`tasks of ${root}: ${error.message}`);
    }
    return null;
  }

  private lateTask(run: Run, { root, python }: NonNullable<Place>): vscode.Task | undefined {
    const newest = newestComplete(run);
    const words = this.late.word(run.path, () => this.commandFor(run, root));
    try {
      return followingTask({
        definition: { type: 'npt', kind: 'resume', checkpoint: inWorkspace(run.path, root) },
        name: `resume ${run.name}`,
        detail: newest && vscode.l10n.t('from {0}, step {1}', newest.name, formatCount(newest.step)),
        program: python,
        words: [this.supervisor, 'planned', words],
        folder: root,
      });
    } catch (error) {
      if (!(error instanceof TaskTextError)) throw error;
      this.deps.log.warn(`task resume ${run.path}: ${error.message}`);
      return undefined;
    }
  }

  /** What a task of the list runs, or in one line why it cannot. */
  private async commandFor(run: Run, root: string): Promise<readonly string[] | string> {
    const plan = await this.plan(root, { kind: 'resume', checkpoint: run.path });
    if (typeof plan !== 'string') {
      const { program, words } = taskCommand(launcherOf(plan.launch.kind).command(plan, this.supervisor));
      return [program, ...words];
    }
    this.deps.log.warn(`task resume ${run.path}: ${plan}`);
    return plan;
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
      return typeof request === 'string' ? request : this.taskFor(root, request, definition);
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
  private async taskFor(
    root: string,
    request: TrainingRequest,
    definition: vscode.TaskDefinition,
  ): Promise<vscode.Task | string> {
    const plan = await this.plan(root, request);
    if (typeof plan === 'string') return plan;
    try {
      return trainingTask(plan, this.supervisor, definition);
    } catch (error) {
      if (error instanceof TaskTextError) return error.message;
      throw error;
    }
  }

  /** The plan for a request, or in one line why it cannot be started. */
  private async plan(root: string, request: TrainingRequest): Promise<Plan | string> {
    try {
      const plan = await planFor(this.deps, root, request);
      return plan.errors[0]?.message ?? (await this.deps.starter.placed(plan));
    } catch (error) {
      if (error instanceof PythonNotFound) return error.message;
      throw error;
    }
  }
}
