/** Writes torch files with what tests need: numbers, texts, lists, dicts and float tensors. */
import { pickle, text, torchZip } from './unit/checkpoint/fixtures';

/** A tensor of float32 zeros but for its first value. */
export class Zeros {
  constructor(readonly shape: readonly number[]) {}

  get count(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }
}

/** A number that is a float also where it is whole. */
export class Float {
  constructor(readonly value: number) {}
}

type Value = null | boolean | number | string | Float | Zeros | readonly Value[] | ReadonlyMap<number, Value> | Dict;
interface Dict {
  readonly [key: string]: Value;
}

export function torchBytes(value: Value): Buffer {
  const storages: Record<string, Uint8Array> = {};
  const body = written(value, (tensor) => {
    const key = String(Object.keys(storages).length);
    const bytes = Buffer.alloc(4 * tensor.count);
    bytes.writeFloatLE(0.5);
    storages[key] = bytes;
    return key;
  });
  return torchZip(pickle('\x80\x02', body, '.'), storages);
}

function written(value: Value, keep: (tensor: Zeros) => string): Buffer {
  if (value === null) return pickle('N');
  if (typeof value === 'boolean') return pickle(value ? '\x88' : '\x89');
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') return Number.isInteger(value) ? integer(value) : float(value);
  if (value instanceof Float) return float(value.value);
  if (value instanceof Zeros) return tensor(value, keep(value));
  if (Array.isArray(value)) {
    const items = (value as readonly Value[]).map((item) => written(item, keep));
    return pickle('](', ...items, 'e');
  }
  const entries = value instanceof Map ? [...(value as ReadonlyMap<number, Value>)] : Object.entries(value as Dict);
  const items = entries.flatMap(([key, item]) => [written(key, keep), written(item, keep)]);
  return pickle('}(', ...items, 'u');
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return pickle('J', bytes);
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return pickle('G', bytes);
}

function tensor({ shape, count }: Zeros, key: string): Buffer {
  const strides = shape.map((_, at) => shape.slice(at + 1).reduce((product, length) => product * length, 1));
  const tuple = (values: readonly number[]): Buffer => pickle('(', ...values.map(integer), 't');
  return pickle(
    'ctorch._utils\n_rebuild_tensor_v2\n((',
    ...[text('storage'), 'ctorch\nFloatStorage\n', text(key), text('cpu'), integer(count), 'tQ', integer(0)],
    ...[tuple(shape), tuple(strides), '\x89ccollections\nOrderedDict\n)RtR'],
  );
}
