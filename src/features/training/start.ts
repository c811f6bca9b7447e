/** Starting plans: the checks that need this machine, the task, the dashboard. */
import { readdir, realpath, stat } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { missingModules, NoAnswer } from '../../core/askPython';
import type { Plan } from '../../core/training/plan/plan';
import { showError } from '../../platform/messages';
import { withStatus } from '../../platform/progress';
import { chooseInterpreter } from '../../platform/python';
import { settings } from '../../platform/settings';
import { TaskTextError } from '../../platform/tasks';
import type { FeatureDeps, PlanStarter, TrainerTask } from '../deps';
import { canStartTogether, commonTask, trainingTask } from './tasks';

/** How long a launched run may take to appear in the model before we stop waiting to show it. */
const APPEARS_WITHIN_MS = 120_000;
/** An interpreter on a network disk is slow to start the first time. */
const ANSWERS_WITHIN_MS = 30_000;
const REQUIRED_MODULES = ['torch', 'transformers'];

export class TrainingStarter implements PlanStarter {
  /** Interpreters that had what training needs, as they were then. */
  private readonly ready = new Map<string, string>();

  constructor(
    private readonly deps: Pick<FeatureDeps, 'workspaces' | 'log'>,
    readonly supervisor: string,
  ) {}

  async placed(plan: Plan): Promise<Plan> {
    return (await import('../../onDemand')).onFreeGpu(plan, this.deps.log);
  }

  /** Starts a plan as a task. Says what is in the way, in one line, when it cannot. */
  async start(plan: Plan): Promise<boolean> {
    if (!this.isAllowed(plan) || !(await this.pythonIsReady(plan))) return false;
    this.note(plan);
    const placed = await this.placed(plan);
    if (!(await this.executeAnew(plan.run, () => trainingTask(placed, this.supervisor)))) return false;
    if (settings.openDashboardOnResume()) void this.showWhenItTrains(plan);
    return true;
  }

  /** Starts several plans: as one, where their launcher can; else they wait in the queue, each until a device is free. */
  async startAll(plans: readonly Plan[]): Promise<boolean> {
    const [first, ...others] = plans;
    if (first === undefined || others.length === 0) return first === undefined || this.start(first);
    if (!plans.every((plan) => this.isAllowed(plan)) || !(await this.pythonIsReady(first))) return false;
    for (const plan of plans) this.note(plan);
    if (canStartTogether(plans)) {
      if (!(await this.executeAnew(first.run, () => commonTask(plans, this.supervisor)))) return false;
    } else {
      const { enqueuePlans } = await import('../../onDemand');
      if (!(await enqueuePlans(this.deps, this.supervisor, plans))) return false;
    }
    if (settings.openDashboardOnResume()) void this.showWhenItTrains(first);
    return true;
  }

  async run({ task, interpreter, cwd }: TrainerTask): Promise<number | undefined> {
    if (!isTrusted() || !(await this.pythonIsReady({ interpreter, cwd }))) return undefined;
    const { endOf } = await import('../../onDemand');
    const ended = endOf(task);
    if (await this.execute(() => task)) return ended.code;
    ended.dispose();
    return undefined;
  }

  /** Says what is in the way of a plan where something is. */
  private isAllowed(plan: Plan): boolean {
    if (!isTrusted()) return false;
    const problem = plan.errors[0];
    if (problem !== undefined) {
      void showError(problem.message);
      return false;
    }
    return true;
  }

  private note(plan: Plan): void {
    for (const warning of plan.warnings) this.deps.log.warn(`${plan.kind} ${plan.run}: ${warning.message}`);
    this.deps.log.info(`${plan.kind} ${plan.run}: ${plan.argv.join(' ')}`);
  }

  async obstacle(plan: Plan): Promise<string | undefined> {
    return (await this.unready(plan))?.message;
  }

  private async pythonIsReady(plan: Pick<Plan, 'interpreter' | 'cwd'>): Promise<boolean> {
    const unready = await this.unready(plan);
    if (unready === undefined) return true;
    const { message, missing } = unready;
    const install = vscode.l10n.t('Install');
    const choose = vscode.l10n.t('Choose Interpreter');
    const answer = await showError(message, ...(missing.length === 0 ? [] : [install]), choose);
    if (answer === install) {
      await this.execute(async () =>
        (await import('../../onDemand')).requirementsTask(plan.interpreter, plan.cwd, missing),
      );
    } else if (answer === choose) await chooseInterpreter(plan.cwd);
    return false;
  }

  /** Why an interpreter cannot train, and what of the modules it lacks, where that is all; undefined where it can. */
  private async unready({
    interpreter: python,
    cwd,
  }: Pick<Plan, 'interpreter' | 'cwd'>): Promise<{ readonly message: string; readonly missing: string[] } | undefined> {
    const identity = await identityOf(python);
    if (identity !== undefined && this.ready.get(python) === identity) return undefined;
    let missing: string[];
    try {
      missing = await withStatus(
        vscode.l10n.t('Asking {0} whether it has what training needs…', python),
        missingModules(python, REQUIRED_MODULES, { folder: cwd, limitMs: ANSWERS_WITHIN_MS }),
      );
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      const why = error.message.replace(/\.$/, '');
      return { message: vscode.l10n.t('{0} cannot be used: {1}.', python, why), missing: [] };
    }
    if (missing.length > 0) {
      const message = vscode.l10n.t('{0} does not have {1}, which training needs.', python, missing.join(' or '));
      return { message, missing };
    }
    if (identity !== undefined) this.ready.set(python, identity);
    return undefined;
  }

  /** Starts a task that trains in `run`, once the one that VS Code would take for it has ended. */
  private executeAnew(run: string, make: () => vscode.Task): Promise<boolean> {
    return this.execute(async () => {
      const task = make();
      const earlier = await (await import('../../onDemand')).earlierEnded(task, run);
      if (earlier !== 'busy') return earlier === 'trains' ? null : task;
      throw new TaskTextError(
        vscode.l10n.t('The terminal of "{0}" has not ended: close it, then try again.', task.name),
      );
    });
  }

  /** Starts a task, null where that has happened already; says so when it cannot be made. */
  private async execute(make: () => vscode.Task | Promise<vscode.Task | null>): Promise<boolean> {
    try {
      const task = await make();
      if (task !== null) await vscode.tasks.executeTask(task);
      return true;
    } catch (error) {
      if (!(error instanceof TaskTextError)) throw error;
      void showError(error.message);
      return false;
    }
  }

  /** A branch's folder appears only when its trainer starts; the dashboard opens then. */
  private async showWhenItTrains(plan: Plan): Promise<void> {
    const { workspaces } = this.deps;
    const run = await workspaces.until(() => workspaces.runs.find((each) => each.path === plan.run), APPEARS_WITHIN_MS);
    if (run !== undefined) await vscode.commands.executeCommand('npt.openDashboard', plan.run);
  }
}

/** Says so where the workspace is not trusted. */
function isTrusted(): boolean {
  if (vscode.workspace.isTrusted) return true;
  void showError(vscode.l10n.t('Training starts a process: trust this workspace first.'));
  return false;
}

/**
 * What tells an interpreter and its packages from others and from what they were: its file, its environment's and the times of
 * the folders that installing something changes. Undefined where it cannot be looked at.
 */
async function identityOf(python: string): Promise<string | undefined> {
  try {
    const parts = [await realpath(python)];
    const environment = path.dirname(path.dirname(python));
    const library = path.join(environment, 'lib');
    const versions = await readdir(library).catch(() => []);
    const places = versions
      .filter((name) => name.startsWith('python'))
      .flatMap((name) => ['site-packages', 'dist-packages'].map((folder) => path.join(library, name, folder)));
    for (const place of [python, path.join(environment, 'pyvenv.cfg'), ...places]) {
      const found = await stat(place).catch(() => undefined);
      parts.push(found === undefined ? '' : `${found.ino}:${found.mtimeMs}`);
    }
    return parts.join('|');
  } catch {
    return undefined;
  }
}
