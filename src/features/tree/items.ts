/** How a node of the tree looks: label, figures, icon, tooltip, and the tokens that menus match on. */
import * as path from 'node:path';
import * as vscode from 'vscode';
import { bestEvaluated } from '../../core/experiment/checkpoints';
import { formatAge, formatBytes, formatCount, formatValue } from '../../core/format';
import { STAR_TAG, type Checkpoint, type Run, type RunState } from '../../core/experiment/model';
import { FINAL } from '../../core/checkpoint/fileNames';
import type { Verdict } from '../../core/checkpoint/report/report';
import { treeRow, type Tooltip } from '../../platform/treeText';
import { rowAddress } from './dragOut';
import type { GroupNode, TreeNode } from './nodes';

const RUN_ICONS: Record<RunState, [icon: string, color: string | undefined]> = {
  queued: ['clock', 'charts.blue'],
  training: ['sync~spin', 'charts.green'],
  stopped: ['debug-pause', 'charts.blue'],
  interrupted: ['debug-disconnect', 'charts.yellow'],
  failed: ['error', 'charts.red'],
  finished: ['pass-filled', 'charts.green'],
};

const VERDICT_ICONS: Record<Verdict, [icon: string, color: string]> = {
  valid: ['pass', 'charts.green'],
  incomplete: ['question', 'charts.yellow'],
  invalid: ['error', 'charts.red'],
  dangerous: ['shield', 'charts.red'],
  unverifiable: ['question', 'charts.yellow'],
};

/** Runs whose newest checkpoint can be resumed by one click. */
const RESUMABLE: ReadonlySet<RunState> = new Set(['stopped', 'interrupted', 'failed']);

function icon(name: string, color?: string): vscode.ThemeIcon {
  return new vscode.ThemeIcon(name, color === undefined ? undefined : new vscode.ThemeColor(color));
}

function checkpointIcon(checkpoint: Checkpoint, verdict: Verdict | undefined): vscode.ThemeIcon {
  if (checkpoint.state === 'writing') return icon('sync~spin', 'charts.blue');
  if (checkpoint.state === 'broken') return icon('error', 'charts.red');
  if (verdict !== undefined) return icon(...VERDICT_ICONS[verdict]);
  if (checkpoint.best) return icon('star-full', 'charts.yellow');
  if (checkpoint.pinned) return icon('pinned', 'charts.blue');
  if (checkpoint.name === FINAL) return icon('flag');
  return icon(checkpoint.backup === undefined ? 'circle-outline' : 'archive');
}

/** Trained by a process on another host, which nobody here can ask whether it still runs. */
export function isElsewhere(run: Run): boolean {
  return run.processState?.liveness === 'elsewhere';
}

/** A job that was submitted and has not started. */
export function isWaitingJob(run: Run): boolean {
  return run.processState?.liveness === 'waiting';
}

function isStarred({ notes }: Run): boolean {
  return notes?.tags.includes(STAR_TAG) ?? false;
}

/** What the queue's commands are offered for. */
function inQueue({ queue }: Run): string {
  if (queue === undefined) return '';
  return queue.position === null ? 'inQueue;notStarted;' : 'inQueue;inLine;';
}

function queueText({ queue }: Run): string | null {
  if (queue === undefined) return null;
  if (queue.failure !== null) return queue.failure;
  return queue.position === null ? null : vscode.l10n.t('number {0} in the queue', queue.position);
}

function processText(run: Run): string | null {
  if (run.process === null) return null;
  const { launcher, pid, host } = run.process;
  const who = isElsewhere(run)
    ? vscode.l10n.t('{0}, process {1} on {2}, which cannot be asked from here', launcher, pid, host)
    : pid > 0
      ? `${launcher}, pid ${pid}`
      : launcher;
  const detail = run.processState?.detail ?? null;
  return detail === null ? who : `${who} · ${detail}`;
}

/** Tokens end with ';' so that a `when` clause can match a whole token. */
function contextValue(node: TreeNode): string {
  if (node.kind === 'file' || node.kind === 'group' || node.kind === 'heading') return `${node.kind};`;
  if (node.kind === 'run') {
    const { run } = node;
    const resumable = RESUMABLE.has(run.state) && run.checkpoints.some((checkpoint) => checkpoint.state === 'complete');
    const waits = isWaitingJob(run) ? (run.processState?.held === true ? 'held;' : 'waiting;') : '';
    return `run;${run.state};${resumable ? 'resumable;' : ''}${isElsewhere(run) ? 'elsewhere;' : ''}${isStarred(run) ? 'starred;' : ''}${waits}${inQueue(run)}`;
  }
  const { checkpoint } = node;
  const flags = [
    checkpoint.best && 'best',
    checkpoint.pinned && 'pinned',
    checkpoint.backup !== undefined && 'backedUp',
    checkpoint.name === FINAL && 'final',
  ];
  return `checkpoint;${checkpoint.state};${flags
    .filter((flag) => flag !== false)
    .map((flag) => `${flag};`)
    .join('')}`;
}

function stateText(state: RunState): string {
  switch (state) {
    case 'queued':
      return vscode.l10n.t('queued');
    case 'training':
      return vscode.l10n.t('training');
    case 'stopped':
      return vscode.l10n.t('stopped');
    case 'interrupted':
      return vscode.l10n.t('interrupted');
    case 'failed':
      return vscode.l10n.t('failed');
    case 'finished':
      return vscode.l10n.t('finished');
  }
}

/** First what tells how good it is and how far; its state is in its icon, too. */
function runDescription(run: Run): string {
  // A job's number, and why it waits or how long it may still run: what a person would look for in squeue.
  const job = run.processState?.detail ?? null;
  const waits = run.state === 'queued';
  return joined([
    waits ? stateText(run.state) : null,
    waits ? job : null,
    queueText(run),
    runFigure(run),
    run.stage === null ? formatCount(run.step) : `${formatCount(run.step)} ${run.stage}`,
    run.maxSteps === null || run.step === run.maxSteps ? null : vscode.l10n.t('of {0}', formatCount(run.maxSteps)),
    // Of a run that is done, icon and step say all there is to say.
    waits || run.state === 'finished' ? null : endText(run),
    run.state === 'training' ? job : null,
    ...(run.notes?.tags ?? []).map((tag) => `#${tag}`),
  ]);
}

function checkpointDescription(checkpoint: Checkpoint, { now, branches, overtaken }: ItemContext): string {
  return joined([
    checkpoint.state === 'complete'
      ? null
      : checkpoint.state === 'writing'
        ? vscode.l10n.t('being written')
        : vscode.l10n.t('broken'),
    checkpoint.name === FINAL ? finalText(checkpoint, overtaken) : null,
    figure(checkpoint, checkpoint.best),
    checkpoint.stage,
    branches === 0 ? null : branches === 1 ? vscode.l10n.t('1 branch') : vscode.l10n.t('{0} branches', branches),
    checkpoint.pinned ? vscode.l10n.t('pinned') : null,
    checkpoint.backup === undefined ? null : vscode.l10n.t('backed up'),
    formatBytes(checkpoint.bytes),
    formatAge(checkpoint.time, now),
  ]);
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(' · ');
}

/** A run that went on after it had come to its end keeps that end's model until it comes to another one. */
function finalText({ step }: Checkpoint, overtaken: boolean): string {
  const steps = formatCount(step);
  return overtaken ? vscode.l10n.t('{0}, overtaken', steps) : steps;
}

/**
 * A run that trains is known by its last loss, one that has ended by its best evaluation, where it had any. In few letters: beside
 * a name there is room for twenty.
 */
function runFigure(run: Run): string | null {
  const best = run.state === 'training' ? undefined : bestEvaluated(run);
  if (best !== undefined) return `★${formatValue(best.evalLoss)}`;
  return run.loss === null ? null : formatValue(run.loss);
}

/** The evaluation's loss, by which checkpoints are judged, rather than the last step's; it says which one it is. */
function figure({ evalLoss, loss }: Checkpoint, best: boolean): string | null {
  if (evalLoss === null) return joined([best ? vscode.l10n.t('best') : null, lossText(loss)]) || null;
  const text = formatValue(evalLoss);
  return best ? vscode.l10n.t('best eval {0}', text) : vscode.l10n.t('eval {0}', text);
}

function lossText(loss: number | null): string | null {
  return loss === null ? null : vscode.l10n.t('loss {0}', formatValue(loss));
}

/** How it is doing; how it ended badly and why, in one line. */
function endText(run: Run): string {
  const error = run.exit?.error?.trim().split('\n').at(-1) ?? '';
  if (run.state === 'failed' && error !== '') return vscode.l10n.t('failed: {0}', error);
  if (run.state === 'interrupted' && run.exit?.why === 'killed' && run.exit.signal !== null)
    return vscode.l10n.t('killed by {0}', run.exit.signal);
  return stateText(run.state);
}

function bestText(run: Run): string | null {
  const best = bestEvaluated(run);
  if (best === undefined) return null;
  return vscode.l10n.t('{0} at step {1}', formatValue(best.evalLoss), formatCount(best.step));
}

function runRows(run: Run): Tooltip['rows'] {
  const parent = run.parent;
  return [
    [vscode.l10n.t('State'), run.exit?.error ? `${stateText(run.state)}: ${run.exit.error}` : stateText(run.state)],
    [
      vscode.l10n.t('Step'),
      run.maxSteps === null ? formatCount(run.step) : `${formatCount(run.step)} / ${formatCount(run.maxSteps)}`,
    ],
    [vscode.l10n.t('Stage'), run.stage],
    [vscode.l10n.t('Loss'), run.loss === null ? null : formatValue(run.loss)],
    [vscode.l10n.t('Best evaluation (★)'), bestText(run)],
    [vscode.l10n.t('Checkpoints'), formatCount(run.checkpoints.length)],
    [vscode.l10n.t('Branched from'), parent === null ? null : `${parent.run} @ ${formatCount(parent.step)}`],
    [vscode.l10n.t('Tags'), run.notes?.tags.join(', ') || null],
    [vscode.l10n.t('Notes'), run.notes?.summary || null],
    [vscode.l10n.t('Process'), processText(run)],
    [vscode.l10n.t('Folder'), run.path],
  ];
}

function checkpointRows(checkpoint: Checkpoint, verdict: Verdict | undefined): Tooltip['rows'] {
  const flags = [checkpoint.best && figure(checkpoint, true), checkpoint.pinned && vscode.l10n.t('pinned')].filter(
    (flag) => flag !== false && flag !== null,
  );
  return [
    [vscode.l10n.t('Step'), formatCount(checkpoint.step)],
    [vscode.l10n.t('Stage'), checkpoint.stage],
    [
      vscode.l10n.t('State'),
      checkpoint.stateReason === null ? checkpoint.state : `${checkpoint.state}: ${checkpoint.stateReason}`,
    ],
    [vscode.l10n.t('Validated'), verdict ?? null],
    [vscode.l10n.t('Flags'), flags.length === 0 ? null : flags.join(', ')],
    [vscode.l10n.t('Loss'), checkpoint.loss === null ? null : formatValue(checkpoint.loss)],
    [vscode.l10n.t('Eval loss'), checkpoint.evalLoss === null ? null : formatValue(checkpoint.evalLoss)],
    [vscode.l10n.t('Size'), formatBytes(checkpoint.bytes)],
    [vscode.l10n.t('Finished'), new Date(checkpoint.time * 1000).toLocaleString()],
    [vscode.l10n.t('Backed up'), checkpoint.backup?.folder ?? null],
    [vscode.l10n.t('Folder'), checkpoint.path],
  ];
}

export interface ItemContext {
  /** Unix seconds, for ages. */
  readonly now: number;
  readonly verdict: Verdict | undefined;
  readonly hasChildren: boolean;
  /** What the row of a run is called among those beside it. */
  readonly runLabel: string;
  /** How many runs branched from the checkpoint. */
  readonly branches: number;
  /** True for a `final` that a newer checkpoint of its run has overtaken. */
  readonly overtaken: boolean;
  /** Unfolded when shown for the first time; what a person folds stays folded. */
  readonly open: boolean;
}

export function treeItem(node: TreeNode, context: ItemContext): vscode.TreeItem {
  const { Collapsed, Expanded, None } = vscode.TreeItemCollapsibleState;
  const item = treeRow(
    {
      ...names(node, context),
      description: description(node, context),
      spoken: node.kind === 'run' && node.run.state === 'finished' ? stateText('finished') : '',
    },
    context.hasChildren ? (context.open ? Expanded : Collapsed) : None,
  );
  item.id = node.id;
  item.resourceUri = rowAddress(node.path);
  item.contextValue = contextValue(node);
  switch (node.kind) {
    case 'heading':
      item.iconPath = icon(node.icon);
      break;
    case 'run':
      item.iconPath = icon(...RUN_ICONS[node.run.state]);
      item.command = { command: 'npt.openDashboard', title: vscode.l10n.t('Open Dashboard'), arguments: [node.path] };
      break;
    case 'group':
      item.iconPath = icon('layers');
      break;
    case 'checkpoint':
      item.iconPath = checkpointIcon(node.checkpoint, context.verdict);
      break;
    case 'file':
      item.resourceUri = vscode.Uri.file(node.path);
      item.iconPath = vscode.ThemeIcon.File;
      if (/\.(json|pt)$/.test(node.file.name)) {
        item.command = { command: 'vscode.open', title: vscode.l10n.t('Open'), arguments: [item.resourceUri] };
      }
      break;
  }
  return item;
}

function description(node: TreeNode, context: ItemContext): string {
  switch (node.kind) {
    case 'heading':
      return node.description;
    case 'run':
      return runDescription(node.run);
    case 'checkpoint':
      return checkpointDescription(node.checkpoint, context);
    case 'group':
      return vscode.l10n.t('{0} checkpoints', formatCount(node.checkpoints.length));
    case 'file':
      return formatBytes(node.file.bytes);
  }
}

/** What is said of a row that is pointed at; nothing of a file: VS Code shows its path. */
export function tooltip(node: TreeNode, verdict: Verdict | undefined): Tooltip | undefined {
  switch (node.kind) {
    case 'run':
      return { title: node.run.name, rows: runRows(node.run) };
    case 'checkpoint':
      return { title: node.checkpoint.name, rows: checkpointRows(node.checkpoint, verdict) };
    case 'heading':
    case 'group':
    case 'file':
      return undefined;
  }
}

/** What a row is called: less than its name where the rows around it say the rest. */
function names(node: TreeNode, { runLabel }: ItemContext): { readonly label: string; readonly name?: string } {
  switch (node.kind) {
    case 'heading':
      return { label: node.title };
    case 'run':
      return { label: runLabel, name: node.run.name };
    case 'group':
      return { label: groupLabel(node) };
    case 'checkpoint': {
      const { name, step } = node.checkpoint;
      return { label: name === `checkpoint-${step}` ? formatCount(step) : name, name };
    }
    case 'file':
      return { label: path.basename(node.path) };
  }
}

/** The steps of the group's oldest and newest checkpoint. */
function groupLabel({ checkpoints }: GroupNode): string {
  const [first] = checkpoints;
  const last = checkpoints.at(-1);
  if (first === undefined || last === undefined) return vscode.l10n.t('Earlier checkpoints');
  return vscode.l10n.t('Steps {0} to {1}', formatCount(first.step), formatCount(last.step));
}
