/** `clean`: what a policy takes of a workspace's runs, by the rule of NPT: Clean Up Checkpoints…; it deletes with --yes alone. */
import { validateCheckpoint } from '../core/checkpoint/validate/validate';
import { deleteCheckpoints, remembering, type Judge } from '../core/experiment/deleteCheckpoints';
import { bytesUsed } from '../core/experiment/diskUse';
import { Lineage } from '../core/experiment/lineage';
import type { Run, Workspace } from '../core/experiment/model';
import { bytesOf, cleanUpRun, planRunCleanUp, type Going, type RunCleanUp } from '../core/experiment/retention/cleanUp';
import { Held } from '../core/experiment/retention/held';
import { policyText, readCount, type RetentionPolicy } from '../core/experiment/retention/policy';
import { scanWorkspace } from '../core/experiment/scan';
import { formatBytes, formatCount } from '../core/format';
import { askProcess } from '../core/training/launchers';
import { type Command, type Invocation, UsageError } from './options';
import { SUMMARIES } from './summaries';
import { printable, table } from './table';
import { EXPERIMENTS_OPTION, namedRun, WORKSPACE_OPTION, workspaceAt } from './workspace';

export const cleanCommand: Command = {
  ...SUMMARIES.clean,
  details: [
    'Runs are named by folder or name; --all: every run of the workspace. Nothing is deleted without --yes.',
    'Always stays what is pinned, the best, the newest valid one, where a run of the workspace branched, final, and',
    'everything of a run that trains, waits, or whose process cannot be asked. What goes does not go to a trash.',
    'Exits with 1 when something could not be deleted.',
  ],
  positionals: { least: 0, most: Infinity },
  options: {
    workspace: WORKSPACE_OPTION,
    experiments: EXPERIMENTS_OPTION,
    all: { type: 'boolean', description: 'Every run of the workspace.' },
    'keep-last': { type: 'string', value: 'N', description: 'The newest valid checkpoints of each run; at least 1.' },
    'keep-best': { type: 'string', value: 'K', description: 'Those with the lowest evaluation loss, or loss [0].' },
    'keep-every': {
      type: 'string',
      value: 'M',
      description: 'Those whose step is a multiple of M [0: none for that].',
    },
    broken: { type: 'boolean', description: 'What is not valid goes, too, where a valid one stays.' },
    yes: { type: 'boolean', description: 'Delete what the plan says.' },
  },
  async run(invocation) {
    const policy: RetentionPolicy = {
      last: countOf(invocation, 'keep-last', 1),
      best: countOf(invocation, 'keep-best', 0, 0),
      every: countOf(invocation, 'keep-every', 0, 0),
      broken: invocation.is('broken'),
    };
    const { root, experimentsFolder } = await workspaceAt(invocation.option('workspace'), invocation);
    const scan = (): Promise<Workspace> => scanWorkspace(root, { experimentsFolder, ask: askProcess });
    const isValid = remembering(async (checkpoint) => {
      return (await validateCheckpoint(checkpoint, { blocking: true })).verdict === 'valid';
    });
    const workspace = await scan();
    const cleanUps: RunCleanUp[] = [];
    const held = new Held([workspace], new Lineage([workspace]));
    for (const run of namedRuns(workspace, invocation)) {
      cleanUps.push(await planRunCleanUp(run, policy, held, isValid));
    }
    const outcome = invocation.is('yes') ? await carryOut(cleanUps, policy, scan, isValid) : null;
    return {
      document: documentOf(root, policy, cleanUps, outcome),
      text: textOf(policy, cleanUps, outcome),
      yes: outcome === null || outcome.problems.length === 0,
    };
  },
};

/** @throws UsageError where it is no number, or is not given and has no default */
function countOf(invocation: Invocation, name: string, least: number, usual?: number): number {
  const given = invocation.option(name);
  if (given === undefined && usual !== undefined) return usual;
  if (given === undefined) throw new UsageError(`Say what each run keeps: --${name} N.`);
  const count = readCount(given, least);
  if (count === null) throw new UsageError(`--${name} "${given}" is not a whole number from ${least} on.`);
  return count;
}

/** @throws UsageError where a name is none of a run, or nothing is named */
function namedRuns({ root, runs }: Workspace, { positionals, is }: Invocation): readonly Run[] {
  if (is('all') === positionals.length > 0)
    throw new UsageError('Name runs, or all of them: clean RUN… or clean --all.');
  if (is('all')) return runs;
  return [...new Set(positionals.map((name) => namedRun({ root, runs }, name)))];
}

interface Outcome {
  /** Absolute paths. */
  readonly deleted: readonly string[];
  readonly freed: number;
  readonly problems: readonly string[];
}

/** Looks at each run once more right before it deletes of it. */
async function carryOut(
  cleanUps: readonly RunCleanUp[],
  policy: RetentionPolicy,
  scan: () => Promise<Workspace>,
  isValid: Judge,
): Promise<Outcome> {
  const deleted: Going[] = [];
  const problems: string[] = [];
  for (const { run: before, goes: planned } of cleanUps) {
    if (planned.length === 0) continue;
    const workspace = await scan();
    const run = workspace.runs.find(({ path: at }) => at === before.path);
    if (run === undefined) {
      problems.push(`${before.name} is gone.`);
      continue;
    }
    const chosen = new Set(planned.map(({ checkpoint }) => checkpoint.path));
    const held = new Held([workspace], new Lineage([workspace]));
    const done = await cleanUpRun(run, policy, held, isValid, chosen, (plan) => deleteCheckpoints(plan, isValid));
    deleted.push(...done.deleted);
    problems.push(...done.stayed.map((reason) => `${reason}.`));
  }
  return {
    deleted: deleted.map(({ checkpoint }) => checkpoint.path),
    freed: bytesOf(deleted),
    // One line each, whatever a run is called.
    problems: problems.map(printable),
  };
}

function documentOf(
  root: string,
  policy: RetentionPolicy,
  cleanUps: readonly RunCleanUp[],
  outcome: Outcome | null,
): object {
  return {
    ...{ workspace: root, policy },
    runs: cleanUps.map(({ run, goes, stays }) => ({
      ...{ name: run.name, path: run.path, frees: bytesOf(goes) },
      goes: goes.map(({ checkpoint: { name, path: at, step }, takes, why }) => ({
        ...{ name, path: at, step, bytes: bytesUsed(takes), why: printable(why) },
      })),
      stays: stays.map(({ checkpoint: { name, path: at, step }, why }) => ({
        name,
        path: at,
        step,
        why: printable(why),
      })),
    })),
    frees: bytesOf(cleanUps.flatMap(({ goes }) => goes)),
    deleted: outcome?.deleted ?? null,
    freed: outcome?.freed ?? null,
    problems: outcome?.problems ?? [],
  };
}

function textOf(policy: RetentionPolicy, cleanUps: readonly RunCleanUp[], outcome: Outcome | null): string {
  const going = cleanUps.flatMap(({ goes }) => goes);
  const count = (checkpoints: number): string =>
    `${formatCount(checkpoints)} checkpoint${checkpoints === 1 ? '' : 's'}`;
  const last =
    outcome === null
      ? going.length === 0
        ? 'Nothing would go.'
        : `${count(going.length)} would go, which frees ${formatBytes(bytesOf(going))}. --yes deletes them.`
      : `${count(outcome.deleted.length)} deleted, which freed ${formatBytes(outcome.freed)}.`;
  return [
    `Of each run stay ${policyText(policy)}, and always what is pinned, branched from or may be training.`,
    ...cleanUps.map(runText),
    ...(outcome?.problems ?? []).map((problem) => `error: ${problem}`),
    last,
  ].join('\n');
}

function runText({ run, goes, stays }: RunCleanUp): string {
  const rows = [
    ...goes.map(({ checkpoint, takes, why }) => ['  goes', checkpoint.name, formatBytes(bytesUsed(takes)), why]),
    ...stays.map(({ checkpoint, why }) => ['  stays', checkpoint.name, '', why]),
  ];
  const head = printable(`${run.name}: ${goes.length} of ${rows.length} go, which frees ${formatBytes(bytesOf(goes))}`);
  return rows.length === 0 ? head : `${head}\n${table(rows)}`;
}
