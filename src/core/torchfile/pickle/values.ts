/**
 * What a pickle turns into here: plain data and inert placeholders. Nothing in this file can call, import or
 * construct anything that a pickle names; a Python object is only ever a record of what the pickle said about it.
 */
import type { DType } from '../tensors/dtypes';
import type { GlobalKind } from './globals';

/** A module attribute that the pickle asks Python to import. */
export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
    readonly kind: GlobalKind,
  ) {}

  /** `module.name`, the way Python users write it. */
  get qualified(): string {
    return `${this.module}.${this.name}`;
  }
}

export class Tuple {
  constructor(readonly items: readonly PyValue[]) {}
}

export class PySet {
  readonly items: PyValue[] = [];

  constructor(readonly frozen: boolean = false) {}
}

/** A dict (also an OrderedDict or defaultdict): insertion order, Python's equality for plain keys, identity for others. */
export class PyDict {
  private readonly byKey = new Map<unknown, { key: PyValue; value: PyValue }>();

  get size(): number {
    return this.byKey.size;
  }

  set(key: PyValue, value: PyValue): void {
    const identity = keyIdentity(key);
    const existing = this.byKey.get(identity);
    if (existing) existing.value = value;
    else this.byKey.set(identity, { key, value });
  }

  get(key: PyValue): PyValue | undefined {
    return this.byKey.get(keyIdentity(key))?.value;
  }

  has(key: PyValue): boolean {
    return this.byKey.has(keyIdentity(key));
  }

  *entries(): IterableIterator<[PyValue, PyValue]> {
    for (const { key, value } of this.byKey.values()) yield [key, value];
  }
}

/** Python's `1 == 1.0 == True`, so those are one key; strings and numbers never meet. */
function keyIdentity(key: PyValue): unknown {
  if (typeof key === 'boolean') return key ? 1 : 0;
  if (typeof key === 'string') return `s${key}`;
  if (
    key instanceof Tuple &&
    key.items.length <= 8 &&
    key.items.every((item) => typeof item === 'string' || typeof item === 'number')
  ) {
    return `t${JSON.stringify(key.items)}`;
  }
  return key;
}

/** An object that only Python could build: what would be called, with what, and the state that would be put in. */
export class Opaque {
  state: PyValue = null;
  /** Items appended or set after it was made. */
  readonly contents: PyValue[] = [];

  constructor(
    readonly callable: PyValue,
    readonly args: PyValue,
  ) {}
}

/** A tensor's bytes, named in the pickle by a persistent id; `key` leads to the record that holds them. */
export class StorageRef {
  constructor(
    readonly key: string,
    readonly dtype: DType,
    /** Elements of `dtype`. */
    readonly numel: number,
    readonly location: string,
    /** Legacy views: elements into the storage that `key` names. */
    readonly viewOffset: number = 0,
  ) {}

  get bytes(): number {
    return this.numel * this.dtype.bytes;
  }
}

export interface LazySigns {
  /** The imaginary parts mean their opposites. */
  readonly conjugated: boolean;
  /** Every number means its opposite. */
  readonly negated: boolean;
}

const AS_STORED: LazySigns = { conjugated: false, negated: false };

/** A strided view of a storage. Sizes, strides and offset are counted in elements of `dtype`. */
export class Tensor {
  constructor(
    readonly storage: StorageRef,
    readonly dtype: DType,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
    readonly isParameter: boolean = false,
    /** Signs that torch left unchanged in memory (`x.conj()`, `x.conj().imag`) and stores a mark for. */
    readonly lazySigns: LazySigns = AS_STORED,
  ) {}

  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
}

export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyValue[]
  | Tuple
  | PyDict
  | PySet
  | Global
  | Opaque
  | StorageRef
  | Tensor;

/** Items of a list or tuple; null for anything else. */
export function sequenceItems(value: PyValue | undefined): readonly PyValue[] | null {
  if (Array.isArray(value)) return value;
  if (value instanceof Tuple) return value.items;
  return null;
}

/** Whether Python takes it for a dict's key or a set's item. */
export function isHashable(value: PyValue, depth = 0): boolean {
  if (value instanceof Tuple) return depth > 20 || value.items.every((item) => isHashable(item, depth + 1));
  return !(Array.isArray(value) || value instanceof PyDict || (value instanceof PySet && !value.frozen));
}

/** A dict, or the attributes of an object that is nothing but them (argparse.Namespace); null for anything else. */
export function attributesOf(value: PyValue | undefined): PyDict | null {
  if (value instanceof PyDict) return value;
  const plain =
    value instanceof Opaque &&
    value.callable instanceof Global &&
    ['argparse.Namespace', 'types.SimpleNamespace'].includes(value.callable.qualified);
  return plain && value.state instanceof PyDict ? value.state : null;
}

/** A finite integer that JavaScript holds exactly; null for anything else. */
export function asInteger(value: PyValue | undefined): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}

export interface NamedTensor {
  /** Where it is: keys and indices from the top, joined by dots. */
  readonly name: string;
  readonly tensor: Tensor;
}

/**
 * Every tensor in `root` with its path, each once, in the pickle's order. Iterative and with a memory of what it has
 * seen: a pickle may nest as deep as it likes and contain itself.
 */
export function listTensors(root: PyValue): NamedTensor[] {
  const found: NamedTensor[] = [];
  const seen = new Set<object>();
  const pending: { name: string; value: PyValue }[] = [{ name: '', value: root }];
  while (pending.length > 0) {
    const top = pending.pop();
    if (!top) break;
    const { name, value } = top;
    if (value === null || typeof value !== 'object' || value instanceof Uint8Array || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Tensor) {
      found.push({ name, tensor: value });
      continue;
    }
    const children = childrenOf(value, name);
    for (let i = children.length - 1; i >= 0; i--) pending.push(children[i] as { name: string; value: PyValue });
  }
  return found;
}

function childrenOf(value: object, name: string): { name: string; value: PyValue }[] {
  // Names of nested things are cut: a chain of a million lists must not make a million ever longer names.
  const prefix = name === '' ? '' : `${name.length > 200 ? `${name.slice(0, 200)}…` : name}.`;
  const children: { name: string; value: PyValue }[] = [];
  if (Array.isArray(value))
    (value as PyValue[]).forEach((item, i) => children.push({ name: `${prefix}${i}`, value: item }));
  else if (value instanceof Tuple)
    value.items.forEach((item, i) => children.push({ name: `${prefix}${i}`, value: item }));
  else if (value instanceof PySet)
    value.items.forEach((item, i) => children.push({ name: `${prefix}${i}`, value: item }));
  else if (value instanceof PyDict) {
    for (const [key, item] of value.entries()) {
      children.push({ name: `${prefix}${keyText(key)}`, value: item });
      if (key !== null && typeof key === 'object') children.push({ name: `${prefix}<key>`, value: key });
    }
  } else if (value instanceof Opaque) {
    children.push({ name: `${prefix}args`, value: value.args }, { name: `${prefix}state`, value: value.state });
    value.contents.forEach((item, i) => children.push({ name: `${prefix}${i}`, value: item }));
  }
  return children;
}

function keyText(key: PyValue): string {
  if (typeof key === 'string') return key;
  if (key === null || typeof key === 'number' || typeof key === 'boolean' || typeof key === 'bigint')
    return String(key);
  return '<key>';
}

/**
 * JSON-like copy of plain data, for showing and comparing; tensors and objects become short descriptions.
 * Stops at `depth` levels and `budget` values in all, so that no file can make it large.
 */
export function toPlain(value: PyValue, depth = 8, budget = { left: 20_000 }): unknown {
  if (budget.left-- <= 0) return '…';
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? value.toString() : value;
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof Tensor) return `<tensor ${value.dtype.name} (${value.shape.join(', ')})>`;
  if (value instanceof StorageRef) return '<storage>';
  if (value instanceof Global) return `<${value.qualified}>`;
  if (value instanceof Opaque) {
    return value.callable instanceof Global ? `<object of ${value.callable.qualified}>` : '<object>';
  }
  if (depth <= 0) return '…';
  if (value instanceof PyDict) {
    const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, item] of value.entries()) copy[keyText(key)] = toPlain(item, depth - 1, budget);
    return copy;
  }
  const items = value instanceof PySet ? value.items : (sequenceItems(value) ?? []);
  return items.map((item) => toPlain(item, depth - 1, budget));
}
