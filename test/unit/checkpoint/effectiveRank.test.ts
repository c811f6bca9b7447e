/** The effective rank from Gram matrices against matrices whose singular values are known. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { effectiveRank, entropyRank, symmetricEigenvalues } from '../../../src/core/checkpoint/probe/effectiveRank';

function diagonal(values: readonly number[]): Float32Array {
  const n = values.length;
  return Float32Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? values[at / (n + 1)]! : 0));
}

describe('effective rank', () => {
  const close = (actual: number | null, expected: number, tolerance = 1e-6): void => {
    assert.ok(
      actual !== null && Math.abs(actual - expected) <= tolerance * Math.max(1, expected),
      `${actual} is not ${expected}`,
    );
  };

  it('is r where all directions weigh the same, and 1 where one is all there is', () => {
    const same = diagonal([2, 2, 2, 2]);
    close(effectiveRank({ down: same, aUp: same, bUp: same }), 4);
    const one = diagonal([2, 0, 0, 0]);
    close(effectiveRank({ down: same, aUp: one, bUp: same }), 1);
  });

  it('is exp of the entropy of the singular values', () => {
    // G = I, W_a_up W_a_upᵀ = diag(σ²), W_b_up W_b_upᵀ = I: ΔW has the singular values σ.
    const identity = diagonal([1, 1, 1]);
    const expected = Math.exp(-(0.5 * Math.log(0.5) + 0.3 * Math.log(0.3) + 0.2 * Math.log(0.2)));
    close(effectiveRank({ down: identity, aUp: diagonal([25, 9, 4]), bUp: identity }), expected);
    close(entropyRank([5, 3, 2]), expected);
  });

  it('is 0 for a modulation that is zero, and unknown for one that is not finite or not square', () => {
    const zero = diagonal([0, 0]);
    assert.equal(effectiveRank({ down: zero, aUp: zero, bUp: zero }), 0);
    assert.equal(effectiveRank({ down: diagonal([1, NaN]), aUp: zero, bUp: zero }), null);
    assert.equal(effectiveRank({ down: diagonal([1, 1]), aUp: diagonal([1]), bUp: zero }), null);
  });

  it('finds the eigenvalues of any symmetric matrix', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 12 })
          .chain((n) =>
            fc.tuple(
              fc.constant(n),
              fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: n * n, maxLength: n * n }),
            ),
          ),
        ([n, values]) => {
          const a = new Float64Array(n * n);
          for (let i = 0; i < n; i++)
            for (let j = 0; j < n; j++) a[i * n + j] = values[i * n + j]! + values[j * n + i]!;
          const norm = Math.max(1, Math.hypot(...a));
          const found = symmetricEigenvalues(a.slice(), n);
          // Σ λ^p is the trace of A^p: n of them would fix the eigenvalues, four catch what goes wrong.
          const moment = (power: number): number => {
            let product = a.slice();
            for (let times = 1; times < power; times++) {
              const next = new Float64Array(n * n);
              for (let i = 0; i < n; i++)
                for (let j = 0; j < n; j++)
                  for (let k = 0; k < n; k++) next[i * n + j]! += product[i * n + k]! * a[k * n + j]!;
              product = next;
            }
            return product.reduce((sum, value, at) => (at % (n + 1) === 0 ? sum + value : sum), 0);
          };
          for (const power of [1, 2, 3, 4]) {
            const sum = found.reduce((total, value) => total + value ** power, 0);
            assert.ok(Math.abs(sum - moment(power)) <= 1e-9 * n * norm ** power, `moment ${power} of ${found.join()}`);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  /** (n, m) numbers of few bits, so that their products' sums are exact in fp32. */
  function weights(n: number, m: number, seed: number): number[][] {
    let state = seed;
    return Array.from({ length: n }, () =>
      Array.from({ length: m }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (((state >>> 16) % 256) - 128) / 128;
      }),
    );
  }

  /** W Wᵀ for the rows of W. */
  function gramOf(rows: readonly (readonly number[])[]): Float32Array {
    return Float32Array.from(
      rows.flatMap((row) => rows.map((other) => row.reduce((sum, x, k) => sum + x * other[k]!, 0))),
    );
  }

  it('equals what the singular values of the whole ΔW give, to 1e-10', () => {
    // numpy 2: svd(b.T @ (down @ down.T) @ a)[:n] of these weights (rows of `down` are W_downᵀ's), as p = s / sum(s),
    // exp(-sum(p log p)).
    const known: [number, number, number][] = [
      [33, 50, 20.480638230705676],
      [256, 320, 136.82676665416548],
    ];
    for (const [n, m, expected] of known) {
      const found = effectiveRank({
        down: gramOf(weights(n, m, 1)),
        aUp: gramOf(weights(n, m, 2)),
        bUp: gramOf(weights(n, m, 3)),
      });
      close(found, expected, 1e-10);
    }
  });

  it('needs no full rank: directions that repeat others weigh nothing', () => {
    const [down, aUp, bUp] = [weights(7, 20, 4), weights(7, 20, 5), weights(7, 20, 6)];
    const whole = effectiveRank({ down: gramOf(down), aUp: gramOf(aUp), bUp: gramOf(bUp) });
    assert.ok(whole !== null && whole > 3 && whole <= 7);
    const nothing = Array.from({ length: 20 }, () => 0);
    const padded = {
      down: gramOf([...down, down[0]!]),
      aUp: gramOf([...aUp, nothing]),
      bUp: gramOf([...bUp, nothing]),
    };
    close(effectiveRank(padded), whole, 1e-10);
    const repeated = aUp.map((_, i) => aUp[i % 3]!);
    const three = effectiveRank({ down: gramOf(down), aUp: gramOf(repeated), bUp: gramOf(bUp) });
    assert.ok(three !== null && three > 1 && three <= 3 + 1e-6, String(three));
  });
});
