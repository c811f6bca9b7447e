/** The levels checksums and numbers: every record's bytes once, through CRC and totals while they are in the cache. */
import { quoted } from '../../torchfile/problems';
import type { ByteSource } from '../../torchfile/container/source';
import type { TorchFile } from '../../torchfile/torchFile';
import type { NamedTensor } from '../../torchfile/pickle/values';
import type { ZipRecord } from '../../torchfile/container/zip';
import { lookAt, partsOf, withKernel, type DataLevels, type Part, type TensorNumbers } from '../data/dataParts';
import { batchesOf, type SecondReader } from '../data/secondReader';
import { finding } from './findings';
import type { Progress } from './progress';
import type { Finding } from '../report/report';

export interface DataResult {
  readonly findings: Finding[];
  readonly numbers: readonly TensorNumbers[];
}

/**
 * Reads every record (legacy: every storage) once. `name` is the file's name for the findings; `second` shares the work
 * where the file is large enough to have one.
 */
export async function checkData(
  source: ByteSource,
  file: TorchFile,
  name: string,
  levels: DataLevels,
  progress: Progress,
  second: SecondReader | null = null,
): Promise<DataResult> {
  const findings: Finding[] = [];
  if (levels.checksums && !file.hasChecksums && file.storages.size > 0) {
    findings.push(
      finding(
        'no-checksums',
        name,
        `${name} carries no checksums${file.records.length > 0 ? ' (every CRC is zero)' : ''}.`,
      ),
    );
  }
  const parts = await withKernel(async (kernel) => {
    const whole = partsOf(file, levels, kernel?.blockOf);
    const all = whole.flatMap((part) => part.cut());
    // In batches also where there is no other thread: what is read at a time decides in which order numbers are added.
    for (const batch of second?.batches(all) ?? batchesOf(all).map(([from, to]) => all.slice(from, to))) {
      await lookAt(source, batch, kernel?.space, (bytes) => {
        progress.add(bytes + (second?.bytesSince() ?? 0));
      });
    }
    // What the other thread claimed and could not do is left to this one.
    for (const batch of (await second?.finish(all)) ?? []) {
      await lookAt(source, batch, kernel?.space, (bytes) => {
        progress.add(bytes);
      });
    }
    for (const part of whole) part.join();
    return whole;
  });
  findings.push(...recordFindings(parts, name));
  return { findings, numbers: parts.flatMap((part) => (part.broken ? [] : part.spans)) };
}

/** Checksums that do not match are named one by one up to here. */
const NAMED_MISMATCHES = 10;

function recordFindings(parts: readonly Part[], name: string): Finding[] {
  const findings: Finding[] = [];
  let mismatches = 0;
  for (const { record, tensors, broken, bytes, checked, crc } of parts) {
    if (!record) continue;
    if (broken) {
      findings.push(finding('unreadable-data', name, `${name}: record ${quoted(record.name)} cannot be decompressed.`));
    } else if (bytes !== record.bytes) {
      findings.push(
        finding(
          'unreadable-data',
          name,
          `${name}: record ${quoted(record.name)} has ${bytes} bytes instead of ${record.bytes}.`,
        ),
      );
    } else if (checked && crc !== record.crc && ++mismatches <= NAMED_MISMATCHES) {
      findings.push(
        finding(
          'checksum-mismatch',
          name,
          `${name}: the bytes of ${describeRecord(record, tensors)} do not match their checksum.`,
        ),
      );
    }
  }
  if (mismatches > NAMED_MISMATCHES)
    findings.push(
      finding(
        'checksum-mismatch',
        name,
        `${name}: ${mismatches - NAMED_MISMATCHES} more records do not match their checksums.`,
      ),
    );
  return findings;
}

function describeRecord(record: ZipRecord, tensors: readonly NamedTensor[]): string {
  if (tensors.length > 0) {
    const more = tensors.length > 1 ? ` and ${tensors.length - 1} more tensors that share it` : '';
    return `tensor ${quoted(tensors[0]?.name ?? '')}${more}`;
  }
  return record.name.endsWith('/data.pkl') ? 'its values (data.pkl)' : `record ${quoted(record.name)}`;
}
