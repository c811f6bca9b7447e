/** What the totals of a file's tensors mean: non-finite, zero where nothing should be, too large to be healthy. */
import { quoted } from '../../torchfile/problems';
import type { TensorNumbers } from '../data/dataParts';
import { finding } from './findings';
import type { Finding } from '../report/report';

/** Which tensors a file holds: what is wrong in a weight may be right in a mask. */
export type NumberRole = 'weights' | 'state' | 'other';

/** NP matrices start below 0.1 and stay near 1; fp32 states that leave this range have diverged (contract section 3's scales). */
const HUGE_VALUE = 1e4;
const HUGE_RMS = 100;

/** Findings of one kind named one by one. */
const NAMED = 5;

/** `step` tells a fresh model's zeros from a trained one's. */
export function checkNumbers(
  numbers: readonly TensorNumbers[],
  file: string,
  role: NumberRole,
  step: number | null,
): Finding[] {
  const findings: Finding[] = [];
  const several = (tensors: readonly TensorNumbers[], describe: (tensor: TensorNumbers) => Finding): void => {
    findings.push(...tensors.slice(0, NAMED).map(describe));
    const last = tensors[NAMED];
    if (last) {
      const shown = describe(last);
      findings.push({
        ...shown,
        message: `${file}: ${tensors.length - NAMED} more tensors have the same trouble (first: ${quoted(last.name)}).`,
      });
    }
  };
  several(
    numbers.filter(({ totals }) => totals.nonFinite > 0),
    (tensor) => nonFinite(tensor, file, role),
  );
  if (role !== 'weights') return findings;
  several(
    numbers.filter(({ totals }) => totals.allZero && step !== 0),
    (tensor) => finding('zero-tensor', file, `${file}: tensor ${quoted(tensor.name)} is zero everywhere.`),
  );
  several(
    numbers.filter(({ totals }) => totals.zeroBlocks > 0 && !totals.allZero),
    ({ name, totals }) =>
      finding(
        'zero-block',
        file,
        `${file}: tensor ${quoted(name)} has ${totals.zeroBlocks * 4} KiB of zeros in a row, from element ${totals.firstZeroBlock} on.`,
      ),
  );
  several(
    numbers.filter(({ totals }) => totals.maxAbs > HUGE_VALUE || totals.rms > HUGE_RMS),
    ({ name, totals }) =>
      finding(
        'huge-values',
        file,
        `${file}: tensor ${quoted(name)} has values up to ${totals.maxAbs.toPrecision(3)} (root mean square ${totals.rms.toPrecision(3)}).`,
      ),
  );
  return findings;
}

function nonFinite(tensor: TensorNumbers, file: string, role: NumberRole): Finding {
  const { totals, name, firstIndex } = tensor;
  const value = Number.isNaN(totals.firstNonFiniteValue)
    ? 'NaN'
    : totals.firstNonFiniteValue > 0
      ? 'infinity'
      : '-infinity';
  const count = totals.nonFinite === 1 ? 'a value that is' : `${totals.nonFinite} values that are`;
  // A mask holds infinities on purpose; weights and moments never do.
  const mild = role === 'other' || (role === 'state' && !name.startsWith('optimizer_state_dict.'));
  return finding(
    'non-finite',
    file,
    `${file}: tensor ${quoted(name)} has ${count} not finite (the first: ${value} at ${firstIndex}).`,
    mild ? 'warning' : undefined,
  );
}
