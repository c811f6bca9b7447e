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
/** Beyond it, n³ takes seconds; at 512 it is half of one. */
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
    if (gram.length !== n * n || !gram.every(Number.isFinite)) return null;
  }
  // ΔW = W_b_upᵀ G W_a_up; with W_a_up W_a_upᵀ = K Kᵀ and W_b_up W_b_upᵀ = L Lᵀ it has the singular values of X = Lᵀ G K.
  const [one, two, three] = [0, 1, 2].map((part) => scratch.subarray(part * n * n, (part + 1) * n * n)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  cholesky(grams.aUp, n, one);
  transposedProduct(grams.down, one, n, two);
  cholesky(grams.bUp, n, three);
  transposedProduct(three, two, n, one);
  transposedProduct(one, one, n, two);
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
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * n + k] as number) * (l[j * n + k] as number);
      if (i === j) {
        if (sum <= largest * PIVOT) break;
        l[j * n + j] = Math.sqrt(sum);
      } else {
        l[i * n + j] = sum / (l[j * n + j] as number);
      }
    }
  }
}

/** c = aᵀ b; a symmetric a is its own transpose. */
function transposedProduct(a: Float32Array | Float64Array, b: Float64Array, n: number, c: Float64Array): void {
  c.fill(0);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      const factor = a[k * n + i] as number;
      if (factor === 0) continue;
      for (let j = 0; j < n; j++) c[i * n + j] = (c[i * n + j] as number) + factor * (b[k * n + j] as number);
    }
  }
}

/**
 * Eigenvalues of a symmetric matrix (destroyed), in no order: Householder's reduction to a tridiagonal matrix, then QL
 * with implicit shifts (Golub and Van Loan, "Matrix Computations", sections 8.3.1 and 8.3.3).
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

/** `below[i]` becomes the entry between i and i + 1. */
function tridiagonalize(a: Float64Array, n: number, diagonal: Float64Array, below: Float64Array): void {
  const at = (i: number, j: number): number => a[i * n + j] as number;
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    let square = 0;
    for (let i = k + 1; i < n; i++) square += at(i, k) ** 2;
    const length = Math.sqrt(square);
    const alpha = at(k + 1, k) > 0 ? -length : length;
    below[k] = alpha;
    // v = x − alpha·e1, reflected with H = I − beta·v·vᵀ
    const head = at(k + 1, k) - alpha;
    const norm = square - at(k + 1, k) ** 2 + head ** 2;
    // What its square cannot hold is nothing beside the rest; dividing by it would give infinities.
    if (norm < 1e-280) {
      below[k] = 0;
      continue;
    }
    const beta = 2 / norm;
    for (let i = k + 1; i < n; i++) v[i] = i === k + 1 ? head : at(i, k);
    let dot = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += at(i, j) * (v[j] as number);
      w[i] = beta * sum;
      dot += (w[i] as number) * (v[i] as number);
    }
    for (let i = k + 1; i < n; i++) w[i] = (w[i] as number) - (beta / 2) * dot * (v[i] as number);
    for (let i = k + 1; i < n; i++) {
      const [vi, wi] = [v[i] as number, w[i] as number];
      for (let j = k + 1; j < n; j++) a[i * n + j] = at(i, j) - vi * (w[j] as number) - wi * (v[j] as number);
    }
  }
  for (let i = 0; i < n; i++) diagonal[i] = at(i, i);
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
