/**
 * Effective rank of a layer's modulation: how many directions it really uses of the r that it has.
 *
 * For attention output a the gate projection changes by v_b v_aᵀ = W_b_upᵀ z zᵀ W_a_up with z = a·W_down (contract section
 * 3). Over white inputs (E[aᵀa] = I) that is on average ΔW = W_b_upᵀ (W_downᵀ W_down) W_a_up, of rank r at most. Its
 * effective rank is exp(−Σ p_i ln p_i) with p_i = σ_i / Σ σ (Roy and Vetterli, "The effective rank: a measure of
 * effective dimensionality", EUSIPCO 2007): r where all directions weigh the same, 1 where one is all there is, and no
 * threshold to choose. ΔW itself is never made: its singular values follow from three r × r Gram matrices.
 */

/** A pivot smaller than this share of the largest is the rounding of fp32 products, not a direction. */
const PIVOT = 1e-6;
/** Beyond it, n³ takes a second. */
export const LARGEST_RANK = 512;
const MOST_SWEEPS = 60;

/** Row-major r × r Gram matrices. */
export interface Grams {
  /** W_downᵀ W_down. */
  readonly down: Float32Array;
  /** W_a_up W_a_upᵀ. */
  readonly aUp: Float32Array;
  /** W_b_up W_b_upᵀ. */
  readonly bUp: Float32Array;
}

/**
 * In [1, r]; 0 for a modulation that is zero; null where a number is not finite, or r is too large to look at.
 *
 * @param scratch 3 r² numbers to work in: a probe goes over many layers, faster than garbage is collected
 */
export function effectiveRank(
  grams: Grams,
  scratch: Float64Array = new Float64Array(3 * grams.down.length),
): number | null {
  const n = Math.sqrt(grams.down.length);
  if (!Number.isInteger(n) || n === 0 || n > LARGEST_RANK) return null;
  for (const gram of [grams.down, grams.aUp, grams.bUp]) {
    if (gram.length !== n * n) return null;
    for (const value of gram) if (!Number.isFinite(value)) return null;
  }
  // ΔW = W_b_upᵀ G W_a_up; with W_a_up W_a_upᵀ = K Kᵀ and W_b_up W_b_upᵀ = L Lᵀ it has the singular values of X = Lᵀ G K.
  // Everything is a row times a row, or rows added to a row: what lies side by side in memory is read side by side.
  const [one, two, three] = [0, 1, 2].map((part) => scratch.subarray(part * n * n, (part + 1) * n * n)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  cholesky(grams.aUp, n, one);
  transpose(one, n); // Kᵀ: above the diagonal
  for (let i = 0; i < n * n; i++) three[i] = grams.down[i] as number;
  product(
    one,
    three,
    n,
    (row) => [row, n],
    () => n,
    two,
  ); // Kᵀ G
  cholesky(grams.bUp, n, three);
  product(
    two,
    three,
    n,
    () => [0, n],
    (row) => row + 1,
    one,
  ); // Xᵀ = Kᵀ G L
  gramOfRows(one, n, two);
  const squares = symmetricEigenvalues(two, n);
  return entropyRank(Array.from(squares, (square) => Math.sqrt(Math.max(0, square))));
}

/** exp of the entropy of singular values that are normalised to sum 1. */
export function entropyRank(singularValues: readonly number[]): number {
  const sum = singularValues.reduce((total, value) => total + value, 0);
  if (sum === 0) return 0;
  const entropy = singularValues.reduce((total, value) => {
    const p = value / sum;
    return p > 0 ? total - p * Math.log(p) : total;
  }, 0);
  return Math.exp(entropy);
}

/** Lower triangle L with L Lᵀ = a, for a positive semidefinite a: a direction without length gets a column of zeros. */
function cholesky(a: Float32Array, n: number, l: Float64Array): void {
  l.fill(0);
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i] as number);
  // Row by row; a column of zeros shows in a zero on its diagonal.
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const pivot = l[j * n + j] as number;
      if (pivot !== 0) l[i * n + j] = ((a[i * n + j] as number) - dot(l, i * n, j * n, j)) / pivot;
    }
    const rest = (a[i * n + i] as number) - dot(l, i * n, i * n, i);
    if (rest > largest * PIVOT) l[i * n + i] = Math.sqrt(rest);
  }
}

/** Of `length` numbers from `first` and from `second` on; four sums, because one addition waits for the one before it. */
function dot(a: Float64Array, first: number, second: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += (a[first + k] as number) * (a[second + k] as number);
    s1 += (a[first + k + 1] as number) * (a[second + k + 1] as number);
    s2 += (a[first + k + 2] as number) * (a[second + k + 2] as number);
    s3 += (a[first + k + 3] as number) * (a[second + k + 3] as number);
  }
  for (; k < length; k++) s0 += (a[first + k] as number) * (a[second + k] as number);
  return s0 + s1 + (s2 + s3);
}

function transpose(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const below = a[i * n + j] as number;
      a[i * n + j] = a[j * n + i] as number;
      a[j * n + i] = below;
    }
  }
}

/**
 * c = a b. Of a row of `a` only the columns [from, to) that `factors` gives are not zero, of a row of `b` only its first
 * `width(row)`, which grow with the row.
 */
function product(
  a: Float64Array,
  b: Float64Array,
  n: number,
  factors: (row: number) => readonly [from: number, to: number],
  width: (row: number) => number,
  c: Float64Array,
): void {
  c.fill(0);
  for (let i = 0; i < n; i++) {
    const [from, to] = factors(i);
    const target = i * n;
    let k = from;
    // Four rows at once: the sum is loaded and stored a quarter as often.
    for (; k + 3 < to; k += 4) {
      const f0 = a[i * n + k] as number;
      const f1 = a[i * n + k + 1] as number;
      const f2 = a[i * n + k + 2] as number;
      const f3 = a[i * n + k + 3] as number;
      const [b0, b1, b2, b3] = [k * n, k * n + n, k * n + 2 * n, k * n + 3 * n];
      const end = width(k + 3);
      for (let j = 0; j < end; j++)
        c[target + j] =
          (c[target + j] as number) +
          (f0 * (b[b0 + j] as number) + f1 * (b[b1 + j] as number)) +
          (f2 * (b[b2 + j] as number) + f3 * (b[b3 + j] as number));
    }
    for (; k < to; k++) {
      const factor = a[i * n + k] as number;
      const end = width(k);
      for (let j = 0; j < end; j++) c[target + j] = (c[target + j] as number) + factor * (b[k * n + j] as number);
    }
  }
}

/** c = a aᵀ; of what is above the diagonal only some. */
function gramOfRows(a: Float64Array, n: number, c: Float64Array): void {
  let i = 0;
  // Four rows beside each other row: it is loaded a quarter as often.
  for (; i + 3 < n; i += 4) {
    const [r0, r1, r2, r3] = [i * n, i * n + n, i * n + 2 * n, i * n + 3 * n];
    for (let j = 0; j < i + 4; j++) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let k = 0, at = j * n; k < n; k++, at++) {
        const value = a[at] as number;
        s0 += value * (a[r0 + k] as number);
        s1 += value * (a[r1 + k] as number);
        s2 += value * (a[r2 + k] as number);
        s3 += value * (a[r3 + k] as number);
      }
      c[r0 + j] = s0;
      c[r1 + j] = s1;
      c[r2 + j] = s2;
      c[r3 + j] = s3;
    }
  }
  for (; i < n; i++) for (let j = 0; j <= i; j++) c[i * n + j] = dot(a, i * n, j * n, n);
}

/**
 * Eigenvalues of a symmetric matrix, given by its lower triangle (which is destroyed), in no order: Householder's reduction
 * to a tridiagonal matrix, then QL with implicit shifts (Golub and Van Loan, "Matrix Computations", sections 8.3.1 and
 * 8.3.3).
 */
export function symmetricEigenvalues(a: Float64Array, n: number): Float64Array {
  const diagonal = new Float64Array(n);
  const below = new Float64Array(n);
  tridiagonalize(a, n, diagonal, below);
  for (let first = 0; first < n; first++) {
    for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
      let last = first;
      while (last < n - 1) {
        const scale = Math.abs(diagonal[last] as number) + Math.abs(diagonal[last + 1] as number);
        if (Math.abs(below[last] as number) <= Number.EPSILON * scale) break;
        last++;
      }
      if (last === first) break;
      sweepOnce(diagonal, below, first, last);
    }
  }
  return diagonal;
}

/** From the last row up, so that the rows of the lower triangle are all that is touched; `below[i]` becomes the entry between i and i + 1. */
function tridiagonalize(a: Float64Array, n: number, diagonal: Float64Array, below: Float64Array): void {
  const w = new Float64Array(n);
  for (let k = n - 1; k > 0; k--) {
    // The row's k numbers before the diagonal become (0, …, 0, alpha).
    const v = a.subarray(k * n, k * n + k);
    const square = dot(v, 0, 0, k);
    const end = v[k - 1] as number;
    const alpha = end > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    below[k - 1] = alpha;
    // v = x − alpha·e, reflected with H = I − beta·v·vᵀ
    const head = end - alpha;
    const norm = square - end ** 2 + head ** 2;
    // What its square cannot hold is nothing beside the rest; dividing by it would give infinities.
    if (norm < 1e-280) {
      below[k - 1] = 0;
      continue;
    }
    const beta = 2 / norm;
    v[k - 1] = head;
    timesSymmetric(a, n, v, w);
    let along = 0;
    for (let i = 0; i < k; i++) {
      w[i] = beta * (w[i] as number);
      along += (w[i] as number) * (v[i] as number);
    }
    for (let i = 0; i < k; i++) w[i] = (w[i] as number) - (beta / 2) * along * (v[i] as number);
    for (let i = 0; i < k; i++) {
      const [vi, wi, row] = [v[i] as number, w[i] as number, i * n];
      for (let j = 0; j <= i; j++) a[row + j] = (a[row + j] as number) - vi * (w[j] as number) - wi * (v[j] as number);
    }
  }
  for (let i = 0; i < n; i++) diagonal[i] = a[i * n + i] as number;
}

/** w = A v for the leading rows of a symmetric matrix, as many as v has, given by its lower triangle. */
function timesSymmetric(a: Float64Array, n: number, v: Float64Array, w: Float64Array): void {
  for (let i = 0; i < v.length; i++) {
    const row = i * n;
    const vi = v[i] as number;
    let sum = 0;
    for (let j = 0; j < i; j++) {
      const value = a[row + j] as number;
      sum += value * (v[j] as number);
      w[j] = (w[j] as number) + value * vi;
    }
    w[i] = sum + (a[row + i] as number) * vi;
  }
}

/** One implicit QL sweep with Wilkinson's shift over the unreduced block first…last. */
function sweepOnce(d: Float64Array, e: Float64Array, first: number, last: number): void {
  const get = (values: Float64Array, i: number): number => values[i] as number;
  const half = (get(d, first + 1) - get(d, first)) / (2 * get(e, first));
  const root = Math.hypot(half, 1);
  let g = get(d, last) - get(d, first) + get(e, first) / (half + (half >= 0 ? root : -root));
  let [sine, cosine, carry] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = sine * get(e, i);
    const b = cosine * get(e, i);
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = get(d, i + 1) - carry;
      e[last] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = get(d, i + 1) - carry;
    const s = (get(d, i) - g) * sine + 2 * cosine * b;
    carry = sine * s;
    d[i + 1] = g + carry;
    g = cosine * s - b;
  }
  d[first] = get(d, first) - carry;
  e[first] = g;
  e[last] = 0;
}
