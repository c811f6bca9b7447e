/** torch's element types: names as in `str(dtype)` without `torch.`, sizes in bytes. */

export type DTypeKind = 'float' | 'bfloat' | 'float8' | 'int' | 'uint' | 'bool' | 'complex' | 'quantized' | 'raw';

export interface DType {
  readonly name: string;
  readonly bytes: number;
  readonly kind: DTypeKind;
}

const ALL: readonly DType[] = [
  { name: 'float64', bytes: 8, kind: 'float' },
  { name: 'float32', bytes: 4, kind: 'float' },
  { name: 'float16', bytes: 2, kind: 'float' },
  { name: 'bfloat16', bytes: 2, kind: 'bfloat' },
  { name: 'float8_e4m3fn', bytes: 1, kind: 'float8' },
  { name: 'float8_e4m3fnuz', bytes: 1, kind: 'float8' },
  { name: 'float8_e5m2', bytes: 1, kind: 'float8' },
  { name: 'float8_e5m2fnuz', bytes: 1, kind: 'float8' },
  { name: 'float8_e8m0fnu', bytes: 1, kind: 'float8' },
  { name: 'float4_e2m1fn_x2', bytes: 1, kind: 'raw' },
  { name: 'int64', bytes: 8, kind: 'int' },
  { name: 'int32', bytes: 4, kind: 'int' },
  { name: 'int16', bytes: 2, kind: 'int' },
  { name: 'int8', bytes: 1, kind: 'int' },
  { name: 'uint64', bytes: 8, kind: 'uint' },
  { name: 'uint32', bytes: 4, kind: 'uint' },
  { name: 'uint16', bytes: 2, kind: 'uint' },
  { name: 'uint8', bytes: 1, kind: 'uint' },
  { name: 'bool', bytes: 1, kind: 'bool' },
  { name: 'complex32', bytes: 4, kind: 'complex' },
  { name: 'complex64', bytes: 8, kind: 'complex' },
  { name: 'complex128', bytes: 16, kind: 'complex' },
  { name: 'bits8', bytes: 1, kind: 'raw' },
  { name: 'bits16', bytes: 2, kind: 'raw' },
  { name: 'bits1x8', bytes: 1, kind: 'raw' },
  { name: 'bits2x4', bytes: 1, kind: 'raw' },
  { name: 'bits4x2', bytes: 1, kind: 'raw' },
  { name: 'quint8', bytes: 1, kind: 'quantized' },
  { name: 'qint8', bytes: 1, kind: 'quantized' },
  { name: 'qint32', bytes: 4, kind: 'quantized' },
  { name: 'quint4x2', bytes: 1, kind: 'quantized' },
  { name: 'quint2x4', bytes: 1, kind: 'quantized' },
];

const BY_NAME = new Map(ALL.map((dtype) => [dtype.name, dtype]));

/** Other spellings that torch exposes as module attributes. */
const ALIASES: Readonly<Record<string, string>> = {
  double: 'float64',
  float: 'float32',
  half: 'float16',
  long: 'int64',
  int: 'int32',
  short: 'int16',
  chalf: 'complex32',
  cfloat: 'complex64',
  cdouble: 'complex128',
};

const STORAGE_CLASSES: Readonly<Record<string, string>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
  QUInt8Storage: 'quint8',
  QInt8Storage: 'qint8',
  QInt32Storage: 'qint32',
  QUInt4x2Storage: 'quint4x2',
  QUInt2x4Storage: 'quint2x4',
  UntypedStorage: 'uint8',
};

/** The dtype that `torch.<name>` is; null when torch has none of that name. */
export function dtypeByName(name: string): DType | null {
  return BY_NAME.get(Object.hasOwn(ALIASES, name) ? (ALIASES[name] as string) : name) ?? null;
}

/** The element type of a storage class such as `torch.FloatStorage` or `torch.cuda.HalfStorage`. */
export function dtypeOfStorageClass(module: string, name: string): DType | null {
  if (module !== 'torch' && module !== 'torch.cuda' && module !== 'torch.storage') return null;
  return Object.hasOwn(STORAGE_CLASSES, name) ? (BY_NAME.get(STORAGE_CLASSES[name] as string) ?? null) : null;
}
