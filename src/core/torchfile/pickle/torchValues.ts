/**
 * What the harmless calls in torch's pickles mean, as pure functions on data: tensors from storages, numpy's scalars,
 * OrderedDicts, encoded byte strings (torch/_utils.py, torch/serialization.py, numpy's multiarray.scalar).
 */
import { dtypeByName, dtypeOfStorageClass, type DType } from '../tensors/dtypes';
import { PickleFormatError, type PickleInterpreter } from './pickleTypes';
import {
  asInteger,
  Global,
  Opaque,
  PyDict,
  PySet,
  sequenceItems,
  StorageRef,
  Tensor,
  Tuple,
  type LazySigns,
  type PyValue,
} from './values';

/** Byte strings remembered for a second look, in all; more than any checkpoint has. */
const MAX_BYTE_STRINGS = 10_000;
/** The same of texts; shorter ones spell no pickle that does anything. */
const MAX_TEXTS = 50_000;
const SHORTEST_TEXT = 16;

export class TorchInterpreter implements PickleInterpreter {
  /** Storages that the pickle refers to, by key. */
  readonly storages = new Map<string, StorageRef>();
  readonly tensors: Tensor[] = [];
  readonly byteStrings: Uint8Array[] = [];
  readonly texts: string[] = [];

  text(text: string): void {
    if (text.length >= SHORTEST_TEXT && this.texts.length < MAX_TEXTS) this.texts.push(text);
  }

  byteString(bytes: Uint8Array): void {
    if (bytes.length >= 4 && this.byteStrings.length < MAX_BYTE_STRINGS) this.byteStrings.push(bytes);
  }

  persistent(id: PyValue): PyValue {
    const parts = sequenceItems(id);
    const [tag, type, key, location, numelValue, view] = parts ?? [];
    if (tag === 'module') return new Opaque(null, id); // legacy: source of a class, for torch's own warnings only
    if (tag !== 'storage') throw new PickleFormatError('a persistent id that is not a torch storage');
    const dtype =
      type instanceof Global ? (dtypeOfStorageClass(type.module, type.name) ?? dtypeOfTorchGlobal(type)) : null;
    const numel = asInteger(numelValue);
    if (dtype === null) throw new PickleFormatError('a storage of an unknown type');
    if (typeof key !== 'string') throw new PickleFormatError('a storage whose key is not a string');
    if (numel === null || numel < 0 || numel * dtype.bytes > Number.MAX_SAFE_INTEGER)
      throw new PickleFormatError('a storage of impossible size');
    const place = typeof location === 'string' ? location : '';
    const viewParts = sequenceItems(view ?? null);
    let storage = new StorageRef(key, dtype, numel, place);
    const known = this.storages.get(key);
    if (known === undefined) this.storages.set(key, storage);
    else if (known.bytes !== storage.bytes)
      throw new PickleFormatError(`storage ${key.slice(0, 40)} has two different sizes`);
    else storage = known.dtype === dtype ? known : storage;
    if (!viewParts) return storage;
    const offset = asInteger(viewParts[1]);
    const size = asInteger(viewParts[2]);
    if (offset === null || size === null || offset < 0 || size < 0 || offset + size > numel) {
      throw new PickleFormatError('a storage view outside its storage');
    }
    return new StorageRef(key, dtype, size, place, offset);
  }

  construct(callable: Global, args: readonly PyValue[]): PyValue | undefined {
    switch (callable.name) {
      case '_rebuild_tensor':
      case '_rebuild_tensor_v2':
        return this.tensor(args, null);
      case '_rebuild_tensor_v3': {
        const type = args[6];
        const dtype = type instanceof Global ? dtypeOfTorchGlobal(type) : null;
        if (dtype === null) throw new PickleFormatError('a tensor of an unknown type');
        return this.tensor(args, dtype);
      }
      case '_rebuild_parameter':
      case '_rebuild_parameter_with_state': {
        const data = args[0];
        if (!(data instanceof Tensor)) return undefined;
        const parameter = new Tensor(
          data.storage,
          data.dtype,
          data.offset,
          data.shape,
          data.stride,
          true,
          data.lazySigns,
        );
        this.tensors.push(parameter);
        return parameter;
      }
      case '_rebuild_device_tensor_from_cpu_tensor':
        // A TPU's and other devices' data comes back to where it was from the CPU: this is the tensor.
        return args[0] instanceof Tensor ? args[0] : undefined;
      case 'OrderedDict':
      case 'dict':
      case 'Counter':
        return orderedDict(args);
      case 'deque':
        return args.length === 0 ? [] : sequenceItems(args[0])?.slice();
      case 'Path':
      case 'PosixPath':
      case 'PurePath':
      case 'PurePosixPath':
        return pathText(args, '/');
      case 'WindowsPath':
      case 'PureWindowsPath':
        return pathText(args, '\\');
      case 'TorchVersion':
        return typeof args[0] === 'string' ? args[0] : undefined;
      case 'defaultdict':
        return args.length === 0 || args[0] === null ? new PyDict() : knownFactory(args[0]) ? new PyDict() : undefined;
      case 'set':
      case 'frozenset': {
        const set = new PySet(callable.name === 'frozenset');
        for (const item of sequenceItems(args[0]) ?? []) set.items.push(item);
        return set;
      }
      case 'encode':
        return this.encode(args);
      case 'bytes':
      case 'bytearray':
        if (args.length === 0) return new Uint8Array(0);
        if (args[0] instanceof Uint8Array) return args[0];
        return typeof args[0] === 'string' ? this.encode(args) : undefined;
      case 'scalar':
        return numpyScalar(args);
      case 'Size':
        return new Tuple(sequenceItems(args[0]) ?? []);
      case 'device':
        return typeof args[0] === 'string' ? args[0] : undefined;
      case 'int':
      case 'float':
        return args.length === 1 && typeof args[0] === 'number' ? args[0] : undefined;
      case 'bool':
        return args.length === 1 && typeof args[0] === 'boolean' ? args[0] : undefined;
      case 'str':
      case 'str_':
        return args.length === 1 && typeof args[0] === 'string' ? args[0] : undefined;
      default:
        return undefined;
    }
  }

  /** `_codecs.encode(text, 'latin1')` is how protocol 2 spells bytes. */
  private encode(args: readonly PyValue[]): PyValue | undefined {
    const [text, encoding = 'utf-8'] = args;
    if (typeof text !== 'string' || typeof encoding !== 'string') return undefined;
    const name = encoding.toLowerCase().replace(/[-_]/g, '');
    if (name !== 'latin1' && name !== 'iso88591' && name !== 'utf8' && name !== 'ascii') return undefined;
    const bytes = new Uint8Array(Buffer.from(text, name === 'utf8' ? 'utf8' : 'latin1'));
    this.byteString(bytes);
    return bytes;
  }

  private tensor(args: readonly PyValue[], dtype: DType | null): Tensor | undefined {
    const [storage, offsetValue, shapeValue, strideValue] = args;
    if (storage instanceof Opaque) return undefined; // data that is a pickle of its own (torch.storage)
    if (!(storage instanceof StorageRef)) throw new PickleFormatError('a tensor without a storage');
    const offset = asInteger(offsetValue);
    const shape = sizes(shapeValue);
    const stride = sizes(strideValue);
    if (offset === null || offset < 0 || !shape || !stride || shape.length !== stride.length || shape.length > 64) {
      throw new PickleFormatError('a tensor with an impossible shape');
    }
    const type = dtype ?? storage.dtype;
    const needed = elementsNeeded(offset, shape, stride);
    if (needed === null || needed * type.bytes > storage.bytes) {
      throw new PickleFormatError(
        `a tensor of shape (${shape.join(', ')}) reaches outside its storage ${storage.key.slice(0, 40)} of ${storage.bytes} bytes`,
      );
    }
    const signs = lazySigns(args[dtype === null ? 6 : 7]);
    const tensor = new Tensor(storage, type, offset, shape, stride, false, signs);
    this.tensors.push(tensor);
    return tensor;
  }
}

/** Elements that a view needs from the start of its storage; null when the numbers are too large to be real. */
function elementsNeeded(offset: number, shape: readonly number[], stride: readonly number[]): number | null {
  let last = offset;
  let numel = 1;
  for (let i = 0; i < shape.length; i++) {
    const size = shape[i] as number;
    numel *= size;
    if (size > 0) last += (size - 1) * (stride[i] as number);
    if (!Number.isSafeInteger(last) || !Number.isSafeInteger(numel)) return null;
  }
  return numel === 0 ? 0 : last + 1;
}

function sizes(value: PyValue | undefined): number[] | null {
  const items = sequenceItems(value);
  if (!items) return null;
  const result: number[] = [];
  for (const item of items) {
    const size = asInteger(item);
    if (size === null || size < 0) return null;
    result.push(size);
  }
  return result;
}

/** What torch adds behind a tensor's other arguments (torch/_utils.py, get_tensor_metadata), where there is any. */
function lazySigns(metadata: PyValue | undefined): LazySigns | undefined {
  if (!(metadata instanceof PyDict)) return undefined;
  return { conjugated: metadata.get('conj') === true, negated: metadata.get('neg') === true };
}

function dtypeOfTorchGlobal(global: Global): DType | null {
  return global.module === 'torch' ? dtypeByName(global.name) : null;
}

/** The parts that pathlib keeps of a path; its root is a part too. */
function pathText(args: readonly PyValue[], separator: string): string | undefined {
  if (!args.every((part) => typeof part === 'string')) return undefined;
  const [first = '.', ...rest] = args;
  return [first.endsWith(separator) ? first.slice(0, -1) : first, ...rest].join(separator) || separator;
}

function knownFactory(factory: PyValue | undefined): boolean {
  return factory instanceof Global && factory.kind === 'safe';
}

function orderedDict(args: readonly PyValue[]): PyValue | undefined {
  const dict = new PyDict();
  if (args.length === 0) return dict;
  if (args[0] instanceof PyDict) {
    for (const [key, value] of args[0].entries()) dict.set(key, value);
    return dict;
  }
  const pairs = sequenceItems(args[0]);
  if (!pairs) return undefined;
  for (const pair of pairs) {
    const parts = sequenceItems(pair);
    if (parts?.length !== 2) return undefined;
    dict.set(parts[0] as PyValue, parts[1] as PyValue);
  }
  return dict;
}

/** A numpy element type as kind and bytes (`f8`), and whether it is little-endian. */
function numpyType(dtype: PyValue | undefined): { plain: string; little: boolean } | null {
  if (!(dtype instanceof Opaque) || !(dtype.callable instanceof Global)) return null;
  const code = sequenceItems(dtype.args)?.[0];
  if (typeof code !== 'string') return null;
  const order = sequenceItems(dtype.state)?.[1];
  return { plain: code.replace(/^[<>|=]/, ''), little: order !== '>' && !code.startsWith('>') };
}

/** A pickled numpy array of one axis as numbers; null for anything else. */
export function numpyArray(value: PyValue | undefined): PyValue[] | null {
  if (!(value instanceof Opaque) || !(value.callable instanceof Global) || value.callable.name !== '_reconstruct')
    return null;
  const [, shape, dtype, , data] = sequenceItems(value.state) ?? [];
  const type = numpyType(dtype);
  const length = sizes(shape);
  if (type === null || !/^[fiub][1248]$/.test(type.plain) || !(data instanceof Uint8Array) || length?.length !== 1)
    return null;
  const width = Number(type.plain.slice(1));
  const count = length[0] ?? 0;
  if (count > 100_000 || data.length !== count * width) return null;
  return Array.from({ length: count }, (_, i) => numpyNumber(type, data.subarray(i * width, (i + 1) * width)) ?? null);
}

/** `scalar(dtype('f8'), b'…')` of numpy 1 and 2 as a number; anything less plain stays opaque. */
function numpyScalar(args: readonly PyValue[]): PyValue | undefined {
  const [dtype, bytes] = args;
  const type = numpyType(dtype);
  return type && bytes instanceof Uint8Array ? numpyNumber(type, bytes) : undefined;
}

function numpyNumber({ plain, little }: { plain: string; little: boolean }, bytes: Uint8Array): PyValue | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (plain.startsWith('U')) return utf32(view, little);
  if (bytes.length !== Number(plain.slice(1))) return undefined;
  switch (plain) {
    case 'f8':
      return view.getFloat64(0, little);
    case 'f4':
      return view.getFloat32(0, little);
    case 'f2':
      return halfToNumber(view.getUint16(0, little));
    case 'i8':
      return narrowBigInt(view.getBigInt64(0, little));
    case 'u8':
      return narrowBigInt(view.getBigUint64(0, little));
    case 'i4':
      return view.getInt32(0, little);
    case 'u4':
      return view.getUint32(0, little);
    case 'i2':
      return view.getInt16(0, little);
    case 'u2':
      return view.getUint16(0, little);
    case 'i1':
      return view.getInt8(0);
    case 'u1':
      return view.getUint8(0);
    case 'b1':
      return view.getUint8(0) !== 0;
    default:
      return undefined;
  }
}

/** numpy's text: four bytes a character, filled up with zeros. */
function utf32(view: DataView, little: boolean): string | undefined {
  let text = '';
  for (let at = 0; at + 4 <= view.byteLength; at += 4) {
    const code = view.getUint32(at, little);
    if (code > 0x10ffff) return undefined;
    text += String.fromCodePoint(code);
  }
  return text.replace(/\0+$/, '');
}

function narrowBigInt(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** IEEE 754 binary16. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
