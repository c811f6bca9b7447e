/** Launching plans: the checks that need this machine, the task, the dashboard. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Plan } from '../../core/training/plan/plan';
import { missingModules, openPythonSetting } from '../../platform/python';
import { settings } from '../../platform/settings';
import type { FeatureDeps } from '../deps';
import { trainingTask, type NptTaskDefinition } from './tasks';

/** How long a launched run may take to appear in the model before we stop waiting to show it. */
const APPEARS_WITHIN_MS = 120_000;
const REQUIRED_MODULES = ['torch', 'transformers'];

export class Launcher {
  constructor(
    private readonly deps: FeatureDeps,
    readonly supervisor: string,
  ) {}

  /** Starts a plan as a task. Says what is in the way, in one line, when it cannot. */
  async launch(plan: Plan, definition: NptTaskDefinition): Promise<boolean> {
    if (!vscode.workspace.isTrusted) {
      void vscode.window.showErrorMessage(vscode.l10n.t('Training starts a process: trust this workspace first.'));
      return false;
    }
    const problem = plan.errors[0];
    if (problem !== undefined) {
      void vscode.window.showErrorMessage(problem.message);
      return false;
    }
    if (!(await this.pythonIsReady(plan))) return false;
    for (const warning of plan.warnings) this.deps.log.warn(`${definition.kind} ${plan.run}: ${warning.message}`);
    this.deps.log.info(`${definition.kind} ${plan.run}: ${plan.argv.join(' ')}`);
    const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(plan.cwd));
    await vscode.tasks.executeTask(trainingTask(plan, definition, folder, this.supervisor));
    if (settings.openDashboardOnResume()) void this.showWhenItTrains(plan);
    return true;
  }

  private async pythonIsReady(plan: Plan): Promise<boolean> {
    const [python = 'python3'] = plan.argv;
    let missing: string[];
    try {
      missing = await missingModules(python, REQUIRED_MODULES);
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      void vscode.window.showErrorMessage(vscode.l10n.t('{0} does not run: {1}', python, reason));
      return false;
    }
    if (missing.length === 0) return true;
    const install = vscode.l10n.t('Install');
    const choose = vscode.l10n.t('Choose Interpreter');
    const answer = await vscode.window.showErrorMessage(
      vscode.l10n.t('{0} has no {1}, which training needs.', python, missing.join(', ')),
      install,
      choose,
    );
    if (answer === install) await this.installRequirements(python, plan.cwd, missing);
    else if (answer === choose) await openPythonSetting();
    return false;
  }

  private async installRequirements(python: string, cwd: string, missing: readonly string[]): Promise<void> {
    const lock = vscode.Uri.file(path.join(cwd, 'requirements.lock'));
    const hasLock = await vscode.workspace.fs.stat(lock).then(
      () => true,
      () => false,
    );
    const wanted = hasLock ? ['-r', lock.fsPath] : [...missing];
    const task = new vscode.Task(
      { type: 'process' },
      vscode.TaskScope.Workspace,
      vscode.l10n.t('install training requirements'),
      'npt',
      new vscode.ProcessExecution(python, ['-m', 'pip', 'install', ...wanted], { cwd }),
    );
    await vscode.tasks.executeTask(task);
  }

  /** A branch's folder appears only when its trainer starts; the dashboard opens then. */
  private async showWhenItTrains(plan: Plan): Promise<void> {
    const { workspaces } = this.deps;
    const run = await workspaces.until(() => workspaces.runs.find((each) => each.path === plan.run), APPEARS_WITHIN_MS);
    if (run !== undefined) await vscode.commands.executeCommand('npt.openDashboard', plan.run);
  }
}
