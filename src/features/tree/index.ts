/** The Experiments view: registration, refresh of what changed, badge, messages. */
import * as vscode from 'vscode';
import { FINAL } from '../../core/checkpoint/fileNames';
import { messageOf } from '../../core/errors';
import { formatCount } from '../../core/format';
import type { Verdict } from '../../core/checkpoint/report/report';
import type { Run } from '../../core/experiment/model';
import { Disposable } from '../../core/disposable';
import { addTooltip, TreeViewText } from '../../platform/treeText';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { targetPath } from '../targets';
import type { TreeArranger } from './arranger';
import { DRAG_OUT, knowRowAddresses } from './dragOut';
import { markFiles } from './fileMarks';
import { isElsewhere, isWaitingJob, tooltip, treeItem } from './items';
import { runLabel } from './labels';
import {
  childrenOf,
  checkpointNode,
  containerOf,
  groupNode,
  hasChildren,
  headingsOf,
  holderOf,
  isOvertaken,
  runNode,
  isShown,
  KEPT_FLAT,
  KEPT_GROUP,
  KEPT_ORDER,
  rowUnder,
  type Arrangement,
  type HeadingNode,
  type TreeModel,
  type TreeNode,
} from './nodes';
import { TreeRows } from './rows';

/** What changes how the runs are shown, by what the arranger calls it. */
const ARRANGING = {
  'npt.sortRuns': 'askOrder',
  'npt.filterRuns': 'askFilter',
  'npt.clearFilter': 'clearFilter',
  'npt.groupRuns': 'askGroup',
  'npt.nestBranches': 'nest',
  'npt.listFlat': 'listFlat',
} as const;

/** Changes within this time are shown together: a run that trains changes several times a second. */
const COALESCE_MS = 100;
/** How stale the ages in the descriptions may get; only rows whose age reads differently by then are redrawn. */
const AGE_REFRESH_MS = 60_000;

/** The last wait for a view that is taking in that its rows changed. */
const REVEALED_WITHIN_MS = 2_000;

class ExperimentsTree extends Disposable implements vscode.TreeDataProvider<TreeNode> {
  private readonly changed = this._register(new vscode.EventEmitter<TreeNode[] | undefined>());
  readonly onDidChangeTreeData = this.changed.event;
  private readonly rows = new TreeRows();
  private look: ((model: TreeModel) => Arrangement) | undefined;
  /** The model as it was last arranged. */
  private arranged: TreeModel | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** A timer of its own: what changes meanwhile and must be shown at once does not wait for the figures. */
  private postponed: NodeJS.Timeout | undefined;

  constructor(private readonly deps: FeatureDeps) {
    super();
    this._register(
      deps.workspaces.onDidChange((change) => {
        this.rows.note(change.changedRuns);
        this.schedule();
      }),
    );
    this._register(
      deps.validations.onDidChange((paths) => {
        this.rows.note(
          paths.map((checkpoint) => deps.workspaces.runAt(checkpoint)?.path ?? checkpoint),
          true,
        );
        this.schedule();
      }),
    );
    this._register({
      dispose: () => {
        clearTimeout(this.timer);
        clearTimeout(this.postponed);
      },
    });
  }

  getTreeItem(stale: TreeNode): vscode.TreeItem {
    const model = this.model();
    const node = this.fresh(stale);
    const now = Date.now() / 1000;
    this.rows.noteAge(node, now);
    return treeItem(node, {
      now,
      verdict: this.verdictOf(node),
      hasChildren: hasChildren(node, model),
      runLabel: node.kind === 'run' ? runLabel(node.run, model) : '',
      branches: node.kind === 'checkpoint' ? model.lineage.branchesAt(node.checkpoint).length : 0,
      overtaken: node.kind === 'checkpoint' && node.checkpoint.name === FINAL && isOvertaken(node.checkpoint, node.run),
      // What a person looks for first: the newest run, and whatever trains.
      open: node.kind === 'run' && (node.run.state === 'training' || node.path === model.runs[0]?.path),
    });
  }

  /** Asked for when a row is pointed at. */
  resolveTreeItem(item: vscode.TreeItem, stale: TreeNode): vscode.TreeItem {
    const node = this.fresh(stale);
    const said = tooltip(node, this.verdictOf(node));
    if (said !== undefined) addTooltip(item, said);
    return item;
  }

  private verdictOf(node: TreeNode): Verdict | undefined {
    return node.kind === 'checkpoint' ? this.deps.validations.get(node.path)?.verdict : undefined;
  }

  async getChildren(node?: TreeNode): Promise<TreeNode[]> {
    await this.deps.workspaces.begun();
    const children = childrenOf(node === undefined ? undefined : this.fresh(node), this.model());
    this.rows.give(node, children);
    return children;
  }

  getParent(node: TreeNode): TreeNode | undefined {
    if (node.kind === 'heading') return undefined;
    const above = this.above(node);
    return above === undefined ? this.headingOf(node.under) : rowUnder(node.under, above);
  }

  /** What a row is under, but for headings. */
  private above(node: Exclude<TreeNode, HeadingNode>): TreeNode | undefined {
    const { workspaces } = this.deps;
    switch (node.kind) {
      case 'run':
        return containerOf(node.run, this.model());
      case 'group':
        return runNode(node.run);
      case 'checkpoint':
        return holderOf(node.run, node.checkpoint);
      case 'file': {
        const owner = workspaces.checkpointAt(node.checkpoint.path);
        return owner === undefined ? undefined : checkpointNode(owner.run, owner.checkpoint);
      }
    }
  }

  /** Redraws the rows whose age reads differently now. */
  refreshAges(): void {
    const outdated = this.rows.outdated(Date.now() / 1000);
    if (outdated.length > 0) this.changed.fire(outdated);
  }

  /** Shows the runs otherwise: `look` says how, of the runs of a moment; undefined: as the model has them. */
  arrange(look: ((model: TreeModel) => Arrangement) | undefined): void {
    this.look = look;
    this.arranged = undefined;
    this.schedule();
  }

  model(): TreeModel {
    const { runs, lineage } = this.deps.workspaces;
    if (this.look === undefined) return this.deps.workspaces;
    // There is another lineage whenever a run changed.
    if (this.arranged?.lineage !== lineage) {
      this.arranged = { runs, lineage, arrangement: this.look({ runs, lineage }) };
    }
    return this.arranged;
  }

  /** A row of the run; of several, the first. */
  rowOf(run: Run): TreeNode {
    const heading = headingsOf(this.model())?.rows.find(({ runs }) => runs.includes(run));
    return rowUnder(heading?.id, runNode(run));
  }

  /** The heading of this id, as it is now. */
  private headingOf(id: string | undefined): TreeNode | undefined {
    return headingsOf(this.model())?.rows.find((each) => each.id === id);
  }

  /** VS Code keeps the nodes it was given; the model behind them may have moved on. */
  private fresh(node: TreeNode): TreeNode {
    const { workspaces } = this.deps;
    let now: TreeNode | undefined;
    if (node.kind === 'heading') now = this.headingOf(node.id);
    if (node.kind === 'run') {
      const run = workspaces.runAt(node.path);
      now = run && runNode(run);
    }
    if (node.kind === 'group') {
      const run = workspaces.runAt(node.run.path);
      now = run && groupNode(run, node.index);
    }
    if (node.kind === 'checkpoint') {
      const found = workspaces.checkpointAt(node.path);
      now = found && checkpointNode(found.run, found.checkpoint);
    }
    return now === undefined ? node : rowUnder(node.under, now);
  }

  private schedule(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, COALESCE_MS);
  }

  private flush(): void {
    if (this.isDisposed) return;
    const { all, rows, again } = this.rows.take(this.model(), performance.now());
    if (all) this.changed.fire(undefined);
    else if (rows.length > 0) this.changed.fire([...rows]);
    clearTimeout(this.postponed);
    this.postponed =
      again === undefined
        ? undefined
        : setTimeout(() => {
            this.schedule();
          }, again);
  }
}

/** Keeps the ages true while somebody sees the view. */
class AgeRefresh extends Disposable {
  constructor(view: vscode.TreeView<TreeNode>, tree: ExperimentsTree) {
    super();
    const look = (): void => {
      if (view.visible) tree.refreshAges();
    };
    const timer = setInterval(look, AGE_REFRESH_MS);
    this._register({
      dispose: () => {
        clearInterval(timer);
      },
    });
    this._register(view.onDidChangeVisibility(look));
  }
}

function updateView(view: TreeViewText, tree: ExperimentsTree, deps: FeatureDeps): void {
  const runs: readonly Run[] = deps.workspaces.runs;
  const training = runs.filter((run) => run.state === 'training').length;
  view.setBadge(
    training,
    training === 1 ? vscode.l10n.t('1 run is training') : vscode.l10n.t('{0} runs are training', training),
  );
  const problems = deps.workspaces.all.flatMap((workspace) => workspace.problems);
  const problem = problems[0] === undefined ? null : `${problems[0].path}: ${problems[0].message}`;
  const more = problems.length > 1 ? vscode.l10n.t('{0} problems in all', formatCount(problems.length)) : null;
  const looking = deps.workspaces.isComplete ? null : vscode.l10n.t('Looking for more runs…');
  const filtered = tree.model().arrangement?.about ?? null;
  const told = [looking, filtered, deps.workspaces.degraded, problem, more].filter((message) => message !== null);
  view.setMessage(told.length === 0 ? undefined : told.join(' · '));
}

/**
 * A branch hangs under the checkpoint it left, which is folded for most: one that begins while somebody looks at the tree
 * is unfolded, once, or it would seem to have vanished. Runs of the first scan stay as they were left.
 */
class BranchReveal extends Disposable {
  private readonly known = new Set<string>();

  constructor(
    private readonly view: vscode.TreeView<TreeNode>,
    private readonly tree: ExperimentsTree,
    private readonly deps: FeatureDeps,
  ) {
    super();
    const { workspaces } = deps;
    void workspaces.ready().then(() => {
      for (const run of workspaces.runs) this.known.add(run.path);
      this._register(
        workspaces.onDidChange(() => {
          this.look();
        }),
      );
    });
  }

  private look(): void {
    const runs = this.deps.workspaces.runs;
    for (const run of runs) {
      // Its parent is known only once run.json is there, a moment after the folder.
      if (this.known.has(run.path) || (run.id === null && run.state === 'training')) continue;
      this.known.add(run.path);
      if (
        run.state !== 'training' ||
        containerOf(run, this.tree.model()) === undefined ||
        !isShown(run, this.tree.model()) ||
        !this.view.visible
      )
        continue;
      const timer = setTimeout(() => void this.reveal(runNode(run)), 4 * COALESCE_MS);
      this._register({
        dispose: () => {
          clearTimeout(timer);
        },
      });
    }
  }

  private async reveal(node: TreeNode): Promise<void> {
    try {
      await this.view.reveal(node, { select: false, focus: false });
    } catch (error) {
      // The run was deleted or moved in the meantime: there is nothing to show any more.
      this.deps.log.debug(`reveal ${node.path}: ${messageOf(error)}`);
    }
  }
}

/** What `when` clauses ask; told only when it changes, since the model changes every second while a run trains. */
function keepContext(deps: FeatureDeps): () => void {
  const told = new Map<string, boolean>();
  const tell = (key: string, value: boolean): void => {
    if (told.get(key) === value) return;
    told.set(key, value);
    void vscode.commands.executeCommand('setContext', key, value);
  };
  return () => {
    const { runs } = deps.workspaces;
    tell('npt.scanned', true);
    tell('npt.hasRuns', runs.length > 0);
    tell(
      'npt.training',
      runs.some((run) => run.state === 'training'),
    );
    tell('npt.trainedElsewhere', runs.some(isElsewhere));
    tell('npt.waiting', runs.some(isWaitingJob));
    tell(
      'npt.inQueue',
      runs.some((run) => run.queue !== undefined),
    );
  };
}

/** While a view takes in that its rows changed it knows none of them for a moment, and says so with an error. */
async function revealRow(view: vscode.TreeView<TreeNode>, rowNow: () => TreeNode): Promise<void> {
  for (let wait = 50; ; wait *= 2) {
    try {
      await view.reveal(rowNow(), { focus: true });
      return;
    } catch (error) {
      if (wait > REVEALED_WITHIN_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const updateContext = keepContext(deps);
  const tree = new ExperimentsTree(deps);
  const view = vscode.window.createTreeView<TreeNode>('npt.experiments', {
    treeDataProvider: tree,
    canSelectMany: true,
    showCollapseAll: true,
    dragAndDropController: DRAG_OUT,
  });
  const text = new TreeViewText(view);
  const update = (): void => {
    updateView(text, tree, deps);
  };
  let arranger: Promise<TreeArranger> | undefined;
  const arrange = (): Promise<TreeArranger> =>
    (arranger ??= import('../../onDemand').then(
      (onDemand) =>
        new onDemand.TreeArranger(context, deps, {
          arrange: (look) => {
            tree.arrange(look);
            update();
          },
        }),
    ));
  const isKept = (key: string): boolean => context.workspaceState.get(key) !== undefined;
  if ([KEPT_ORDER, KEPT_FLAT, KEPT_GROUP].some(isKept)) void arrange();
  context.subscriptions.push(
    tree,
    view,
    new BranchReveal(view, tree, deps),
    new AgeRefresh(view, tree),
    markFiles(deps),
    knowRowAddresses(),
    deps.workspaces.onDidChange(() => {
      update();
      updateContext();
    }),
  );
  const arranging = Object.entries(ARRANGING).map(([command, act]): [string, () => unknown] => [
    command,
    async () => (await arrange())[act](),
  ]);
  registerCommands(context, deps, {
    'npt.refresh': () => deps.workspaces.rescan('everything'),
    ...Object.fromEntries(arranging),
    // For our own lists of runs: not in the palette.
    'npt.reveal': async ({ argument }) => {
      const run = deps.workspaces.runAt(targetPath(argument) ?? '');
      if (run === undefined) return;
      if (!isShown(run, tree.model())) (await arrange()).clearFilter();
      await revealRow(view, () => tree.rowOf(run));
    },
  });
}
