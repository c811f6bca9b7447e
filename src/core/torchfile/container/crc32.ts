/**
 * CRC-32 as in zip. Node has its own from 20.15 and 22.2 on (several GB/s); earlier ones, which the command line runs on too,
 * get a table, eight bytes at a time.
 */
import * as zlib from 'node:zlib';

let tables: Uint32Array[] | null = null;

function makeTables(): Uint32Array[] {
  const made = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    (made[0] as Uint32Array)[n] = c >>> 0;
  }
  for (let t = 1; t < 8; t++) {
    for (let n = 0; n < 256; n++) {
      const c = (made[t - 1] as Uint32Array)[n] as number;
      (made[t] as Uint32Array)[n] = ((made[0] as Uint32Array)[c & 0xff] as number) ^ (c >>> 8);
    }
  }
  return made;
}

/** The table way, exported for its test. */
export function crc32ByTable(data: Uint8Array, previous = 0): number {
  tables ??= makeTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = ~previous;
  let i = 0;
  for (const end = data.length - 7; i < end; i += 8) {
    const low =
      crc ^
      ((data[i] as number) |
        ((data[i + 1] as number) << 8) |
        ((data[i + 2] as number) << 16) |
        ((data[i + 3] as number) << 24));
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[data[i + 4] as number] as number) ^
      (t2[data[i + 5] as number] as number) ^
      (t1[data[i + 6] as number] as number) ^
      (t0[data[i + 7] as number] as number);
  }
  for (; i < data.length; i++) crc = (t0[(crc ^ (data[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** x^(2^k) modulo the CRC's polynomial, in its reflected bit order (x^0 is the highest bit). */
let squares: number[] | null = null;

/** CRC-32 of two stretches of bytes behind each other, out of each one's own; `bytes` is the second's length. */
export function crc32Joined(first: number, second: number, bytes: number): number {
  if (!squares) {
    squares = [1 << 30];
    for (let k = 1; k < 64; k++) squares.push(product(squares[k - 1] as number, squares[k - 1] as number));
  }
  // As many zero bytes behind the first as the second is long: times x to the power of its bits.
  let power = 1 << 31;
  for (let k = 3, rest = bytes; rest > 0; k++, rest = Math.floor(rest / 2))
    if (rest % 2 === 1) power = product(squares[k] as number, power);
  return (product(power, first) ^ second) >>> 0;
}

/** Of two polynomials over GF(2), modulo the CRC's. */
function product(a: number, b: number): number {
  let result = 0;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) result ^= b;
    b = b & 1 ? (b >>> 1) ^ 0xedb88320 : b >>> 1;
  }
  return result;
}

type Crc32 = (data: Uint8Array, previous?: number) => number;

/** Node's or ours, looked for when it is first used: not every start needs zlib. */
let fastest: Crc32 | undefined;

/** CRC-32 of `data`, going on from `previous`. */
export function crc32(data: Uint8Array, previous = 0): number {
  fastest ??= (zlib as { crc32?: Crc32 }).crc32 ?? crc32ByTable;
  return fastest(data, previous);
}
