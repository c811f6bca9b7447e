/** The levels checksums and numbers: every record's bytes once, through CRC and statistics while they are in the cache. */
import { createHash } from 'node:crypto';
import { READ_AHEAD_BYTES, readAhead, recordChunks, type Extent } from '../torchfile/chunks';
import { crc32 } from '../torchfile/crc32';
import { quoted } from '../torchfile/problems';
import type { ByteSource } from '../torchfile/source';
import { isFloating, numbersOf, numbersPerElement, Statistics } from '../torchfile/statistics';
import type { BlockOfNumbers } from '../torchfile/statisticsBlock';
import { StatisticsKernel } from '../torchfile/statisticsKernel';
import { swapBytes, swapWidth } from '../torchfile/tensorData';
import type { TorchFile } from '../torchfile/torchFile';
import type { NamedTensor } from '../torchfile/values';
import type { ZipRecord } from '../torchfile/zip';
import { finding } from './findings';
import type { Progress } from './progress';
import type { Finding } from './report';

export interface DataLevels {
  readonly checksums: boolean;
  readonly numbers: boolean;
}

/** What the numbers level found out about one tensor. */
export interface TensorNumbers {
  /** Its path in the file. */
  readonly name: string;
  readonly statistics: Statistics;
  /** The first non-finite element, as Python indexes it: `[3, 17]`; `[]` when all are finite. */
  readonly firstIndex: string;
}

export interface DataResult {
  readonly findings: Finding[];
  readonly numbers: readonly TensorNumbers[];
}

/** Reads every record (legacy: every storage) once. `name` is the file's name for the findings. */
export async function checkData(
  source: ByteSource,
  file: TorchFile,
  name: string,
  levels: DataLevels,
  progress: Progress,
): Promise<DataResult> {
  const findings: Finding[] = [];
  const numbers: TensorNumbers[] = [];
  const checks = levels.checksums && file.hasChecksums;
  if (levels.checksums && !file.hasChecksums && file.storages.size > 0) {
    findings.push(
      finding(
        'no-checksums',
        name,
        `${name} carries no checksums${file.records.length > 0 ? ' (every CRC is zero)' : ''}.`,
      ),
    );
  }
  const kernel = idleKernels.pop() ?? StatisticsKernel.create(READ_AHEAD_BYTES);
  try {
    const parts = partsOf(file, levels, checks, kernel?.blockOf);
    const stored = parts.filter((part) => part.record === null || part.record.method === 0);
    for await (const { extent, bytes } of readAhead(source, stored, kernel?.space)) {
      (stored[extent] as Part).add(bytes);
      progress.add(bytes.length);
    }
    for (const part of parts) {
      if (part.record === null || part.record.method === 0) continue;
      try {
        for await (const chunk of recordChunks(source, part.record)) {
          part.add(chunk);
          progress.add(chunk.length);
        }
      } catch (error) {
        if (!isDecompression(error)) throw error;
        part.broken = true;
      }
    }
    findings.push(...recordFindings(parts, name));
    for (const part of parts) if (!part.broken) numbers.push(...part.spans);
  } finally {
    if (kernel) idleKernels.push(kernel);
  }
  return { findings, numbers };
}

/** Kernels keep their memory between files; two files at once take two. */
const idleKernels: StatisticsKernel[] = [];

/** Bytes that are looked at as one: a zip's record, or a storage of the legacy format. */
class Part implements Extent {
  crc = 0;
  bytes = 0;
  /** Its deflate stream is damaged. */
  broken = false;

  constructor(
    readonly record: ZipRecord | null,
    readonly position: number,
    readonly length: number,
    readonly tensors: readonly NamedTensor[],
    readonly spans: readonly Span[],
    /** Whether its CRC says something. */
    readonly checked: boolean,
    private readonly littleEndian: boolean,
  ) {}

  add(chunk: Uint8Array): void {
    if (this.checked) this.crc = crc32(chunk, this.crc);
    for (const span of this.spans) span.add(chunk, this.bytes, this.littleEndian);
    this.bytes += chunk.length;
  }
}

function partsOf(file: TorchFile, levels: DataLevels, checks: boolean, blockOf?: BlockOfNumbers): Part[] {
  const byStorage = groupByStorage(file.tensors);
  const spans = (tensors: readonly NamedTensor[], bytes: number): Span[] =>
    levels.numbers ? spansOf(tensors, bytes, blockOf) : [];
  const keyOfRecord = new Map<ZipRecord, string>();
  const parts: Part[] = [];
  for (const [key, { record, position, bytes }] of file.storages) {
    if (record) keyOfRecord.set(record, key);
    else {
      const tensors = byStorage.get(key) ?? [];
      const owned = spans(tensors, bytes);
      if (owned.length > 0) parts.push(new Part(null, position, bytes, tensors, owned, false, file.littleEndian));
    }
  }
  for (const record of file.records) {
    if (record.dataStart < 0 || (record.method !== 0 && record.method !== 8)) continue; // reported with the structure
    const key = keyOfRecord.get(record);
    const tensors = key === undefined ? [] : (byStorage.get(key) ?? []);
    const owned = spans(tensors, record.bytes);
    if (!checks && owned.length === 0) continue;
    parts.push(new Part(record, record.dataStart, record.storedBytes, tensors, owned, checks, file.littleEndian));
  }
  return parts;
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

/** sha256 of a whole file, as a manifest has it. */
export async function sha256Of(source: ByteSource, progress: Progress): Promise<string> {
  const hash = createHash('sha256');
  for await (const { bytes } of readAhead(source, [{ position: 0, length: source.size }])) {
    hash.update(bytes);
    progress.add(bytes.length);
  }
  return hash.digest('hex');
}

function isDecompression(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' && (code.startsWith('Z_') || code === 'ERR_STREAM_PREMATURE_CLOSE');
}

function groupByStorage(tensors: readonly NamedTensor[]): Map<string, NamedTensor[]> {
  const groups = new Map<string, NamedTensor[]>();
  for (const named of tensors) {
    const key = named.tensor.storage.key;
    const group = groups.get(key);
    if (group) group.push(named);
    else groups.set(key, [named]);
  }
  return groups;
}

function describeRecord(record: ZipRecord, tensors: readonly NamedTensor[]): string {
  if (tensors.length > 0) {
    const more = tensors.length > 1 ? ` and ${tensors.length - 1} more tensors that share it` : '';
    return `tensor ${quoted(tensors[0]?.name ?? '')}${more}`;
  }
  return record.name.endsWith('/data.pkl') ? 'its values (data.pkl)' : `record ${quoted(record.name)}`;
}

/** Views of one storage that are looked at one by one; more of them are looked at as a whole. */
const MAX_SPANS = 64;

/** The tensors that own a storage's bytes: views that lie within a larger one are part of it. */
function spansOf(tensors: readonly NamedTensor[], bytes: number, blockOf?: BlockOfNumbers): Span[] {
  const candidates = tensors
    .filter(({ tensor }) => isFloating(tensor.dtype) && tensor.numel > 0)
    .map((named) => new Span(named, blockOf))
    .filter((span) => span.end <= bytes)
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const spans: Span[] = [];
  let covered = -1;
  for (const span of candidates) {
    if (span.end <= covered || spans.length >= MAX_SPANS) continue;
    spans.push(span);
    covered = span.end;
  }
  return spans;
}

/** The stretch of a storage that a tensor reaches over. */
class Span implements TensorNumbers {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly statistics: Statistics;
  private readonly width: number;

  constructor(
    private readonly named: NamedTensor,
    blockOf?: BlockOfNumbers,
  ) {
    const { tensor } = named;
    const extent = tensor.shape.reduce((last, size, i) => last + (size - 1) * (tensor.stride[i] as number), 0) + 1;
    this.name = named.name;
    this.start = tensor.storage.viewOffset * tensor.storage.dtype.bytes + tensor.offset * tensor.dtype.bytes;
    this.end = this.start + extent * tensor.dtype.bytes;
    this.width = tensor.dtype.bytes / numbersPerElement(tensor.dtype);
    this.statistics = new Statistics(
      extent === tensor.numel ? null : (index) => this.coordinates(index) !== null,
      blockOf,
    );
  }

  /** A piece of the storage that begins at byte `at`. */
  add(chunk: Uint8Array, at: number, littleEndian: boolean): void {
    const from = Math.max(this.start - at, 0);
    const to = Math.min(this.end - at, chunk.length);
    if (from >= to) return;
    let part = chunk.subarray(from, to);
    if (!littleEndian) {
      part = part.slice();
      swapBytes(part, swapWidth(this.named.tensor));
    }
    const values = numbersOf(this.named.tensor.dtype, part.byteOffset % this.width === 0 ? part : part.slice());
    if (values) this.statistics.add(values);
  }

  /** Where in the tensor the number at an index of its span is; null for a number between its elements. */
  coordinates(number: number): number[] | null {
    const { tensor } = this.named;
    let rest = Math.floor(number / numbersPerElement(tensor.dtype));
    const axes = tensor.shape
      .map((_, axis) => axis)
      .sort((a, b) => (tensor.stride[b] as number) - (tensor.stride[a] as number));
    const found = tensor.shape.map(() => 0);
    for (const axis of axes) {
      const stride = tensor.stride[axis] as number;
      if (stride === 0) continue;
      const index = Math.min(Math.floor(rest / stride), (tensor.shape[axis] as number) - 1);
      found[axis] = index;
      rest -= index * stride;
    }
    return rest === 0 ? found : null;
  }

  get firstIndex(): string {
    const { firstNonFinite } = this.statistics;
    return `[${(firstNonFinite < 0 ? [] : (this.coordinates(firstNonFinite) ?? [])).join(', ')}]`;
  }
}
