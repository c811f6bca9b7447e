/** One pass over a tensor's elements: non-finite values, norm, largest value, pages of zeros. */
import type { DType } from './dtypes';
import { blockOf as blockOfNumbers, type BlockOfNumbers, type BlockResult } from './totalsBlock';
import { halfToNumber } from '../pickle/torchValues';

/** Elements looked at before the sums are checked: a page of fp32 values. */
const BLOCK = 1024;

/** What the block at hand gave: one for all, because nobody else runs in between. */
const found: BlockResult = { sumOfSquares: 0, maxAbs: 0 };

/** What a pass found, as plain data. */
export type Totals = Pick<
  RunningTotals,
  | 'count'
  | 'nonFinite'
  | 'firstNonFinite'
  | 'firstNonFiniteValue'
  | 'maxAbs'
  | 'sumOfSquares'
  | 'zeroBlocks'
  | 'firstZeroBlock'
>;

/** What the pass found so far; indices count elements from the first one given. */
export class RunningTotals {
  count = 0;
  nonFinite = 0;
  /** -1 when there is none. */
  firstNonFinite = -1;
  firstNonFiniteValue = 0;
  maxAbs = 0;
  sumOfSquares = 0;
  /** Whole blocks of 1,024 elements (from the start of the data) that are all zero. */
  zeroBlocks = 0;
  firstZeroBlock = -1;

  /**
   * `counts` says whether the element at an index belongs to the tensor: views with gaps do not own everything between.
   * `blockOf` is a kernel's, for numbers that lie in its memory. `first` is the index of the first element given, where
   * others have looked at those before it.
   */
  constructor(
    private readonly counts: ((index: number) => boolean) | null = null,
    private readonly blockOf: BlockOfNumbers = blockOfNumbers,
    private readonly first = 0,
  ) {}

  get allZero(): boolean {
    return this.count > 0 && this.maxAbs === 0 && this.nonFinite === 0;
  }

  /** Root mean square of the finite elements. */
  get rms(): number {
    const finite = this.count - this.nonFinite;
    return finite > 0 ? Math.sqrt(this.sumOfSquares / finite) : 0;
  }

  get data(): Totals {
    const { count, nonFinite, firstNonFinite, firstNonFiniteValue, maxAbs, sumOfSquares, zeroBlocks, firstZeroBlock } =
      this;
    return { count, nonFinite, firstNonFinite, firstNonFiniteValue, maxAbs, sumOfSquares, zeroBlocks, firstZeroBlock };
  }

  /** Goes on from what another thread found. */
  restore(totals: Totals): void {
    Object.assign(this, totals);
  }

  /** Adds what was found in the elements behind these. */
  append(next: Totals): void {
    this.count += next.count;
    if (this.nonFinite === 0) {
      this.firstNonFinite = next.firstNonFinite;
      this.firstNonFiniteValue = next.firstNonFiniteValue;
    }
    this.nonFinite += next.nonFinite;
    this.maxAbs = Math.max(this.maxAbs, next.maxAbs);
    this.sumOfSquares += next.sumOfSquares;
    if (this.zeroBlocks === 0) this.firstZeroBlock = next.firstZeroBlock;
    this.zeroBlocks += next.zeroBlocks;
  }

  add(values: Float32Array | Float64Array): void {
    const start = this.first + this.count;
    for (let from = 0; from < values.length; from += BLOCK) {
      const to = Math.min(from + BLOCK, values.length);
      this.block(values, from, to, start);
    }
    this.count += values.length;
  }

  private block(values: Float32Array | Float64Array, from: number, to: number, start: number): void {
    this.blockOf(values, from, to, found);
    if (found.sumOfSquares < Infinity) {
      this.sumOfSquares += found.sumOfSquares;
      if (found.maxAbs > this.maxAbs) this.maxAbs = found.maxAbs;
      if (found.maxAbs === 0 && to - from === BLOCK && (start + from) % BLOCK === 0) {
        this.zeroBlocks++;
        if (this.firstZeroBlock < 0) this.firstZeroBlock = start + from;
      }
    } else this.slowBlock(values, from, to, start);
  }

  /** Something in the block is not finite (or a double's square is not). */
  private slowBlock(values: Float32Array | Float64Array, from: number, to: number, start: number): void {
    for (let i = from; i < to; i++) {
      const value = values[i] as number;
      if (Number.isFinite(value)) {
        this.sumOfSquares += value * value;
        this.maxAbs = Math.max(this.maxAbs, Math.abs(value));
      } else if (this.counts === null || this.counts(start + i)) {
        if (this.nonFinite === 0) {
          this.firstNonFinite = start + i;
          this.firstNonFiniteValue = value;
        }
        this.nonFinite++;
      }
    }
  }
}

let halfTable: Float32Array | null = null;
const float8Tables = new Map<string, Float32Array>();

/** Whether the numbers of this dtype can be looked at. */
export function isFloating(dtype: DType): boolean {
  return dtype.kind === 'float' || dtype.kind === 'bfloat' || dtype.kind === 'float8' || dtype.kind === 'complex';
}

/** Elements of `numbersOf` for each element of the dtype: a complex number is two. */
export function numbersPerElement(dtype: DType): number {
  return dtype.kind === 'complex' ? 2 : 1;
}

/**
 * The bytes as floating numbers, little endian: a view where the machine can read them as they are (bytes aligned to the
 * element's size), a widened copy otherwise. A rest that is no whole number is left out. Null for other dtypes.
 */
export function numbersOf(dtype: DType, bytes: Uint8Array): Float32Array | Float64Array | null {
  const width = dtype.bytes / numbersPerElement(dtype);
  const count = Math.floor(bytes.length / width);
  if (!isFloating(dtype)) return null;
  if (width === 8)
    return aligned(bytes, 8)
      ? new Float64Array(bytes.buffer, bytes.byteOffset, count)
      : numbersOf(dtype, bytes.slice());
  if (width === 4)
    return aligned(bytes, 4)
      ? new Float32Array(bytes.buffer, bytes.byteOffset, count)
      : numbersOf(dtype, bytes.slice());
  const wide = new Float32Array(count);
  if (width === 2) {
    if (!aligned(bytes, 2)) return numbersOf(dtype, bytes.slice());
    const narrow = new Uint16Array(bytes.buffer, bytes.byteOffset, count);
    if (dtype.kind === 'bfloat') {
      const bits = new Uint32Array(wide.buffer);
      for (let i = 0; i < count; i++) bits[i] = (narrow[i] as number) << 16;
    } else {
      halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToNumber(bits));
      for (let i = 0; i < count; i++) wide[i] = halfTable[narrow[i] as number] as number;
    }
    return wide;
  }
  const table = float8Table(dtype.name);
  for (let i = 0; i < count; i++) wide[i] = table[bytes[i] as number] as number;
  return wide;
}

function aligned(bytes: Uint8Array, width: number): boolean {
  return bytes.byteOffset % width === 0;
}

function float8Table(name: string): Float32Array {
  let table = float8Tables.get(name);
  if (!table) {
    table = Float32Array.from({ length: 256 }, (_, bits) => float8ToNumber(name, bits));
    float8Tables.set(name, table);
  }
  return table;
}

/** The OCP 8-bit formats and their "fnuz" variants (no negative zero, one NaN at 0x80, exponent bias one higher). */
export function float8ToNumber(name: string, bits: number): number {
  if (name === 'float8_e8m0fnu') return bits === 0xff ? NaN : 2 ** (bits - 127);
  const fractionBits = name.startsWith('float8_e4m3') ? 3 : 2;
  const unsignedZero = name.endsWith('fnuz');
  if (unsignedZero && bits === 0x80) return NaN;
  const sign = bits & 0x80 ? -1 : 1;
  const exponentMask = (1 << (7 - fractionBits)) - 1;
  const exponent = (bits >> fractionBits) & exponentMask;
  const fraction = bits & ((1 << fractionBits) - 1);
  const bias = (exponentMask >> 1) + (unsignedZero ? 1 : 0);
  if (!unsignedZero) {
    if (name === 'float8_e4m3fn' && (bits & 0x7f) === 0x7f) return NaN;
    if (name === 'float8_e5m2' && exponent === exponentMask) return fraction === 0 ? sign * Infinity : NaN;
  }
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / (1 << fractionBits)) * 2 ** (exponent - bias);
}
