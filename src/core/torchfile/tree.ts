/** What a pickle builds as the lines of a tree: plain data, bounded, whatever the file holds. */
import type { OutlineNode } from './outlineTypes';
import { quoted } from './problems';
import { Global, Opaque, PyDict, PySet, sequenceItems, StorageRef, Tensor, Tuple, type PyValue } from './pickle/values';

/** Lines in all, and lines of one container: an optimizer's state of an 8B model has some ten thousand. */
export interface TreeLimits {
  readonly nodes: number;
  readonly children: number;
}

const TREE_LIMITS: TreeLimits = { nodes: 200_000, children: 50_000 };

const LONGEST_KEY = 300;
const LONGEST_TEXT = 1000;

/** Text of a file for a line: control characters and direction marks spelled out, bounded. */
export function spelled(text: string, length = LONGEST_TEXT): string {
  return quoted(text, length).slice(1, -1);
}

interface Level {
  readonly parent: number;
  readonly items: Iterator<readonly [key: string, value: PyValue]>;
  readonly size: number;
  given: number;
}

/**
 * The lines in the order of an unfolded tree. Iterative, with a memory of the objects it has shown: a pickle may nest as
 * deep as it likes and contain itself. `tensors` gives each tensor's index.
 */
export function treeOf(
  root: PyValue,
  tensors: ReadonlyMap<Tensor, number>,
  limits: TreeLimits = TREE_LIMITS,
): OutlineNode[] {
  const nodes: OutlineNode[] = [];
  const shown = new Map<object, number>();
  const levels: Level[] = [{ parent: -1, items: [['', root] as const].values(), size: 1, given: 0 }];
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const { parent } = level;
    if (level.given >= limits.children || nodes.length >= limits.nodes) {
      if (level.size > level.given)
        nodes.push({ parent, key: '', kind: 'more', text: `and ${level.size - level.given} more, not shown` });
      levels.pop();
      continue;
    }
    const next = level.items.next();
    if (next.done === true) {
      levels.pop();
      continue;
    }
    level.given++;
    const [key, value] = next.value;
    const index = nodes.length;
    const before = value !== null && typeof value === 'object' ? shown.get(value) : undefined;
    if (before !== undefined) {
      nodes.push({ parent, key, kind: 'same', text: `the same object as ${pathOf(nodes, before)}` });
      continue;
    }
    nodes.push({ parent, key, ...describe(value, tensors) });
    const size = childCount(value);
    if (size === 0 || value === null) continue;
    shown.set(value as object, index);
    levels.push({ parent: index, items: childrenOf(value), size, given: 0 });
  }
  return nodes;
}

function pathOf(nodes: readonly OutlineNode[], index: number): string {
  const keys: string[] = [];
  let length = 0;
  let at = index;
  for (let node = nodes[at]; node && node.parent >= 0; node = nodes[at]) {
    keys.unshift(node.key);
    length += node.key.length;
    if (length > LONGEST_KEY) return `…${keys.join('.')}`;
    at = node.parent;
  }
  return keys.length === 0 ? 'the whole' : keys.join('.');
}

function entries(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`;
}

function describe(value: PyValue, tensors: ReadonlyMap<Tensor, number>): Omit<OutlineNode, 'parent' | 'key'> {
  if (value === null) return { kind: 'none', text: 'None' };
  if (typeof value === 'boolean') return { kind: 'bool', text: value ? 'True' : 'False' };
  if (typeof value === 'number' || typeof value === 'bigint') return { kind: 'number', text: numberText(value) };
  if (typeof value === 'string') return { kind: 'string', text: quoted(value, LONGEST_TEXT) };
  if (value instanceof Uint8Array) return { kind: 'bytes', text: `${value.length} bytes` };
  if (value instanceof PyDict) return { kind: 'dict', text: entries(value.size) };
  if (Array.isArray(value)) return { kind: 'list', text: entries(value.length) };
  if (value instanceof Tuple) return { kind: 'tuple', text: entries(value.items.length) };
  if (value instanceof PySet) return { kind: 'set', text: entries(value.items.length) };
  if (value instanceof Tensor) {
    const tensor = tensors.get(value);
    const text = `${value.dtype.name} (${value.shape.join(', ')})`;
    return { kind: 'tensor', text, ...(tensor === undefined ? {} : { tensor }) };
  }
  if (value instanceof StorageRef)
    return { kind: 'storage', text: spelled(`${value.numel} × ${value.dtype.name}, storage ${value.key}`) };
  if (value instanceof Global) return { kind: 'global', text: spelled(value.qualified), ...riskOf(value) };
  return { kind: 'object', text: callText(value), ...riskOf(value.callable) };
}

function numberText(value: number | bigint): string {
  // Ten thousand digits are legal in a pickle, and nobody reads them.
  if (typeof value === 'bigint') return spelled(value.toString(), 200);
  if (Number.isNaN(value)) return 'nan';
  return Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf';
}

/** Whether making this object is known to be harmless; what a computed callable does is not. */
export function riskOf(callable: PyValue): { risk?: 'unknown' | 'dangerous' } {
  if (callable instanceof Global) return callable.kind === 'safe' ? {} : { risk: callable.kind };
  return callable === null ? {} : { risk: 'unknown' };
}

/** The call that would make the object, as Python writes it: `os.system("id")`. */
export function callText(object: Opaque): string {
  const { callable, args } = object;
  const name =
    callable instanceof Global ? spelled(callable.qualified, 200) : callable === null ? 'object' : 'computed';
  const items = sequenceItems(args);
  return `${name}(${items ? listText(items, 2) : ''})`;
}

function listText(items: readonly PyValue[], depth: number): string {
  const texts = items.slice(0, 8).map((item) => valueText(item, depth - 1));
  return `${texts.join(', ')}${items.length > 8 ? ', …' : ''}`;
}

function valueText(value: PyValue, depth: number): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
  if (typeof value === 'string') return quoted(value, 200);
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof Global) return spelled(value.qualified, 200);
  if (value instanceof Tensor) return '<tensor>';
  if (value instanceof StorageRef) return '<storage>';
  if (depth <= 0) return '…';
  if (value instanceof Opaque)
    return value.callable instanceof Global ? `${spelled(value.callable.qualified, 200)}(…)` : '<object>';
  if (value instanceof PyDict) return value.size === 0 ? '{}' : '{…}';
  const items = value instanceof PySet ? value.items : (sequenceItems(value) ?? []);
  return Array.isArray(value) ? `[${listText(items, depth)}]` : `(${listText(items, depth)})`;
}

function childCount(value: PyValue): number {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return 0;
  if (value instanceof PyDict) return value.size;
  if (value instanceof PySet) return value.items.length;
  if (value instanceof Opaque)
    return (sequenceItems(value.args)?.length === 0 ? 0 : 1) + (value.state === null ? 0 : 1) + value.contents.length;
  return sequenceItems(value)?.length ?? 0;
}

function* childrenOf(value: PyValue): Generator<readonly [string, PyValue]> {
  if (value instanceof PyDict) {
    for (const [key, item] of value.entries()) yield [keyText(key), item];
  } else if (value instanceof Opaque) {
    if (sequenceItems(value.args)?.length !== 0) yield ['arguments', value.args];
    if (value.state !== null) yield ['state', value.state];
    for (const [i, item] of value.contents.entries()) yield [String(i), item];
  } else {
    const items = value instanceof PySet ? value.items : (sequenceItems(value) ?? []);
    for (const [i, item] of items.entries()) yield [String(i), item];
  }
}

function keyText(key: PyValue): string {
  if (typeof key === 'string') return spelled(key, LONGEST_KEY);
  return spelled(valueText(key, 2), LONGEST_KEY);
}
