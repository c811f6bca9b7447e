/** What the statistics of a file's tensors mean: non-finite, zero where nothing should be, too large to be healthy. */
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
    numbers.filter(({ statistics }) => statistics.nonFinite > 0),
    (tensor) => nonFinite(tensor, file, role),
  );
  if (role !== 'weights') return findings;
  several(
    numbers.filter(({ statistics }) => statistics.allZero && step !== 0),
    (tensor) => finding('zero-tensor', file, `${file}: tensor ${quoted(tensor.name)} is zero everywhere.`),
  );
  several(
    numbers.filter(({ statistics }) => statistics.zeroBlocks > 0 && !statistics.allZero),
    ({ name, statistics }) =>
      finding(
        'zero-block',
        file,
        `${file}: tensor ${quoted(name)} has ${statistics.zeroBlocks * 4} KiB of zeros in a row, from element ${statistics.firstZeroBlock} on.`,
      ),
  );
  several(
    numbers.filter(({ statistics }) => statistics.maxAbs > HUGE_VALUE || statistics.rms > HUGE_RMS),
    ({ name, statistics }) =>
      finding(
        'huge-values',
        file,
        `${file}: tensor ${quoted(name)} has values up to ${statistics.maxAbs.toPrecision(3)} (root mean square ${statistics.rms.toPrecision(3)}).`,
      ),
  );
  return findings;
}

function nonFinite(tensor: TensorNumbers, file: string, role: NumberRole): Finding {
  const { statistics, name, firstIndex } = tensor;
  const value = Number.isNaN(statistics.firstNonFiniteValue)
    ? 'NaN'
    : statistics.firstNonFiniteValue > 0
      ? 'infinity'
      : '-infinity';
  const count = statistics.nonFinite === 1 ? 'a value that is' : `${statistics.nonFinite} values that are`;
  // A mask holds infinities on purpose; weights and moments never do.
  const mild = role === 'other' || (role === 'state' && !name.startsWith('optimizer_state_dict.'));
  return finding(
    'non-finite',
    file,
    `${file}: tensor ${quoted(name)} has ${count} not finite (the first: ${value} at ${firstIndex}).`,
    mild ? 'warning' : undefined,
  );
}
