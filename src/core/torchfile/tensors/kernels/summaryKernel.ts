/**
 * The passes of a tensor's summary (summary.ts) over fp32 numbers in WebAssembly SIMD: sum, extremes and zeros; squared
 * distances from a mean; intervals of a histogram. All sums are of doubles.
 */
import {
  addDoubles,
  addI32,
  constant,
  F64,
  get,
  I32,
  leb,
  load,
  multiplyDoubles,
  PAGE_BYTES,
  promoteLow,
  repeat,
  set,
  shuffled,
  total,
  V128,
  vector,
  WasmModule,
} from './wasm';

/** Numbers that one turn of a loop takes. */
const NUMBERS_PER_TURN = 8;
/** Numbers that a call looks at: 32 KiB stay in the first cache between the passes. */
const BLOCK_NUMBERS = 8192;

/** Where in the memory's first page the functions leave what they found: (smallest, largest) × 4, then zeros × 4. */
const EXTREMES_AT = 0;
const ZEROS_AT = 32;
/** Four tables of counts, so that equal neighbours do not wait for each other's store. */
const TABLES_AT = 1024;
const TABLES = 4;
/** Intervals that a table has room for. */
export const MOST_BINS = 64;

const storeVector = (offset: number): number[] => vector(0x0b, 4, ...leb(offset));
const subtractDoubles = vector(0xf1);
const splatDouble = vector(0x14);
const laneOfIntegers = (lane: number): number[] => vector(0x1b, lane); // i32x4.extract_lane

/** Both halves of the f32x4 in local `from`, as doubles, into locals `low` and `high`. */
const promote = (from: number, low: number, high: number): number[] => [
  ...get(from),
  ...promoteLow,
  ...set(low),
  ...shuffled(from, from, 2, 3, 2, 3),
  ...promoteLow,
  ...set(high),
];

/** `moments(from, to) -> sum`: leaves extremes and zeros in memory; they mean nothing when the sum is not finite. */
function momentsBody(): number[] {
  const [from, to, smallest, largest, zeros, numbers, nothing, low, high] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const sums = [9, 10, 11, 12] as const;
  const update = (local: number, code: number): number[] => [
    ...get(local),
    ...get(numbers),
    ...vector(code),
    ...set(local),
  ];
  const four = (offset: number, first: number, second: number): number[] => [
    ...get(from),
    ...load(offset),
    ...set(numbers),
    ...update(smallest, 0xea), // f32x4.pmin
    ...update(largest, 0xeb), // f32x4.pmax
    // What compares equal is −1 in each lane.
    ...get(zeros),
    ...get(numbers),
    ...get(nothing),
    ...vector(0x41), // f32x4.eq
    ...vector(0xb1), // i32x4.sub
    ...set(zeros),
    ...promote(numbers, low, high),
    ...[low, high].flatMap((half, i) => {
      const sum = i === 0 ? first : second;
      return [...get(sum), ...get(half), ...addDoubles, ...set(sum)];
    }),
  ];
  return [
    ...get(from),
    ...load(0),
    ...set(smallest),
    ...get(from),
    ...load(0),
    ...set(largest),
    ...repeat(from, to, NUMBERS_PER_TURN * 4, [...four(0, sums[0], sums[1]), ...four(16, sums[2], sums[3])]),
    ...constant(0),
    ...get(smallest),
    ...storeVector(EXTREMES_AT),
    ...constant(0),
    ...get(largest),
    ...storeVector(EXTREMES_AT + 16),
    ...constant(0),
    ...get(zeros),
    ...storeVector(ZEROS_AT),
    ...total(sums),
  ];
}

/** `squares(from, to, mean) -> sum of (x − mean)²`. */
function squaresBody(): number[] {
  const [from, to, mean, means, numbers, low, high] = [0, 1, 2, 3, 4, 5, 6];
  const sums = [7, 8, 9, 10] as const;
  const four = (offset: number, first: number, second: number): number[] => [
    ...get(from),
    ...load(offset),
    ...set(numbers),
    ...promote(numbers, low, high),
    ...[low, high].flatMap((half, i) => {
      const sum = i === 0 ? first : second;
      return [
        ...get(half),
        ...get(means),
        ...subtractDoubles,
        ...set(half),
        ...get(half),
        ...get(half),
        ...multiplyDoubles,
        ...get(sum),
        ...addDoubles,
        ...set(sum),
      ];
    }),
  ];
  return [
    ...get(mean),
    ...splatDouble,
    ...set(means),
    ...repeat(from, to, NUMBERS_PER_TURN * 4, [...four(0, sums[0], sums[1]), ...four(16, sums[2], sums[3])]),
    ...total(sums),
  ];
}

/** `bins(from, to, low, scale, last)`: counts min(last, ⌊(x / 2 − low) · scale⌋) in the tables; finite numbers only. */
function binsBody(): number[] {
  const [from, to, low, scale, last] = [0, 1, 2, 3, 4];
  const [cell, half, lows, scales, lasts, numbers, first, second, cells] = [5, 6, 7, 8, 9, 10, 11, 12, 13];
  const binOf = (doubles: number): number[] => [
    ...get(doubles),
    ...get(half),
    ...multiplyDoubles,
    ...get(lows),
    ...subtractDoubles,
    ...get(scales),
    ...multiplyDoubles,
    ...vector(0xfd), // i32x4.trunc_sat_f64x2_u_zero: what is out of an integer's reach becomes 0 or the largest
    ...set(doubles),
  ];
  const count = (lane: number): number[] => {
    const table = leb(TABLES_AT + lane * MOST_BINS * 4);
    return [
      ...get(cells),
      ...laneOfIntegers(lane),
      ...set(cell),
      ...get(cell),
      ...get(cell),
      ...[0x28, 2, ...table], // i32.load
      ...constant(1),
      ...addI32,
      ...[0x36, 2, ...table], // i32.store
    ];
  };
  const four = (offset: number): number[] => [
    ...get(from),
    ...load(offset),
    ...set(numbers),
    ...promote(numbers, first, second),
    ...binOf(first),
    ...binOf(second),
    ...shuffled(first, second, 0, 1, 4, 5),
    ...get(lasts),
    ...vector(0xb7), // i32x4.min_u
    ...constant(2),
    ...vector(0xab), // i32x4.shl: addresses
    ...set(cells),
    ...[0, 1, 2, 3].flatMap(count),
  ];
  return [
    ...[0x44, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f], // f64.const 0.5
    ...splatDouble,
    ...set(half),
    ...get(low),
    ...splatDouble,
    ...set(lows),
    ...get(scale),
    ...splatDouble,
    ...set(scales),
    ...get(last),
    ...vector(0x11), // i32x4.splat
    ...set(lasts),
    ...repeat(from, to, NUMBERS_PER_TURN * 4, [...four(0), ...four(16)]),
  ];
}

const module = new WasmModule([
  { name: 'moments', parameters: [I32, I32], results: [F64], locals: [[11, V128]], body: momentsBody() },
  { name: 'squares', parameters: [I32, I32, F64], results: [F64], locals: [[8, V128]], body: squaresBody() },
  {
    name: 'bins',
    parameters: [I32, I32, F64, F64, I32],
    results: [],
    locals: [
      [1, I32],
      [8, V128],
    ],
    body: binsBody(),
  },
]);

interface Exports {
  moments(from: number, to: number): number;
  squares(from: number, to: number, mean: number): number;
  bins(from: number, to: number, low: number, scale: number, last: number): void;
}

/** What one block of finite numbers has; `squares` are distances from the block's own mean. */
export interface BlockMoments {
  readonly min: number;
  readonly max: number;
  readonly zeros: number;
  readonly sum: number;
  readonly squares: number;
}

/** Memory to read data into, and the passes over it. One user at a time. */
export class SummaryKernel {
  /** For data; begins on a page, so that any alignment fits. */
  readonly space: Uint8Array;
  /** Where numbers that lie elsewhere are copied to, a block at a time. */
  private readonly desk: Float32Array;
  private readonly extremes: Float32Array;
  private readonly zeros: Int32Array;
  private readonly tables: Uint32Array;

  private constructor(
    private readonly buffer: ArrayBuffer,
    private readonly call: Exports,
  ) {
    const deskBytes = BLOCK_NUMBERS * 4;
    this.space = new Uint8Array(buffer, PAGE_BYTES + deskBytes);
    this.desk = new Float32Array(buffer, PAGE_BYTES, BLOCK_NUMBERS);
    this.extremes = new Float32Array(buffer, EXTREMES_AT, 8);
    this.zeros = new Int32Array(buffer, ZEROS_AT, 4);
    this.tables = new Uint32Array(buffer, TABLES_AT, TABLES * MOST_BINS);
  }

  /** A kernel with room for `bytes` of data; null where the machine has no WebAssembly SIMD. */
  static create(bytes: number): SummaryKernel | null {
    const instance = module.instantiate(PAGE_BYTES + BLOCK_NUMBERS * 4 + bytes);
    return instance && new SummaryKernel(instance.buffer, instance.exports as unknown as Exports);
  }

  /** The values in blocks that fit the other methods, each copied to where they can be reached unless it lies there. */
  *blocks(values: Float32Array): Generator<Float32Array> {
    const here = values.buffer === this.buffer && values.byteOffset % 16 === 0;
    for (let at = 0; at < values.length; at += BLOCK_NUMBERS) {
      const block = values.subarray(at, at + BLOCK_NUMBERS);
      if (!here) this.desk.set(block);
      yield here ? block : this.desk.subarray(0, block.length);
    }
  }

  /** Of whole turns (multiples of 8 numbers) of a block; null where a number is not finite. */
  moments(block: Float32Array): BlockMoments | null {
    const [from, to] = [block.byteOffset, block.byteOffset + block.byteLength];
    const sum = this.call.moments(from, to);
    // No sum of finite fp32 numbers leaves a double.
    if (!Number.isFinite(sum)) return null;
    // Minus zero is zero to whoever reads it.
    const min = Math.min(...this.extremes.subarray(0, 4)) + 0;
    const max = Math.max(...this.extremes.subarray(4)) + 0;
    const [a = 0, b = 0, c = 0, d = 0] = this.zeros;
    return { min, max, zeros: a + b + c + d, sum, squares: this.call.squares(from, to, sum / block.length) };
  }

  /** Counts whole turns of finite numbers in their intervals; `take` adds them up. */
  bins(block: Float32Array, low: number, scale: number, last: number): void {
    this.call.bins(block.byteOffset, block.byteOffset + block.byteLength, low, scale, last);
  }

  /** Adds what `bins` counted to `counts`, and begins anew. */
  take(counts: number[]): void {
    for (let bin = 0; bin < counts.length; bin++) {
      for (let table = 0; table < TABLES; table++)
        counts[bin] = (counts[bin] ?? 0) + (this.tables[table * MOST_BINS + bin] ?? 0);
    }
    this.tables.fill(0);
  }

  /** Numbers of a block that its methods take: the rest is the caller's. */
  static whole(count: number): number {
    return count - (count % NUMBERS_PER_TURN);
  }
}
