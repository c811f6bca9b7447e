/** NPT: Sort Runs…, Filter Runs…, Group Runs… and the flat list: what was asked for, and the arrangement that comes of it. */
import * as vscode from 'vscode';
import type { Run } from '../../core/experiment/model';
import { formatCount } from '../../core/format';
import { RunFilter } from '../../core/table/runFilter';
import { askLive, pick, type PickRow } from '../../platform/picks';
import type { FeatureDeps } from '../deps';
import {
  arrangementOf,
  RUN_ORDERS,
  TREE_GROUPINGS,
  type RunOrder,
  type TreeGrouping,
  type TreeLook,
} from './arrangement';
import { KEPT_FLAT, KEPT_GROUP, KEPT_ORDER, type Arrangement, type TreeModel } from './nodes';

/** Names of runs that are listed under the box in which a filter is typed. */
const MOST_NAMES = 50;

/** What shows the runs. */
export interface Arranged {
  /** @param look undefined: as the model has them */
  arrange(look: ((model: TreeModel) => Arrangement) | undefined): void;
}

function orderText(order: RunOrder): string {
  switch (order) {
    case 'time':
      return vscode.l10n.t('Newest first');
    case 'name':
      return vscode.l10n.t('Name');
    case 'step':
      return vscode.l10n.t('Step, highest first');
    case 'loss':
      return vscode.l10n.t('Best evaluation, then last loss');
    case 'size':
      return vscode.l10n.t('Size of the checkpoints, largest first');
  }
}

function countText(count: number): string {
  return count === 1 ? vscode.l10n.t('1 run') : vscode.l10n.t('{0} runs', formatCount(count));
}

function groupingText(grouping: TreeGrouping | null): string {
  switch (grouping) {
    case null:
      return vscode.l10n.t('No groups');
    case 'tag':
      return vscode.l10n.t('By tag');
    case 'day':
      return vscode.l10n.t('By day');
  }
}

export class TreeArranger {
  private order: RunOrder;
  private flat: boolean;
  private group: TreeGrouping | null;
  private filter = '';
  private readonly engine = new RunFilter();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly deps: FeatureDeps,
    private readonly tree: Arranged,
  ) {
    const kept = context.workspaceState.get(KEPT_ORDER);
    this.order = RUN_ORDERS.find((order) => order === kept) ?? 'time';
    this.flat = context.workspaceState.get(KEPT_FLAT) === true;
    const group = context.workspaceState.get(KEPT_GROUP);
    this.group = TREE_GROUPINGS.find((grouping) => grouping === group) ?? null;
    this.apply();
  }

  async askOrder(): Promise<void> {
    const rows = RUN_ORDERS.map((order) => ({
      order,
      label: orderText(order),
      icon: order === this.order ? 'check' : 'blank',
    }));
    const picked = await pick(rows, {
      title: vscode.l10n.t('Sort Runs'),
      placeHolder: vscode.l10n.t('Runs beside each other; checkpoints stay in the order of their steps'),
      active: rows.find(({ order }) => order === this.order),
    });
    if (picked === undefined) return;
    this.order = picked.order;
    this.apply();
    await this.context.workspaceState.update(KEPT_ORDER, picked.order === 'time' ? undefined : picked.order);
  }

  async askGroup(): Promise<void> {
    const rows = [null, ...TREE_GROUPINGS].map((group) => ({
      group,
      label: groupingText(group),
      icon: group === this.group ? 'check' : 'blank',
    }));
    const picked = await pick(rows, {
      title: vscode.l10n.t('Group Runs'),
      placeHolder: vscode.l10n.t('A run with several tags stands under each; branches stand beside their parents'),
      active: rows.find(({ group }) => group === this.group),
    });
    if (picked === undefined) return;
    this.group = picked.group;
    this.apply();
    await this.context.workspaceState.update(KEPT_GROUP, picked.group ?? undefined);
  }

  /** Branches stand under the checkpoint that they left. */
  nest(): Promise<void> {
    return this.setFlat(false);
  }

  /** Branches stand beside their parents. */
  listFlat(): Promise<void> {
    return this.setFlat(true);
  }

  private async setFlat(flat: boolean): Promise<void> {
    this.flat = flat;
    this.apply();
    await this.context.workspaceState.update(KEPT_FLAT, flat || undefined);
  }

  /** The tree follows what is typed; Escape takes it back. */
  async askFilter(): Promise<void> {
    await this.deps.workspaces.ready();
    const before = this.filter;
    const typed = await askLive({
      title: vscode.l10n.t('Filter Runs'),
      placeHolder: vscode.l10n.t('stage:student loss<2.1 lr:1e-5 state:failed tag:keep'),
      value: before,
      problem: (text) => this.found(text).problem ?? undefined,
      rows: (text) => {
        const { runs, problem } = this.found(text);
        if (problem !== null) return [{ label: problem, icon: 'warning' }];
        this.setFilter(text);
        return [this.countRow(runs), ...runs.slice(0, MOST_NAMES).map(({ name }) => ({ label: name }))];
      },
    });
    this.setFilter(typed ?? before);
  }

  clearFilter(): void {
    this.setFilter('');
  }

  private countRow(runs: readonly Run[]): PickRow {
    return { label: vscode.l10n.t('{0} of {1} runs', runs.length, this.deps.workspaces.runs.length), icon: 'filter' };
  }

  private setFilter(text: string): void {
    if (text.trim() === this.filter) return;
    this.filter = text.trim();
    this.apply();
  }

  private apply(): void {
    const isAsTheModel = this.order === 'time' && this.filter === '' && !this.flat && this.group === null;
    for (const [key, value] of [
      ['npt.filtered', this.filter !== ''],
      ['npt.flat', this.flat],
      ['npt.grouped', this.group !== null],
    ] as const)
      void vscode.commands.executeCommand('setContext', key, value);
    this.tree.arrange(isAsTheModel ? undefined : (model) => this.arrangement(model));
  }

  private arrangement({ runs, lineage }: TreeModel): Arrangement {
    const { filter, order, flat, group } = this;
    const words = { noTag: vscode.l10n.t('No tag'), noDay: vscode.l10n.t('Day unknown'), count: countText };
    const look: TreeLook = { order, flat, group: group === null ? null : { by: group, words } };
    if (filter === '') return arrangementOf(look, null, null);
    const passing = this.engine.filter(filter, runs, lineage, Date.now() / 1000).runs;
    const about = vscode.l10n.t('Filter “{0}”: {1} of {2} runs', filter, passing.length, runs.length);
    return arrangementOf(look, new Set(passing.map(({ path }) => path)), about);
  }

  private found(text: string): ReturnType<RunFilter['filter']> {
    const { runs, lineage } = this.deps.workspaces;
    return this.engine.filter(text, runs, lineage, Date.now() / 1000);
  }
}
