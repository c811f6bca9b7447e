/** The names beside the lanes: a tree for screen readers, of which only the rows in sight exist, and the one with the focus. */
import type { Lane, Layout } from '../../src/core/lanes/layout';
import { laneSentence } from '../../src/core/lanes/sentences';
import { NAMED_LANE, type Room, type Viewport } from '../../src/core/lanes/viewport';
import { formatValue } from '../../src/core/format';
import { nameBelow } from '../../src/core/shortNames';
import { h, setText } from '../ui/dom';
import { AXIS, lanesInSight, type Spot } from './scene';

/** Deeper branches are not moved further to the right: there is no room. */
const DEEPEST = 6;

interface Row {
  readonly element: HTMLElement;
  readonly state: HTMLElement;
  readonly name: HTMLElement;
  readonly figure: HTMLElement;
  lane: Lane | undefined;
}

export class NameList {
  readonly element = h('div', { class: 'names', role: 'presentation' });
  /** By the lane's id. */
  private readonly rows = new Map<string, Row>();
  private next = 0;

  update(layout: Layout, view: Viewport, room: Room, focus: Spot | null, hover: Spot | null): void {
    const [first, last] = lanesInSight(view, layout, room);
    const wanted = new Set<string>();
    const areNamed = view.lane >= NAMED_LANE;
    for (let index = first; areNamed && index <= last; index += 1) wanted.add(layout.lanes[index]?.id ?? '');
    const at = focus === null ? undefined : layout.lanes[focus.lane];
    if (at !== undefined) wanted.add(at.id);
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
    for (const id of wanted) {
      const lane = layout.lanes[layout.places.get(id) ?? -1];
      if (lane === undefined) continue;
      const row = this.rows.get(id) ?? this.make(id);
      if (row.lane !== lane) this.describe(row, lane, layout);
      const { element } = row;
      element.style.top = `${AXIS + lane.index * view.lane - view.top}px`;
      element.style.height = `${Math.max(view.lane, NAMED_LANE + 3)}px`;
      element.classList.toggle('alone', !areNamed);
      element.classList.toggle('focus', lane.index === focus?.lane);
      element.classList.toggle('hover', lane.index === hover?.lane);
      element.setAttribute('aria-selected', String(lane.index === focus?.lane));
    }
  }

  /** The element's id, for aria-activedescendant; '' where it has no row. */
  rowOf(lane: Lane | undefined): string {
    return (lane === undefined ? undefined : this.rows.get(lane.id)?.element.id) ?? '';
  }

  private make(id: string): Row {
    this.next += 1;
    const [state, name, figure] = [h('i', { 'aria-hidden': 'true' }), h('span', { class: 'name' }), h('span')];
    const element = h('div', { class: 'lane', role: 'treeitem', id: `lane-${this.next}` }, state, name, figure);
    this.element.append(element);
    const row: Row = { element, state, name, figure, lane: undefined };
    this.rows.set(id, row);
    return row;
  }

  private describe(row: Row, lane: Lane, layout: Layout): void {
    row.lane = lane;
    const { element, state, name, figure } = row;
    const { run } = lane;
    const above = layout.lanes[lane.parent]?.name ?? '';
    setText(name, nameBelow(lane.name, above));
    const text = figureOf(lane);
    setText(figure, text);
    figure.className = `figure${text.startsWith('★') ? '' : ' dim'}`;
    state.className = `state ${run?.state ?? 'gone'}`;
    element.classList.toggle('dimmed', lane.dim);
    element.style.paddingLeft = `calc(6px + ${Math.min(lane.depth, DEEPEST)} * var(--indent))`;
    element.setAttribute('aria-label', laneSentence(lane, layout));
    element.setAttribute('aria-level', String(lane.depth + 1));
    element.setAttribute('aria-posinset', String(lane.index + 1));
    element.setAttribute('aria-setsize', String(layout.lanes.length));
  }
}

function figureOf({ run }: Lane): string {
  if (run === null) return 'gone';
  if (run.best !== null && run.state !== 'training') return `★${formatValue(run.best.value)}`;
  return run.loss === null ? '' : formatValue(run.loss);
}
