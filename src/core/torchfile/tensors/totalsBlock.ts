/** Sum of squares and largest magnitude of a block of numbers, in JavaScript: where there is no WebAssembly, and for doubles. */

export interface BlockResult {
  /** NaN or infinite when a number is (or a double's square). */
  sumOfSquares: number;
  /** Means nothing when the sum is not finite. */
  maxAbs: number;
}

/** Looks at values[from] to values[to - 1]. Writes into `result`: a hundred thousand calls a file make no garbage. */
export type BlockOfNumbers = (
  values: Float32Array | Float64Array,
  from: number,
  to: number,
  result: BlockResult,
) => void;

export const blockOf: BlockOfNumbers = (values, from, to, result) => {
  // Eight sums, because one addition has to wait for the one before it, and because the SIMD kernel has eight: added up
  // in the same order, both give the same number to the last bit.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let s4 = 0;
  let s5 = 0;
  let s6 = 0;
  let s7 = 0;
  let max = 0;
  let i = from;
  for (const end = to - 7; i < end; i += 8) {
    const a = values[i] as number;
    const b = values[i + 1] as number;
    const c = values[i + 2] as number;
    const d = values[i + 3] as number;
    const e = values[i + 4] as number;
    const f = values[i + 5] as number;
    const g = values[i + 6] as number;
    const h = values[i + 7] as number;
    s0 += a * a;
    s1 += b * b;
    s2 += c * c;
    s3 += d * d;
    s4 += e * e;
    s5 += f * f;
    s6 += g * g;
    s7 += h * h;
    max = Math.max(max, Math.abs(a), Math.abs(b), Math.abs(c), Math.abs(d));
    max = Math.max(max, Math.abs(e), Math.abs(f), Math.abs(g), Math.abs(h));
  }
  let sum = s0 + s4 + (s2 + s6) + (s1 + s5 + (s3 + s7));
  for (; i < to; i++) {
    const a = values[i] as number;
    sum += a * a;
    max = Math.max(max, Math.abs(a));
  }
  result.sumOfSquares = sum;
  result.maxAbs = max;
};
