/** `start`, `resume`, `extend` and the other kinds of plans: made as `plan` makes them, and started. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { missingModules, NoAnswer } from '../core/askPython';
import type { RunProcess } from '../core/experiment/model';
import { processIn } from '../core/experiment/processFolder';
import { shellCommand } from '../core/training/commandLine';
import { launcherOf } from '../core/training/launchers';
import { makePlan } from '../core/training/plan/makePlan';
import type { Plan } from '../core/training/plan/plan';
import type { PlanKind } from '../core/training/plan/request';
import { type Command, UsageError } from './options';
import { PLAN_OPTIONS, planText, requestOf } from './plan';
import { SUMMARIES } from './summaries';

/** Beside the folder that the command line ships in. */
const SUPERVISOR = path.join(__dirname, '..', 'supervisor', 'npt_supervise.py');
const REQUIRED_MODULES = ['torch', 'transformers'];
/** An interpreter on a network disk is slow to start the first time. */
const ANSWERS_WITHIN_MS = 30_000;
/** How often a detached start is looked at until its trainer runs. */
const LOOK_MS = 50;

export function trainCommand(kind: PlanKind): Command {
  return {
    ...SUMMARIES[kind],
    details: [
      'Follows what it started: Ctrl+C asks it to save and stop, and closing the terminal leaves it running.',
      'Exits with 0 when training is done, 1 when it was stopped, failed, or could not be started.',
    ],
    positionals: { least: kind === 'start' ? 0 : 1, most: 1 },
    options: {
      ...PLAN_OPTIONS,
      detach: { type: 'boolean', description: 'Return as soon as it runs.' },
      'dry-run': { type: 'boolean', description: 'Only say what would run, as plan does.' },
    },
    async run(invocation) {
      const request = requestOf(kind, invocation.positionals[0], invocation);
      if (invocation.is('dry-run')) {
        const plan = await makePlan(request);
        return { document: plan, text: planText(plan), yes: plan.errors.length === 0 };
      }
      const first = await makePlan(request);
      const plan = first.errors.length > 0 ? first : await makePlan({ ...request, lacks: await lacking(first) });
      const missing = plan.errors.find((error) => error.code === 'not-found');
      if (missing !== undefined) throw new UsageError(missing.message);
      const text = planText(plan);
      if (plan.errors.length > 0) return { document: plan, text, yes: false };
      if (!invocation.json) process.stdout.write(`${text}\n`);
      const yes = await train(plan, { detach: invocation.is('detach'), quiet: invocation.json });
      return { document: plan, text: '', yes };
    },
  };
}

/** Modules that training needs and the interpreter has not. @throws UsageError where it is no interpreter */
async function lacking({ interpreter, cwd }: Plan): Promise<readonly string[]> {
  try {
    return await missingModules(interpreter, REQUIRED_MODULES, { folder: cwd, limitMs: ANSWERS_WITHIN_MS });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    throw new UsageError(
      `${interpreter} cannot be used: ${error.message.replace(/\.$/, '')}. Name another with --python.`,
    );
  }
}

/** Starts a plan and follows it to its end, or until it runs. @returns whether that went well */
async function train(plan: Plan, { detach, quiet }: { detach: boolean; quiet: boolean }): Promise<boolean> {
  const [program = '', ...words] = launcherOf(plan.launch.kind).command(plan, SUPERVISOR);
  const output = quiet ? process.stderr : process.stdout;
  const before = await processIn(plan.run);
  // Ctrl+C is for whoever follows the run, in the same foreground group: it asks the trainer, and is waited for.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    const follower = spawn(program, words, {
      cwd: plan.cwd,
      env: { ...process.env, PYTHONUNBUFFERED: '1' },
      stdio: ['inherit', output, 'inherit'],
      // One that is left alone has no terminal to be told by.
      detached: detach,
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      follower.once('error', (error: NodeJS.ErrnoException) => {
        reject(new UsageError(`${shellCommand([program])} cannot be started (${error.code ?? error.message}).`));
      });
      follower.once('exit', resolve);
    });
    if (!detach) return (await ended) === 0;
    return await running(plan, before, ended, () => follower.kill('SIGHUP'));
  } finally {
    process.off('SIGINT', ignore);
  }
}

/**
 * Waits until a run's trainer is there, and ends its follower then, as a terminal that closes does.
 *
 * @param before what process.json named before the start: one whose trainer was killed stays there, and is no sign of another
 */
async function running(
  plan: Plan,
  before: RunProcess | null,
  ended: Promise<number | null>,
  leave: () => void,
): Promise<boolean> {
  for (;;) {
    const code = await Promise.race([ended, new Promise<'later'>((resolve) => setTimeout(resolve, LOOK_MS, 'later'))]);
    if (code !== 'later') return code === 0;
    const now = await processIn(plan.run);
    if (now === null || isSame(now, before)) continue;
    leave();
    await ended;
    return true;
  }
}

function isSame(one: RunProcess, other: RunProcess | null): boolean {
  return one.pid === other?.pid && one.startTicks === other.startTicks && one.job === other.job;
}
