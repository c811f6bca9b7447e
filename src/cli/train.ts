/** `start`, `resume`, `extend` and the other kinds of plans: made as `plan` makes them, and started. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { missingModules, NoAnswer } from '../core/askPython';
import type { RunProcess } from '../core/experiment/model';
import { processIn } from '../core/experiment/processFolder';
import { shellCommand } from '../core/training/commandLine';
import { readGpusHere } from '../core/training/gpus/nvidiaSmi';
import { launcherOf } from '../core/training/launchers';
import { workspaceSettings } from '../core/training/launchSettings';
import { makePlans } from '../core/training/plan/makePlan';
import type { Plan } from '../core/training/plan/plan';
import type { PlanKind } from '../core/training/plan/request';
import { enqueuePlans } from '../core/training/queue/enqueuePlans';
import { readCpuSlots } from '../core/training/queue/queue';
import { type Command, type Result, UsageError } from './options';
import { PLAN_OPTIONS, requestsOf, shownPlans } from './plan';
import { SUMMARIES } from './summaries';
import { printable } from './table';

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
      'Several values of an argument make several runs: one job where there is such a thing, else each waits in the queue.',
      'Exits with 0 when training is done or queued, 1 when it was stopped, failed, or could not be started.',
      "How it starts is what the workspace's .vscode/settings.json sets (npt.*) unless an option says otherwise.",
    ],
    positionals: { least: kind === 'start' ? 0 : 1, most: 1 },
    options: {
      ...PLAN_OPTIONS,
      queue: { type: 'boolean', description: 'Wait in the queue until a device is free; returns at once.' },
      detach: { type: 'boolean', description: 'Return as soon as it runs.' },
      'dry-run': { type: 'boolean', description: 'Only say what would run, as plan does.' },
    },
    async run(invocation) {
      const requests = await requestsOf(kind, invocation.positionals[0], invocation);
      const first = await makePlans(requests);
      if (invocation.is('dry-run')) return shownPlans(first);
      const ready = first.every(({ errors }) => errors.length === 0) ? first[0] : undefined;
      const lacks = ready && (await lacking(ready));
      const plans = ready === undefined ? first : await makePlans(requests.map((request) => ({ ...request, lacks })));
      const shown = shownPlans(plans);
      const [plan] = plans;
      if (!shown.yes || plan === undefined) return shown;
      refuseTwins(plans);
      if (!invocation.json) process.stdout.write(`${shown.text}\n`);
      const words = invocation.is('queue') ? null : commandFor(plan, plans.slice(1));
      if (words === null) return { ...(await enqueued(plans)), document: shown.document };
      const yes = await train(plans, words, { detach: invocation.is('detach'), quiet: invocation.json });
      return { document: shown.document, text: '', yes };
    },
  };
}

/** The command that starts plans; null where several are not one thing to their launcher. */
function commandFor(plan: Plan, others: readonly Plan[]): readonly string[] | null {
  const launcher = launcherOf(plan.launch.kind);
  if (others.length === 0) return launcher.command(plan, SUPERVISOR);
  const name = `${path.basename(plan.run)} and ${others.length} more`;
  return launcher.together?.([plan, ...others], name, SUPERVISOR) ?? null;
}

/** @throws UsageError where two plans would train one run */
function refuseTwins(plans: readonly Plan[]): void {
  const twin = plans.find(({ run }, at) => plans.findIndex((each) => each.run === run) < at);
  if (twin === undefined) return;
  throw new UsageError(`Several values make several runs, and a ${twin.kind} goes on in ${twin.run}: branch instead.`);
}

/** Puts plans into the queue, which starts each when a device is free, whether anybody looks or not. */
async function enqueued(plans: readonly Plan[]): Promise<Pick<Result, 'text' | 'yes'>> {
  const [first] = plans;
  // Plans of one command are of one workspace.
  const settings = first && (await workspaceSettings(first.cwd));
  const { ids, problems } = await enqueuePlans(plans, {
    supervisor: SUPERVISOR,
    gpusHere: (await readGpusHere()).gpus.length,
    cpuSlots: () => readCpuSlots(settings?.read('queue.cpuSlots')),
  });
  const lines = ids.map((id, at) => `queued as ${id}: ${plans[at]?.run ?? ''}`);
  return {
    text: [...lines, ...problems.map((problem) => `error: ${problem}`)].map(printable).join('\n'),
    yes: problems.length === 0,
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

/**
 * Starts plans by one command and follows them to their end, or until all of them run.
 *
 * @returns whether that went well
 */
async function train(
  plans: readonly Plan[],
  [program = '', ...words]: readonly string[],
  { detach, quiet }: { detach: boolean; quiet: boolean },
): Promise<boolean> {
  const output = quiet ? process.stderr : process.stdout;
  const before = await Promise.all(plans.map(({ run }) => processIn(run)));
  // Ctrl+C is for whoever follows the run, in the same foreground group: it asks the trainer, and is waited for.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    const follower = spawn(program, words, {
      cwd: plans[0]?.cwd,
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
    return await running(plans, before, ended, () => follower.kill('SIGHUP'));
  } finally {
    process.off('SIGINT', ignore);
  }
}

/**
 * Waits until each run's trainer is there, and ends their follower then, as a terminal that closes does.
 *
 * @param before what each process.json named before the start: one whose trainer was killed stays there, and is no sign of another
 */
async function running(
  plans: readonly Plan[],
  before: readonly (RunProcess | null)[],
  ended: Promise<number | null>,
  leave: () => void,
): Promise<boolean> {
  for (;;) {
    const code = await Promise.race([ended, new Promise<'later'>((resolve) => setTimeout(resolve, LOOK_MS, 'later'))]);
    if (code !== 'later') return code === 0;
    const now = await Promise.all(plans.map(({ run }) => processIn(run)));
    if (now.some((each, at) => each === null || isSame(each, before[at] ?? null))) continue;
    leave();
    await ended;
    return true;
  }
}

function isSame(one: RunProcess, other: RunProcess | null): boolean {
  return one.pid === other?.pid && one.startTicks === other.startTicks && one.job === other.job;
}
