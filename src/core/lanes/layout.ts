/**
 * Where each run stands in the picture of the lineage: a lane a run, from above, each branch below its parent. Of 5,000 runs in
 * a few milliseconds, so that it is simply made again after each change.
 */
import type { LaneRun } from './laneRun';

export interface Lane {
  /** Counted from above. */
  readonly index: number;
  /** Null for a parent that is gone, of which its branches remember the name. */
  readonly run: LaneRun | null;
  readonly name: string;
  /** Stays the same over changes. */
  readonly id: string;
  /** How many ancestors it has in the picture. */
  readonly depth: number;
  /** The parent's lane; −1 for none. */
  readonly parent: number;
  /** The step at which it left its parent; null without one. */
  readonly left: number | null;
  /** The steps that its line goes over. */
  readonly from: number;
  readonly to: number;
  /** The furthest step that a branch left it at, where that is beyond its line; else `to`. */
  readonly reach: number;
  /** Lanes of the runs that branched from it, ascending. */
  readonly children: readonly number[];
  /** The last lane of its descendants; its own without any. */
  readonly end: number;
  /** It does not pass the filter, and is shown because a descendant does. */
  readonly dim: boolean;
}

export interface Layout {
  readonly lanes: readonly Lane[];
  /** The lane of each id. */
  readonly places: ReadonlyMap<string, number>;
  /** The furthest step of all lines, at least 1. */
  readonly steps: number;
  /** How many runs pass the filter. */
  readonly passing: number;
}

export function laneId(key: number): string {
  return `run ${key}`;
}

interface Node {
  readonly id: string;
  readonly run: LaneRun | null;
  readonly name: string;
  readonly left: number | null;
  readonly parent: Node | null;
  readonly children: Node[];
  /** The newest birth among it and its descendants, Unix seconds. */
  newest: number;
  visible: boolean;
}

/**
 * Families stand by their newest run, branches of one parent by where they left it, the last one first: so no line of a branch
 * crosses another's. Parents that are not among the runs, and parents in a circle, are none.
 *
 * @param shown keys of the runs that pass a filter; null: all
 */
export function layoutOf(runs: Iterable<LaneRun>, shown: ReadonlySet<number> | null): Layout {
  const nodes = nodesOf(runs);
  const roots = nodes.filter(({ parent }) => parent === null);
  const order = familyOrder(roots);
  let passing = 0;
  // From below: what is seen shows its ancestors, too.
  for (const node of order.toReversed()) {
    const passes = node.run !== null && (shown?.has(node.run.key) ?? true);
    if (passes) passing += 1;
    node.visible ||= passes;
    node.newest = Math.max(node.newest, node.run?.created ?? 0);
    const { parent } = node;
    if (parent === null) continue;
    parent.visible ||= node.visible;
    parent.newest = Math.max(parent.newest, node.newest);
  }
  return { ...placed(roots, shown), passing };
}

/** In the order of their birth, the newest first; then by name, so that there is but one order. */
function newestFirst(a: LaneRun, b: LaneRun): number {
  return b.created - a.created || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.key - b.key);
}

/** Written out: an object that is spread together is several times slower to use. */
function aNode(id: string, run: LaneRun | null, name: string, left: number | null, parent: Node | null): Node {
  return { id, run, name, left, parent, children: [], newest: 0, visible: false };
}

/** Every run's node, and one for each parent that is gone; each hangs under its parent. */
function nodesOf(runs: Iterable<LaneRun>): Node[] {
  const sorted = [...runs].sort(newestFirst);
  const byKey = new Map(sorted.map((run) => [run.key, run]));
  const circling = inCircles(byKey);
  const made = new Map<string, Node>();
  const ghosts: Node[] = [];
  const make = (run: LaneRun, parent: Node | null): Node => {
    const left = parent === null ? null : (run.parent?.step ?? 0);
    const node = aNode(laneId(run.key), run, run.name, left, parent);
    made.set(node.id, node);
    parent?.children.push(node);
    return node;
  };
  const ghostOf = ({ parent }: LaneRun): Node | null => {
    if (parent === null || parent.ghost === '') return null;
    const id = `gone ${parent.ghost}`;
    const known = made.get(id);
    if (known !== undefined) return known;
    const ghost = aNode(id, null, parent.name, null, null);
    made.set(id, ghost);
    ghosts.push(ghost);
    return ghost;
  };
  for (const run of sorted) {
    // Ancestors first, without recursion: a chain may be long.
    const waiting = [run];
    for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
      if (made.has(laneId(next.key))) {
        waiting.pop();
        continue;
      }
      const key = circling.has(next.key) ? null : (next.parent?.key ?? null);
      const parent = key === null ? undefined : byKey.get(key);
      const parentNode = parent === undefined ? ghostOf(next) : made.get(laneId(parent.key));
      if (parent !== undefined && parentNode === undefined) waiting.push(parent);
      else {
        make(next, parentNode ?? null);
        waiting.pop();
      }
    }
  }
  return [...ghosts, ...sorted.flatMap(({ key }) => made.get(laneId(key)) ?? [])];
}

/** Keys of the runs that are their own ancestors: what is on its way to the page may be half of a change. */
function inCircles(byKey: ReadonlyMap<number, LaneRun>): Set<number> {
  const circling = new Set<number>();
  const walkOf = new Map<number, number>();
  for (const start of byKey.keys()) {
    let at: number | null = start;
    while (at !== null && byKey.has(at) && !walkOf.has(at)) {
      walkOf.set(at, start);
      at = byKey.get(at)?.parent?.key ?? null;
    }
    if (at === null || walkOf.get(at) !== start) continue;
    for (
      let each: number | null = at;
      each !== null && !circling.has(each);
      each = byKey.get(each)?.parent?.key ?? null
    )
      circling.add(each);
  }
  return circling;
}

/** Each node after its parent. */
function familyOrder(roots: readonly Node[]): Node[] {
  const order: Node[] = [];
  const waiting = [...roots];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    order.push(next);
    for (const child of next.children) waiting.push(child);
  }
  return order;
}

type Draft = { -readonly [Field in keyof Lane]: Lane[Field] };

function placed(roots: readonly Node[], shown: ReadonlySet<number> | null): Omit<Layout, 'passing'> {
  const lanes: Draft[] = [];
  const places = new Map<string, number>();
  let steps = 1;
  /** By lane: those of its children. */
  const below: number[][] = [];
  // What is to come first is taken first: from the end.
  const waiting: { readonly node: Node; readonly parent: number; readonly depth: number }[] = roots
    .filter(({ visible }) => visible)
    .sort((a, b) => b.newest - a.newest)
    .reverse()
    .map((node) => ({ node, parent: -1, depth: 0 }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, parent, depth } = next;
    const { run, left } = node;
    const index = lanes.length;
    const children = node.children.filter(({ visible }) => visible);
    const furthest = children.reduce((most, child) => Math.max(most, child.left ?? 0), 0);
    const from = run === null ? 0 : Math.min(left ?? 0, run.steps[0] ?? Infinity);
    const to = run === null ? furthest : Math.max(from, left ?? 0, run.step, run.steps.at(-1) ?? 0);
    const reach = Math.max(to, furthest);
    steps = Math.max(steps, reach);
    const own: number[] = [];
    below.push(own);
    below[parent]?.push(index);
    const dim = run === null || !(shown?.has(run.key) ?? true);
    lanes.push({
      index,
      run,
      name: node.name,
      id: node.id,
      depth,
      parent,
      left,
      from,
      to,
      reach,
      children: own,
      end: index,
      dim,
    });
    places.set(node.id, index);
    children.sort((a, b) => (b.left ?? 0) - (a.left ?? 0) || b.newest - a.newest);
    for (const child of children.reverse()) waiting.push({ node: child, parent: index, depth: depth + 1 });
  }
  for (const lane of lanes.toReversed()) {
    const parent = lanes[lane.parent];
    if (parent !== undefined) parent.end = Math.max(parent.end, lane.end);
  }
  return { lanes, places, steps };
}

/** The lines down from parents to branches that pass through lanes `first` to `last`: the branches' lanes. */
export function edgesThrough({ lanes }: Layout, first: number, last: number): number[] {
  const found: number[] = [];
  for (let index = first; index <= last; index += 1) if ((lanes[index]?.parent ?? -1) >= 0) found.push(index);
  // What ends below begins at an ancestor of the lane that comes next.
  for (let at = lanes[last + 1]?.parent ?? -1; at >= 0; at = lanes[at]?.parent ?? -1) {
    const children = lanes[at]?.children ?? [];
    for (let place = children.length - 1; place >= 0; place -= 1) {
      const child = children[place] ?? -1;
      if (child <= last) break;
      found.push(child);
    }
  }
  return found;
}
