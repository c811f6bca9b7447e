/** The Experiments view: registration, refresh of what changed, badge, messages. */
import * as vscode from 'vscode';
import { allCheckpoints } from '../../core/experiment/checkpoints';
import type { Run } from '../../core/experiment/model';
import { Disposable } from '../../core/disposable';
import { registerCommands } from '../commands';
import type { FeatureDeps } from '../deps';
import { treeItem } from './items';
import { childrenOf, checkpointNode, containerOf, runNode, type TreeNode } from './nodes';

/** Changes within this time are shown together: a run that trains changes several times a second. */
const COALESCE_MS = 200;
/**
 * Step and loss of a training run change every second, but its row is redrawn at most this often: while VS Code redraws a
 * row it forgets the children's handles, and a menu item clicked in that moment arrives without its checkpoint. What
 * changes rarely (state, stage, checkpoints) is shown at once; the status bar and the dashboard show every step.
 */
const FIGURES_MS = 3000;
/** Ages in the descriptions go stale; this is how stale they may get. */
const AGE_REFRESH_MS = 60_000;

class ExperimentsTree extends Disposable implements vscode.TreeDataProvider<TreeNode> {
  private readonly changed = this._register(new vscode.EventEmitter<TreeNode[] | undefined>());
  readonly onDidChangeTreeData = this.changed.event;
  private pending = new Set<string>();
  /** The node objects that VS Code holds, by id: a refresh must name these very objects, an equal one is ignored. */
  private readonly given = new Map<string, TreeNode>();
  /** What was last shown of a run beside its figures, and when. */
  private readonly shown = new Map<string, { readonly outline: string; readonly at: number }>();
  /** Which runs hang where, as last shown: a run that comes, goes or moves redraws the root. */
  private shape = '';
  private timer: NodeJS.Timeout | undefined;
  private postponed: NodeJS.Timeout | undefined;

  constructor(private readonly deps: FeatureDeps) {
    super();
    this._register(
      deps.workspaces.onDidChange((change) => {
        this.schedule(change.changedRuns);
      }),
    );
    this._register(
      deps.validations.onDidChange((paths) => {
        this.schedule(paths.map((checkpoint) => deps.workspaces.runAt(checkpoint)?.path ?? checkpoint));
      }),
    );
    const ages = setInterval(() => {
      this.refreshAll();
    }, AGE_REFRESH_MS);
    this._register({
      dispose: () => {
        clearInterval(ages);
        clearTimeout(this.timer);
        clearTimeout(this.postponed);
      },
    });
  }

  getTreeItem(stale: TreeNode): vscode.TreeItem {
    const { workspaces, validations } = this.deps;
    const node = this.fresh(stale);
    return treeItem(node, {
      now: Date.now() / 1000,
      verdict: node.kind === 'checkpoint' ? validations.get(node.path)?.verdict : undefined,
      hasChildren: childrenOf(node, workspaces.runs).length > 0,
      // What a person looks for first: the newest run, and whatever trains.
      open: node.kind === 'run' && (node.run.state === 'training' || node.path === workspaces.runs[0]?.path),
    });
  }

  async getChildren(node?: TreeNode): Promise<TreeNode[]> {
    await this.deps.workspaces.ready();
    const children = childrenOf(node === undefined ? undefined : this.fresh(node), this.deps.workspaces.runs);
    for (const child of children) this.given.set(child.id, child);
    return children;
  }

  getParent(node: TreeNode): TreeNode | undefined {
    const { workspaces } = this.deps;
    switch (node.kind) {
      case 'run':
        return containerOf(node.run, workspaces.runs);
      case 'checkpoint':
        return runNode(node.run);
      case 'file': {
        const owner = workspaces.checkpointAt(node.checkpoint.path);
        return owner === undefined ? undefined : checkpointNode(owner.run, owner.checkpoint);
      }
    }
  }

  /** VS Code keeps the nodes it was given; the model behind them may have moved on. */
  private fresh(node: TreeNode): TreeNode {
    if (node.kind === 'run') {
      const run = this.deps.workspaces.runAt(node.path);
      return run === undefined ? node : runNode(run);
    }
    if (node.kind === 'checkpoint') {
      const found = this.deps.workspaces.checkpointAt(node.path);
      return found === undefined ? node : checkpointNode(found.run, found.checkpoint);
    }
    return node;
  }

  private schedule(changedRuns: readonly string[]): void {
    for (const run of changedRuns) this.pending.add(run);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, COALESCE_MS);
  }

  private flush(): void {
    if (this.isDisposed) return;
    const runs = this.deps.workspaces.runs;
    const pending = this.pending;
    this.pending = new Set();
    const shape = JSON.stringify(runs.map((run) => [run.path, containerOf(run, runs)?.id ?? null]));
    if (shape !== this.shape) {
      this.shape = shape;
      this.refreshAll();
      return;
    }
    const now = performance.now();
    const due: TreeNode[] = [];
    const later: string[] = [];
    for (const run of runs.filter((each) => pending.has(each.path))) {
      const outline = this.outline(run);
      const last = this.shown.get(run.path);
      if (last?.outline === outline && now - last.at < FIGURES_MS) {
        later.push(run.path);
        continue;
      }
      this.shown.set(run.path, { outline, at: now });
      const node = this.given.get(runNode(run).id);
      if (node !== undefined) due.push(node);
    }
    // Only what changed: a whole-tree refresh loses the scroll position and blinks (microsoft/vscode#153982).
    if (due.length > 0) this.changed.fire(due);
    if (later.length === 0) return;
    // A timer of its own: what changes meanwhile and must be shown at once does not wait for the figures.
    this.postponed ??= setTimeout(() => {
      this.postponed = undefined;
      this.schedule(later);
    }, FIGURES_MS);
  }

  /** What a person reacts to: everything of a run but its running figures. */
  private outline(run: Run): string {
    const checkpoints = allCheckpoints(run);
    return JSON.stringify([
      run.state,
      run.stage,
      checkpoints.map((each) => [each.name, each.state, each.best, each.pinned, each.bytes]),
      checkpoints.map((each) => this.deps.validations.get(each.path)?.verdict ?? null),
    ]);
  }

  private refreshAll(): void {
    this.given.clear();
    this.changed.fire(undefined);
  }
}

function updateView(view: vscode.TreeView<TreeNode>, deps: FeatureDeps): void {
  const runs: readonly Run[] = deps.workspaces.runs;
  const training = runs.filter((run) => run.state === 'training').length;
  view.badge = training === 0 ? undefined : { value: training, tooltip: vscode.l10n.t('{0} runs training', training) };
  const problems = deps.workspaces.all.flatMap((workspace) => workspace.problems);
  const messages = [
    deps.workspaces.degraded,
    problems[0] === undefined ? null : `${problems[0].path}: ${problems[0].message}`,
  ];
  view.message = messages.find((message) => message !== null) ?? undefined;
}

/**
 * A branch hangs under the checkpoint it left, which is folded for most: one that begins while somebody looks at the tree
 * is unfolded, once, or it would seem to have vanished. Runs of the first scan stay as they were left.
 */
class BranchReveal extends Disposable {
  private readonly known = new Set<string>();

  constructor(
    private readonly view: vscode.TreeView<TreeNode>,
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
      if (run.state !== 'training' || containerOf(run, runs) === undefined || !this.view.visible) continue;
      const timer = setTimeout(() => void this.reveal(runNode(run)), 2 * COALESCE_MS);
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
      this.deps.log.debug(`reveal ${node.path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** What `when` clauses ask; told only when it changes, since the model changes every second while a run trains. */
function keepContext(deps: FeatureDeps): () => void {
  let told: boolean | undefined;
  return () => {
    const hasRuns = deps.workspaces.runs.length > 0;
    if (hasRuns === told) return;
    told = hasRuns;
    void vscode.commands.executeCommand('setContext', 'npt.scanned', true);
    void vscode.commands.executeCommand('setContext', 'npt.hasRuns', hasRuns);
  };
}

export function register(context: vscode.ExtensionContext, deps: FeatureDeps): void {
  const updateContext = keepContext(deps);
  const tree = new ExperimentsTree(deps);
  const view = vscode.window.createTreeView('npt.experiments', {
    treeDataProvider: tree,
    canSelectMany: true,
    showCollapseAll: true,
  });
  context.subscriptions.push(
    tree,
    view,
    new BranchReveal(view, deps),
    deps.workspaces.onDidChange(() => {
      updateView(view, deps);
      updateContext();
    }),
  );
  registerCommands(context, deps, { 'npt.refresh': () => deps.workspaces.rescan() });
}
