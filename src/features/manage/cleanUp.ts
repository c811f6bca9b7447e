/**
 * NPT: Clean Up Checkpoints…: a policy, then all that it would take and all that it keeps, to be read and unticked, then the
 * question. What it takes of a run is core/experiment/retention's to say, before and once more right before it goes.
 */
import * as vscode from 'vscode';
import { bytesFreed, bytesUsed } from '../../core/experiment/diskUse';
import type { Run } from '../../core/experiment/model';
import {
  bytesOf,
  cleanUpRun,
  planRunCleanUp,
  type CleanedUp,
  type Going,
  type RunCleanUp,
} from '../../core/experiment/retention/cleanUp';
import { Held } from '../../core/experiment/retention/held';
import { readCount, type RetentionPolicy } from '../../core/experiment/retention/policy';
import { renderCleanUp } from '../../core/experiment/retention/render';
import { formatAge, formatBytes, formatCount, formatValue } from '../../core/format';
import { ask, showInformation, showWarning } from '../../platform/messages';
import { askText, pick, pickMany, type PickRow } from '../../platform/picks';
import { withCancellableProgress } from '../../platform/progress';
import type { FeatureDeps } from '../deps';
import { chooseRuns, targetPaths, type Named } from '../targets';
import { carryOutDeletion, judgeOf } from './carryOut';

type Numbers = Omit<RetentionPolicy, 'broken'>;

interface Task {
  readonly runs: readonly Run[];
  readonly policy: RetentionPolicy;
}

export async function cleanUp(deps: FeatureDeps, named: Named): Promise<void> {
  const task = await chooseTask(deps, named);
  if (task === undefined) return;
  const planned = await plan(deps, task);
  if (planned === undefined) return;
  const show = (): Thenable<unknown> =>
    deps.reports.show(vscode.l10n.t('Clean-up'), '', renderCleanUp(planned, task.policy));
  if (planned.every(({ goes }) => goes.length === 0)) {
    const why = vscode.l10n.t('Show Why');
    void showInformation(vscode.l10n.t('By this policy nothing goes.'), why).then((pressed) =>
      pressed === why ? show() : undefined,
    );
    return;
  }
  // All of it, what stays and why too, to be read behind the list.
  await show();
  const chosen = await review(planned);
  if (chosen === undefined || chosen.length === 0 || !(await confirmed(chosen))) return;
  await carryOut(deps, task.policy, planned, new Set(chosen.map(({ going }) => going.checkpoint.path)));
}

/** Which runs, and what they keep; undefined where the user gave up, or was told that there is nothing. */
async function chooseTask(deps: FeatureDeps, named: Named): Promise<Task | undefined> {
  await deps.workspaces.ready();
  const none = vscode.l10n.t('There is no checkpoint in this workspace yet.');
  const isNamed = targetPaths(named).length > 0;
  const all = deps.workspaces.runs.filter((run) => run.checkpoints.length > 0);
  let runs: readonly Run[] = all;
  if (isNamed) {
    runs = await chooseRuns(deps, named, { title: vscode.l10n.t('Clean Up Checkpoints'), none, accepts: () => true });
    if (runs.length === 0) return undefined;
  }
  if (runs.every((run) => run.checkpoints.length === 0)) {
    void showInformation(none);
    return undefined;
  }
  for (;;) {
    const [first] = runs;
    const title =
      runs.length === 1 && first !== undefined
        ? vscode.l10n.t('Clean Up Checkpoints of {0}', first.name)
        : runs === all
          ? vscode.l10n.t('Clean Up Checkpoints of All {0} Runs', formatCount(runs.length))
          : vscode.l10n.t('Clean Up Checkpoints of {0} Runs', formatCount(runs.length));
    const numbers = await chooseNumbers(title, runs === all || all.length < 2 ? 0 : all.length);
    if (numbers === undefined) return undefined;
    if (numbers === 'all') {
      runs = all;
      continue;
    }
    const broken = await chooseBroken(title, runs);
    return broken === undefined ? undefined : { runs, policy: { ...numbers, broken } };
  }
}

interface PolicyRow extends PickRow {
  readonly does: Numbers | 'type' | 'all';
}

/** @param others how many runs there are instead of those it is about; 0 where it is about all */
async function chooseNumbers(title: string, others: number): Promise<Numbers | 'all' | undefined> {
  const rows: PolicyRow[] = [
    { label: vscode.l10n.t('Keep the last 3 and the best'), does: { last: 3, best: 1, every: 0 } },
    {
      label: vscode.l10n.t('Keep the last 3, the best and each 10,000 steps'),
      does: { last: 3, best: 1, every: 10_000 },
    },
    { label: vscode.l10n.t('Keep the last 10 and the best 3'), does: { last: 10, best: 3, every: 0 } },
    { label: vscode.l10n.t('Keep the newest and the best'), does: { last: 1, best: 1, every: 0 } },
    { label: vscode.l10n.t('Other Numbers…'), icon: 'edit', does: 'type' },
  ];
  if (others > 0) {
    rows.push({
      label: vscode.l10n.t('Of All {0} Runs Instead', formatCount(others)),
      icon: 'list-unordered',
      does: 'all',
    });
  }
  const placeHolder = vscode.l10n.t('What stays, besides what is pinned, branched from or may be training?');
  const picked = await pick(rows, { title, placeHolder, ignoreFocusOut: true });
  return picked?.does === 'type' ? typeNumbers(title) : picked?.does;
}

async function typeNumbers(title: string): Promise<Numbers | undefined> {
  const count = async (prompt: string, value: string, least: number): Promise<number | undefined> => {
    const problem = (text: string): string | undefined =>
      readCount(text, least) === null ? vscode.l10n.t('Type a whole number from {0} on.', least) : undefined;
    const typed = await askText({ title, prompt, value, problem, ignoreFocusOut: true });
    return typed === undefined ? undefined : (readCount(typed, least) ?? undefined);
  };
  const last = await count(vscode.l10n.t('How many of the newest valid checkpoints does each run keep?'), '3', 1);
  if (last === undefined) return undefined;
  const best = await count(
    vscode.l10n.t('How many of those with the lowest evaluation loss, or loss, does it keep? The best always stays.'),
    '1',
    0,
  );
  if (best === undefined) return undefined;
  const every = await count(vscode.l10n.t('And each how many steps? 0: none for that.'), '10000', 0);
  return every === undefined ? undefined : { last, best, every };
}

/** Asked only where the scan found some broken. */
async function chooseBroken(title: string, runs: readonly Run[]): Promise<boolean | undefined> {
  const broken = runs.reduce(
    (sum, { checkpoints }) => sum + checkpoints.filter(({ state }) => state === 'broken').length,
    0,
  );
  if (broken === 0) return false;
  const placeHolder =
    broken === 1
      ? vscode.l10n.t('One checkpoint is broken: no resume from it would work.')
      : vscode.l10n.t('{0} checkpoints are broken: no resume from them would work.', formatCount(broken));
  const picked = await pick(
    [
      { label: vscode.l10n.t('What is broken stays'), goes: false },
      { label: vscode.l10n.t('What is broken goes, too'), goes: true },
    ],
    { title, placeHolder, ignoreFocusOut: true },
  );
  return picked?.goes;
}

/** Undefined when cancelled. */
function plan(deps: FeatureDeps, { runs: chosen, policy }: Task): Promise<RunCleanUp[] | undefined> {
  return withCancellableProgress(
    vscode.l10n.t('Looking at what would stay'),
    async (signal, showShare, showMessage) => {
      // What is decided by must be what is there, whatever watching missed.
      await deps.workspaces.rescan('folders');
      const paths = new Set(chosen.map((run) => run.path));
      const runs = deps.workspaces.runs.filter((run) => paths.has(run.path));
      const held = heldNow(deps);
      const judge = judgeOf(deps, signal);
      const planned: RunCleanUp[] = [];
      for (const [done, run] of runs.entries()) {
        showShare(done, runs.length);
        planned.push(
          await planRunCleanUp(run, policy, held, (checkpoint) => {
            showMessage(`${run.name} / ${deps.workspaces.checkpointAt(checkpoint)?.checkpoint.name ?? ''}`);
            return judge(checkpoint);
          }),
        );
      }
      return planned;
    },
  );
}

function heldNow({ workspaces }: FeatureDeps): Held {
  return new Held(workspaces.all, workspaces.lineage);
}

interface GoingOfRun {
  readonly run: Run;
  readonly going: Going;
}

interface ReviewRow extends PickRow {
  readonly of?: GoingOfRun;
}

/** What of it is to go; undefined for Escape. */
async function review(planned: readonly RunCleanUp[]): Promise<readonly GoingOfRun[] | undefined> {
  const now = Date.now() / 1000;
  const rows = planned.flatMap(({ run, goes, stays }): ReviewRow[] =>
    goes.length === 0
      ? []
      : [
          { label: vscode.l10n.t('{0}: {1} stay', run.name, formatCount(stays.length)), heading: true },
          ...goes.map((going) => reviewRow(run, going, now)),
        ],
  );
  const all = rows.filter(({ of }) => of !== undefined).length;
  const ticked = await pickMany(rows, {
    titleOf: (left) => {
      const bytes = bytesOf(left.flatMap(({ of }) => (of === undefined ? [] : [of.going])));
      const counted = left.filter(({ of }) => of !== undefined).length;
      return vscode.l10n.t(
        'Clean Up: {0} of {1} checkpoints go, which frees {2}',
        formatCount(counted),
        formatCount(all),
        formatBytes(bytes),
      );
    },
    placeHolder: vscode.l10n.t('Untick what is to stay. Nothing is deleted yet.'),
  });
  return ticked?.flatMap(({ of }) => (of === undefined ? [] : [of]));
}

function reviewRow(run: Run, going: Going, now: number): ReviewRow {
  const { checkpoint, takes, why } = going;
  const loss = checkpoint.evalLoss ?? checkpoint.loss;
  const [used, freed] = [bytesUsed(takes), bytesFreed(takes)];
  return {
    label: checkpoint.name,
    description: [
      formatBytes(used),
      freed === used ? null : vscode.l10n.t('{0} of it by itself: other names lead to its files', formatBytes(freed)),
    ]
      .filter((part) => part !== null)
      .join(' · '),
    detail: [
      run.name,
      checkpoint.stage,
      loss === null ? null : vscode.l10n.t('loss {0}', formatValue(loss)),
      formatAge(checkpoint.time, now),
      why,
    ]
      .filter((part) => part !== null)
      .join(' · '),
    of: { run, going },
  };
}

async function confirmed(chosen: readonly GoingOfRun[]): Promise<boolean> {
  const [first] = chosen;
  if (first === undefined) return false;
  const runs = new Set(chosen.map(({ run }) => run.path)).size;
  const { checkpoint } = first.going;
  const question =
    chosen.length === 1
      ? vscode.l10n.t('Delete {0} of {1}?', checkpoint.name, first.run.name)
      : runs === 1
        ? vscode.l10n.t('Delete {0} checkpoints of {1}?', formatCount(chosen.length), first.run.name)
        : vscode.l10n.t('Delete {0} checkpoints of {1} runs?', formatCount(chosen.length), formatCount(runs));
  const detail = vscode.l10n.t(
    'This frees {0} and cannot be undone: checkpoints do not go to a trash.',
    formatBytes(bytesOf(chosen.map(({ going }) => going))),
  );
  const button =
    chosen.length === 1 ? vscode.l10n.t('Delete') : vscode.l10n.t('Delete {0} Checkpoints', formatCount(chosen.length));
  return (await ask(question, detail, button)) === button;
}

async function carryOut(
  deps: FeatureDeps,
  policy: RetentionPolicy,
  planned: readonly RunCleanUp[],
  chosen: ReadonlySet<string>,
): Promise<void> {
  const runs = planned
    .filter(({ goes }) => goes.some(({ checkpoint }) => chosen.has(checkpoint.path)))
    .map(({ run }) => run);
  const deleted: Going[] = [];
  const stayed: string[] = [];
  await withCancellableProgress(vscode.l10n.t('Deleting'), async (signal, showShare, showMessage) => {
    for (const [index, { path: runPath, name }] of runs.entries()) {
      showShare(index, runs.length);
      showMessage(name);
      // What began, was pinned or branched since the review counts, and what does while other runs' checkpoints go.
      await deps.workspaces.rescan(index === 0 ? 'folders' : 'changes');
      if (signal.aborted) break;
      const run = deps.workspaces.runs.find((each) => each.path === runPath);
      if (run === undefined) {
        stayed.push(vscode.l10n.t('{0} is gone', name));
        continue;
      }
      const done = await cleanUpRun(run, policy, heldNow(deps), judgeOf(deps), chosen, (plan) =>
        carryOutDeletion(deps, run, plan),
      );
      deleted.push(...done.deleted);
      stayed.push(...done.stayed);
    }
  });
  await deps.workspaces.rescan('changes');
  tell({ deleted, stayed });
}

function tell({ deleted, stayed }: CleanedUp): void {
  const bytes = formatBytes(bytesOf(deleted));
  const [only] = deleted;
  const done =
    only === undefined
      ? vscode.l10n.t('Nothing was deleted.')
      : deleted.length === 1
        ? vscode.l10n.t('{0} was deleted, which freed {1}.', only.checkpoint.name, bytes)
        : vscode.l10n.t('{0} checkpoints were deleted, which freed {1}.', formatCount(deleted.length), bytes);
  const [first] = stayed;
  if (first === undefined) {
    void showInformation(done);
    return;
  }
  const after =
    stayed.length === 1
      ? vscode.l10n.t('One stayed after all: {0}.', first)
      : vscode.l10n.t('{0} stayed after all; the first: {1}.', formatCount(stayed.length), first);
  void showWarning(`${done} ${after}`);
}
