/** Training as VS Code tasks of type `npt`: what tasks.json may hold, and how a plan becomes a task. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { newestComplete } from '../../core/experiment/checkpoints';
import { makePlan } from '../../core/training/plan/makePlan';
import type { Plan, PlanKind } from '../../core/training/plan/plan';
import { findPython } from '../../platform/python';
import { settings } from '../../platform/settings';
import { escapedWords, programTask, TaskTextError } from '../../platform/tasks';
import type { FeatureDeps } from '../deps';

/** What to train, as the tree, the palette and tasks.json ask for it. */
export interface TrainingRequest {
  readonly kind: PlanKind;
  /** The checkpoint's folder, absolute or relative to the workspace. */
  readonly checkpoint: string;
  readonly changes?: Readonly<Record<string, string | number | boolean>>;
  readonly additionalSteps?: number;
  /** Folder name of a new run. */
  readonly name?: string;
}

/** An `npt` task as tasks.json writes it (package.json, `taskDefinitions`). */
export interface NptTaskDefinition extends vscode.TaskDefinition, TrainingRequest {
  readonly type: 'npt';
}

function isDefinition(definition: vscode.TaskDefinition): definition is NptTaskDefinition {
  const kinds: readonly unknown[] = ['resume', 'extend', 'branch'];
  return definition.type === 'npt' && typeof definition.checkpoint === 'string' && kinds.includes(definition.kind);
}

/** The plan for a request from the tree, the palette or tasks.json. */
export async function planFor(request: TrainingRequest, workspaceRoot: string): Promise<Plan> {
  const scope = vscode.Uri.file(workspaceRoot);
  return makePlan({
    kind: request.kind,
    checkpoint: path.resolve(workspaceRoot, request.checkpoint),
    changes: Object.fromEntries(Object.entries(request.changes ?? {}).map(([name, value]) => [name, String(value)])),
    additionalSteps: request.additionalSteps,
    outputName: request.name,
    workspaceRoot,
    interpreter: await findPython(workspaceRoot),
    script: settings.trainScript(scope),
    launcher: settings.launcher(scope),
  });
}

/**
 * The task that trains a plan. Its terminal only follows: the supervisor it starts lives on when the terminal or the
 * window closes (docs/architecture.md, "A training process outlives the window").
 */
export function trainingTask(
  plan: Plan,
  definition: NptTaskDefinition,
  folder: vscode.WorkspaceFolder | undefined,
  supervisor: string,
): vscode.Task {
  const [python = 'python3'] = plan.argv;
  const { escaped, words } = escapedWords([plan.run, ...plan.argv]);
  const [run = plan.run, ...argv] = words;
  const task = programTask({
    definition,
    scope: folder,
    name: `${definition.kind} ${path.basename(plan.run)}`,
    detail: plan.argv.slice(1).join(' '),
    program: python,
    words: [
      ...[supervisor, 'run', '--run-dir', run, '--launcher', settings.launcher(folder?.uri), '--stopped-ok'],
      ...(escaped ? ['--escaped'] : []),
      '--',
      ...argv,
    ],
    folder: plan.cwd,
    environment: { PYTHONUNBUFFERED: '1' },
    problemMatchers: ['$npt'],
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
  constructor(
    private readonly deps: FeatureDeps,
    private readonly supervisor: string,
  ) {}

  /** One resume task for each run that has steps to go. */
  async provideTasks(): Promise<vscode.Task[]> {
    await this.deps.workspaces.ready();
    const tasks: vscode.Task[] = [];
    for (const workspace of this.deps.workspaces.all) {
      for (const run of workspace.runs) {
        const newest = newestComplete(run);
        if (newest === undefined || (run.state !== 'stopped' && run.state !== 'interrupted')) continue;
        const definition: NptTaskDefinition = {
          type: 'npt',
          kind: 'resume',
          checkpoint: path.relative(workspace.root, newest.path),
        };
        const task = await this.build(definition, workspace.root);
        if (task !== undefined) tasks.push(task);
      }
    }
    return tasks;
  }

  async resolveTask(task: vscode.Task): Promise<vscode.Task | undefined> {
    if (!isDefinition(task.definition)) return undefined;
    const folder = typeof task.scope === 'object' ? task.scope : vscode.workspace.workspaceFolders?.[0];
    return folder === undefined ? undefined : this.build(task.definition, folder.uri.fsPath);
  }

  private async build(definition: NptTaskDefinition, root: string): Promise<vscode.Task | undefined> {
    if (!vscode.workspace.isTrusted) return undefined;
    const plan = await planFor(definition, root);
    const problem = plan.errors[0];
    if (problem !== undefined) {
      this.deps.log.warn(`task ${definition.kind} ${definition.checkpoint}: ${problem.message}`);
      return undefined;
    }
    const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(root));
    try {
      return trainingTask(plan, definition, folder, this.supervisor);
    } catch (error) {
      if (!(error instanceof TaskTextError)) throw error;
      this.deps.log.warn(`task ${definition.kind} ${definition.checkpoint}: ${error.message}`);
      return undefined;
    }
  }
}
