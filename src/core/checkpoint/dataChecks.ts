/** The levels checksums and numbers: every record's bytes once, through CRC and statistics while they are in the cache. */
import { createHash } from 'node:crypto';
import { recordChunks, sourceChunks } from '../torchfile/chunks';
import { crc32 } from '../torchfile/crc32';
import { quoted } from '../torchfile/problems';
import type { ByteSource } from '../torchfile/source';
import { isFloating, numbersOf, numbersPerElement, Statistics } from '../torchfile/statistics';
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
  const byStorage = groupByStorage(file.tensors);
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
  const keyOfRecord = new Map<ZipRecord, string>();
  for (const [key, storage] of file.storages) if (storage.record) keyOfRecord.set(storage.record, key);
  let mismatches = 0;
  for (const record of file.records) {
    const key = keyOfRecord.get(record);
    const tensors = key === undefined ? [] : (byStorage.get(key) ?? []);
    const spans = levels.numbers ? spansOf(tensors, record.bytes) : [];
    if (record.dataStart < 0 || (record.method !== 0 && record.method !== 8)) continue; // reported with the structure
    if (!checks && spans.length === 0) continue;
    let crc = 0;
    let bytes = 0;
    try {
      for await (const chunk of recordChunks(source, record)) {
        if (checks) crc = crc32(chunk, crc);
        for (const span of spans) span.add(chunk, bytes, file.littleEndian);
        bytes += chunk.length;
        progress.add(chunk.length);
      }
    } catch (error) {
      if (!isDecompression(error)) throw error;
      findings.push(finding('unreadable-data', name, `${name}: record ${quoted(record.name)} cannot be decompressed.`));
      continue;
    }
    if (bytes !== record.bytes) {
      findings.push(
        finding(
          'unreadable-data',
          name,
          `${name}: record ${quoted(record.name)} has ${bytes} bytes instead of ${record.bytes}.`,
        ),
      );
    } else if (checks && crc !== record.crc && ++mismatches <= 10) {
      findings.push(
        finding(
          'checksum-mismatch',
          name,
          `${name}: the bytes of ${describeRecord(record, tensors)} do not match their checksum.`,
        ),
      );
    }
    numbers.push(...spans);
  }
  if (mismatches > 10)
    findings.push(
      finding('checksum-mismatch', name, `${name}: ${mismatches - 10} more records do not match their checksums.`),
    );
  if (levels.numbers && file.records.length === 0)
    numbers.push(...(await legacyNumbers(source, file, byStorage, progress)));
  return { findings, numbers };
}

async function legacyNumbers(
  source: ByteSource,
  file: TorchFile,
  byStorage: ReadonlyMap<string, readonly NamedTensor[]>,
  progress: Progress,
): Promise<TensorNumbers[]> {
  const numbers: TensorNumbers[] = [];
  for (const [key, storage] of file.storages) {
    const spans = spansOf(byStorage.get(key) ?? [], storage.bytes);
    if (spans.length === 0) continue;
    let bytes = 0;
    for await (const chunk of sourceChunks(source, storage.position, storage.bytes)) {
      for (const span of spans) span.add(chunk, bytes, file.littleEndian);
      bytes += chunk.length;
      progress.add(chunk.length);
    }
    numbers.push(...spans);
  }
  return numbers;
}

/** sha256 of a whole file, as a manifest has it. */
export async function sha256Of(source: ByteSource, progress: Progress): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of sourceChunks(source, 0, source.size)) {
    hash.update(chunk);
    progress.add(chunk.length);
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
function spansOf(tensors: readonly NamedTensor[], bytes: number): Span[] {
  const candidates = tensors
    .filter(({ tensor }) => isFloating(tensor.dtype) && tensor.numel > 0)
    .map((named) => new Span(named))
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

  constructor(private readonly named: NamedTensor) {
    const { tensor } = named;
    const extent = tensor.shape.reduce((last, size, i) => last + (size - 1) * (tensor.stride[i] as number), 0) + 1;
    this.name = named.name;
    this.start = tensor.storage.viewOffset * tensor.storage.dtype.bytes + tensor.offset * tensor.dtype.bytes;
    this.end = this.start + extent * tensor.dtype.bytes;
    this.width = tensor.dtype.bytes / numbersPerElement(tensor.dtype);
    this.statistics = new Statistics(extent === tensor.numel ? null : (index) => this.coordinates(index) !== null);
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
