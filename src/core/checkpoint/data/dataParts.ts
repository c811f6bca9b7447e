/** A file's data cut into parts that are looked at by themselves: each record's CRC, each tensor's totals. */
import { CHUNK_BYTES, extentPieces, recordChunks, type Extent } from '../../torchfile/container/chunks';
import { crc32, crc32Joined } from '../../torchfile/container/crc32';
import type { ByteSource } from '../../torchfile/container/source';
import { isFloating, numbersOf, numbersPerElement, RunningTotals, type Totals } from '../../torchfile/tensors/totals';
import type { BlockOfNumbers } from '../../torchfile/tensors/totalsBlock';
import { TotalsKernel } from '../../torchfile/tensors/kernels/totalsKernel';
import { swapBytes, swapWidth } from '../../torchfile/tensors/tensorData';
import type { TorchFile } from '../../torchfile/torchFile';
import type { NamedTensor } from '../../torchfile/pickle/values';
import type { ZipRecord } from '../../torchfile/container/zip';

export interface DataLevels {
  readonly checksums: boolean;
  readonly numbers: boolean;
}

/** What the numbers level found out about one tensor. */
export interface TensorNumbers {
  /** Its path in the file. */
  readonly name: string;
  readonly totals: RunningTotals;
  /** The first non-finite element, as Python indexes it: `[3, 17]`; `[]` when all are finite. */
  readonly firstIndex: string;
}

/** What looking at a part gives, as plain data. */
export interface PartResult {
  readonly crc: number;
  readonly bytes: number;
  readonly broken: boolean;
  readonly totals: readonly Totals[];
}

/**
 * Longer ones are cut, so that two threads share a single tensor (600 MB of one: 191 ms instead of 277); also the least that
 * a thread takes at a time.
 */
export const SLICE_BYTES = 4 * 1024 * 1024;

/** Bytes that are looked at as one: a zip's record, a storage of the legacy format, or a slice of either. */
export class Part implements Extent {
  crc = 0;
  bytes = 0;
  /** Its deflate stream is damaged. */
  broken = false;
  private slices: readonly Part[] = [];

  constructor(
    readonly record: ZipRecord | null,
    readonly position: number,
    readonly length: number,
    readonly tensors: readonly NamedTensor[],
    readonly spans: readonly Span[],
    /** Whether its CRC says something. */
    readonly checked: boolean,
    private readonly littleEndian: boolean,
    /** Where in the record or storage it begins. */
    private readonly offset = 0,
  ) {}

  /**
   * What is to be looked at in its place: slices where it is long, itself otherwise. Where the cuts are depends on nothing
   * but its length, because sums of floating numbers depend on the order: one thread and two give equal results.
   */
  cut(): readonly Part[] {
    const stored = this.record === null || this.record.method === 0;
    if (!stored || this.length <= SLICE_BYTES) return [this];
    const { record, tensors, checked, littleEndian } = this;
    const slices: Part[] = [];
    for (let from = 0; from < this.length; from += SLICE_BYTES) {
      const length = Math.min(SLICE_BYTES, this.length - from);
      const spans = this.spans.flatMap((span) => span.within(from, from + length) ?? []);
      slices.push(new Part(record, this.position + from, length, tensors, spans, checked, littleEndian, from));
    }
    this.slices = slices;
    return slices;
  }

  /** Puts together what was found in its slices. */
  join(): void {
    for (const slice of this.slices) {
      if (this.checked) this.crc = crc32Joined(this.crc, slice.crc, slice.bytes);
      this.bytes += slice.bytes;
      for (const span of slice.spans) span.whole.totals.append(span.totals);
    }
    this.slices = [];
  }

  add(chunk: Uint8Array): void {
    if (this.checked) this.crc = crc32(chunk, this.crc);
    for (const span of this.spans) span.add(chunk, this.offset + this.bytes, this.littleEndian);
    this.bytes += chunk.length;
  }

  get result(): PartResult {
    const totals = this.spans.map((span) => span.totals.data);
    return { crc: this.crc, bytes: this.bytes, broken: this.broken, totals };
  }

  /** Takes what another thread found out about the same part. */
  accept(result: PartResult): void {
    this.crc = result.crc;
    this.bytes = result.bytes;
    this.broken = result.broken;
    this.spans.forEach((span, i) => {
      const totals = result.totals[i];
      if (totals) span.totals.restore(totals);
    });
  }
}

/** Every record (legacy: every storage) that the levels ask to look at, in the file's order. */
export function partsOf(file: TorchFile, levels: DataLevels, blockOf?: BlockOfNumbers): Part[] {
  const checks = levels.checksums && file.hasChecksums;
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

/** Kernels keep their memory between files; two files at once take two. */
const idleKernels: TotalsKernel[] = [];

/** Runs `work` with a kernel of its own; without one where the machine has no WebAssembly SIMD. */
export async function withKernel<T>(work: (kernel: TotalsKernel | null) => Promise<T>): Promise<T> {
  const kernel = idleKernels.pop() ?? TotalsKernel.create(CHUNK_BYTES);
  try {
    return await work(kernel);
  } finally {
    if (kernel) idleKernels.push(kernel);
  }
}

/** Reads the parts' bytes once. `space` is a kernel's, if there is one; `onBytes` is told of each piece and may throw. */
export async function lookAt(
  source: ByteSource,
  parts: readonly Part[],
  space: Uint8Array | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const stored = parts.filter((part) => part.record === null || part.record.method === 0);
  for await (const { extent, bytes } of extentPieces(source, stored, space)) {
    (stored[extent] as Part).add(bytes);
    onBytes(bytes.length);
  }
  for (const part of parts) {
    if (part.record === null || part.record.method === 0) continue;
    try {
      for await (const chunk of recordChunks(source, part.record)) {
        part.add(chunk);
        onBytes(chunk.length);
      }
    } catch (error) {
      if (!isDecompression(error)) throw error;
      part.broken = true;
    }
  }
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
  readonly totals: RunningTotals;
  private readonly width: number;

  constructor(
    private readonly named: NamedTensor,
    private readonly blockOf?: BlockOfNumbers,
    /** Byte of the storage from which on it is given pieces. */
    from = 0,
    private readonly origin: Span | null = null,
  ) {
    const { tensor } = named;
    const extent = tensor.shape.reduce((last, size, i) => last + (size - 1) * (tensor.stride[i] as number), 0) + 1;
    this.name = named.name;
    this.start = tensor.storage.viewOffset * tensor.storage.dtype.bytes + tensor.offset * tensor.dtype.bytes;
    this.end = this.start + extent * tensor.dtype.bytes;
    this.width = tensor.dtype.bytes / numbersPerElement(tensor.dtype);
    this.totals = new RunningTotals(
      extent === tensor.numel ? null : (index) => this.coordinates(index) !== null,
      blockOf,
      Math.max(0, Math.ceil((from - this.start) / this.width)),
    );
  }

  /** The span that this one looks at a stretch of; itself where it looks at all of it. */
  get whole(): Span {
    return this.origin ?? this;
  }

  /** The same for a stretch of the storage alone; null where none of it lies there. */
  within(from: number, to: number): Span | null {
    return this.start < to && this.end > from ? new Span(this.named, this.blockOf, from, this) : null;
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
    if (values) this.totals.add(values);
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
    const { firstNonFinite } = this.totals;
    return `[${(firstNonFinite < 0 ? [] : (this.coordinates(firstNonFinite) ?? [])).join(', ')}]`;
  }
}
