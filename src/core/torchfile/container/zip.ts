/**
 * A torch zip by its central directory (APPNOTE 6.3, caffe2/serialize/inline_container.cc). Written for this one purpose,
 * because general zip libraries smooth over exactly the tricks by which scanners were bypassed: duplicate records, names
 * and flags that differ between the two headers, bytes that belong to nothing (CVE-2025-1889, -1944, -1945, -10156).
 */
import { quoted, type FileProblem, type FileProblemCode } from '../problems';
import { readBytes, type ByteSource } from './source';

export interface ZipRecord {
  readonly name: string;
  /** Of the local header. */
  readonly offset: number;
  /** Bytes in the file. */
  readonly storedBytes: number;
  /** Bytes after decompression; the same for the stored records that torch writes. */
  readonly bytes: number;
  readonly crc: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly flags: number;
  /** Where the data begins; -1 until the local header was read, or when it is unreadable. */
  dataStart: number;
}

export interface ZipContents {
  readonly records: readonly ZipRecord[];
  readonly problems: readonly FileProblem[];
  /** Offset of the central directory. */
  readonly directoryStart: number;
}

const END_BYTES = 22;
const MAX_COMMENT = 0xffff;
/** A checkpoint of an 8B model has a few thousand records. */
const MAX_RECORDS = 200_000;
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** Of the external attributes, as MS-DOS had them and whatever system wrote the entry (miniz, which torch reads with). */
const DIRECTORY_ATTRIBUTE = 0x10;

const ENCRYPTION_FLAGS = 0x0001 | 0x0040 | 0x2000;
/** Data descriptor, UTF-8 names and the two deflate level bits: what ordinary writers set. */
const ORDINARY_FLAGS = 0x0008 | 0x0800 | 0x0006;

class Reader {
  readonly problems: FileProblem[] = [];
  private readonly counted = new Map<FileProblemCode, number>();

  /** At most three of a kind: ten thousand wrong headers are one piece of news. */
  problem(code: FileProblemCode, message: string): void {
    const count = (this.counted.get(code) ?? 0) + 1;
    this.counted.set(code, count);
    if (count <= 3) this.problems.push({ code, message });
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}

/** 64-bit value as a number; Infinity beyond what JavaScript counts exactly, which fails every bounds check. */
function u64(bytes: Uint8Array, at: number): number {
  const value = u32(bytes, at) + u32(bytes, at + 4) * 2 ** 32;
  return Number.isSafeInteger(value) ? value : Infinity;
}

interface Directory {
  readonly start: number;
  readonly bytes: number;
  readonly count: number;
  /** Where the first end record (zip64's or the plain one) begins. */
  readonly endsAt: number;
}

/**
 * Reads the directory and, unless `only` says which records matter, every local header.
 * Never throws for bad content: `problems` says what is wrong, and `records` has what could be read all the same.
 */
export async function readZip(
  source: ByteSource,
  only: ((name: string) => boolean) | null = null,
): Promise<ZipContents> {
  const reader = new Reader();
  const directory = await findDirectory(source, reader);
  if (!directory) return { records: [], problems: reader.problems, directoryStart: source.size };
  const records = await readDirectory(source, directory, reader);
  checkNames(records, reader);
  const wanted = only ? records.filter((record) => only(record.name)) : records;
  await readLocalHeaders(source, wanted, directory.start, reader);
  if (!only) checkLayout(records, directory, reader);
  return { records, problems: reader.problems, directoryStart: directory.start };
}

async function findDirectory(source: ByteSource, reader: Reader): Promise<Directory | null> {
  const tailBytes = Math.min(source.size, END_BYTES + MAX_COMMENT + 76);
  const tailStart = source.size - tailBytes;
  const tail = await readBytes(source, tailStart, tailBytes);
  let at = tail.length - END_BYTES;
  while (at >= 0 && u32(tail, at) !== 0x06054b50) at--;
  if (at < 0) {
    reader.problem(
      'truncated',
      `The file ends without a zip directory: its end is missing (${source.size} bytes are there).`,
    );
    return null;
  }
  const endAt = tailStart + at;
  if (endAt + END_BYTES + u16(tail, at + 20) !== source.size) {
    reader.problem(
      'trailing-data',
      `${source.size - endAt - END_BYTES} bytes after the end of the zip archive belong to nothing.`,
    );
  } else if (u16(tail, at + 20) > 0) {
    reader.problem(
      'trailing-data',
      `The zip archive carries a comment of ${u16(tail, at + 20)} bytes, which torch never writes.`,
    );
  }
  let start = u32(tail, at + 16);
  let bytes = u32(tail, at + 12);
  let count = u16(tail, at + 10);
  let endsAt = endAt;
  let volumes = u16(tail, at + 4) !== 0 || u16(tail, at + 6) !== 0;
  let countHere = u16(tail, at + 8);
  const locatorAt = at - 20;
  if (locatorAt >= 0 && u32(tail, locatorAt) === 0x07064b50) {
    volumes ||= u32(tail, locatorAt + 4) !== 0 || u32(tail, locatorAt + 16) !== 1;
    const zip64At = u64(tail, locatorAt + 8);
    const zip64 = zip64At + 56 <= endAt ? await readBytes(source, zip64At, 56) : null;
    if (zip64?.length === 56 && u32(zip64, 0) === 0x06064b50) {
      const wide = { count: u64(zip64, 32), bytes: u64(zip64, 40), start: u64(zip64, 48) };
      const disagrees =
        (count !== 0xffff && count !== wide.count) ||
        (bytes !== 0xffffffff && bytes !== wide.bytes) ||
        (start !== 0xffffffff && start !== wide.start);
      if (disagrees)
        reader.problem('zip-central-directory', 'The two end records of the zip archive name different directories.');
      volumes ||= u32(zip64, 16) !== 0 || u32(zip64, 20) !== 0;
      countHere = u64(zip64, 24);
      ({ count, bytes, start } = wide);
      endsAt = zip64At;
    } else {
      reader.problem('zip-central-directory', 'The zip64 end record is not where its locator says.');
    }
  } else if (count === 0xffff || bytes === 0xffffffff || start === 0xffffffff) {
    reader.problem('zip-central-directory', 'The zip archive needs zip64 records and has none.');
  }
  // One flipped bit in any of these fields is enough for torch to refuse the file.
  if (volumes || countHere !== count)
    reader.problem('zip-central-directory', 'The zip archive claims to be one of several volumes.');
  if (start + bytes > endsAt) {
    reader.problem('zip-central-directory', 'The zip directory lies outside the file.');
    return null;
  }
  if (start + bytes !== endsAt) {
    reader.problem(
      'zip-hidden-bytes',
      `${endsAt - start - bytes} bytes between the zip directory and its end record belong to nothing.`,
    );
  }
  if (count > MAX_RECORDS || bytes > MAX_DIRECTORY_BYTES) {
    reader.problem(
      'pickle-limit',
      `The zip directory lists ${count} records in ${bytes} bytes, more than any checkpoint has.`,
    );
    return null;
  }
  return { start, bytes, count, endsAt };
}

async function readDirectory(source: ByteSource, directory: Directory, reader: Reader): Promise<ZipRecord[]> {
  const bytes = await readBytes(source, directory.start, directory.bytes);
  const records: ZipRecord[] = [];
  let at = 0;
  while (records.length < directory.count) {
    if (at + 46 > bytes.length || u32(bytes, at) !== 0x02014b50) {
      reader.problem('zip-central-directory', `Entry ${records.length} of the zip directory is damaged.`);
      break;
    }
    const nameBytes = u16(bytes, at + 28);
    const extraBytes = u16(bytes, at + 30);
    const commentBytes = u16(bytes, at + 32);
    const next = at + 46 + nameBytes + extraBytes + commentBytes;
    if (next > bytes.length) {
      reader.problem('zip-central-directory', `Entry ${records.length} of the zip directory is cut off.`);
      break;
    }
    if (u16(bytes, at + 34) !== 0) {
      reader.problem('zip-central-directory', `Entry ${records.length} of the zip directory names another volume.`);
    }
    const name = Buffer.from(bytes.buffer, bytes.byteOffset + at + 46, nameBytes).toString('utf8');
    // torch takes a directory's content for empty, and a tensor there is whatever was in memory before.
    if (u32(bytes, at + 38) & DIRECTORY_ATTRIBUTE)
      reader.problem('zip-flags', `Record ${quoted(name)} is marked as a directory, whose data readers pass over.`);
    const extra = bytes.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
    const sizes = wideSizes(extra, u32(bytes, at + 24), u32(bytes, at + 20), u32(bytes, at + 42));
    records.push({
      name,
      offset: sizes.offset,
      storedBytes: sizes.stored,
      bytes: sizes.size,
      crc: u32(bytes, at + 16),
      method: u16(bytes, at + 10),
      flags: u16(bytes, at + 8),
      dataStart: -1,
    });
    at = next;
  }
  if (records.length === directory.count && at !== bytes.length) {
    reader.problem('zip-central-directory', `The zip directory has ${bytes.length - at} bytes after its last entry.`);
  }
  return records;
}

/** Sizes and offset that do not fit 32 bits are in extra field 1, in this order, only those that overflowed. */
function wideSizes(
  extra: Uint8Array,
  size: number,
  stored: number,
  offset: number,
): { size: number; stored: number; offset: number } {
  let at = 0;
  while (at + 4 <= extra.length) {
    const id = u16(extra, at);
    const length = u16(extra, at + 2);
    if (id === 1 && at + 4 + length <= extra.length) {
      let field = at + 4;
      const end = field + length;
      const take = (value: number): number => {
        if (value !== 0xffffffff) return value;
        if (field + 8 > end) return Infinity;
        field += 8;
        return u64(extra, field - 8);
      };
      return { size: take(size), stored: take(stored), offset: take(offset) };
    }
    at += 4 + length;
  }
  return { size, stored, offset };
}

function checkNames(records: readonly ZipRecord[], reader: Reader): void {
  const seen = new Set<string>();
  for (const record of records) {
    // torch's reader finds records without regard to case (miniz's default), so that is when two are the same.
    const key = record.name.toLowerCase();
    if (seen.has(key))
      reader.problem(
        'zip-duplicate-record',
        `There are two records named ${quoted(record.name)}: readers disagree which one counts.`,
      );
    seen.add(key);
    if (record.flags & ENCRYPTION_FLAGS || record.method === 99) {
      reader.problem('encrypted', `Record ${quoted(record.name)} is marked as encrypted.`);
    } else if (record.flags & ~ORDINARY_FLAGS) {
      reader.problem('zip-flags', `Record ${quoted(record.name)} has unusual flags (0x${record.flags.toString(16)}).`);
    }
    if (record.method === 8)
      reader.problem('zip-compressed', `Record ${quoted(record.name)} is compressed, which torch never does.`);
    else if (record.method !== 0 && record.method !== 99) {
      reader.problem(
        'zip-compression-method',
        `Record ${quoted(record.name)} is compressed by a method (${record.method}) that torch cannot read.`,
      );
    } else if (record.method === 0 && record.storedBytes !== record.bytes) {
      reader.problem('zip-header-mismatch', `Record ${quoted(record.name)} is stored, yet has two different sizes.`);
    }
  }
}

const HEADER_BYTES = 30;
/** Local headers read at the same time where reading is asynchronous. */
const AT_ONCE = 32;

async function readLocalHeaders(
  source: ByteSource,
  records: readonly ZipRecord[],
  limit: number,
  reader: Reader,
): Promise<void> {
  for (let i = 0; i < records.length; i += AT_ONCE) {
    await Promise.all(records.slice(i, i + AT_ONCE).map((record) => readLocalHeader(source, record, limit, reader)));
  }
}

async function readLocalHeader(source: ByteSource, record: ZipRecord, limit: number, reader: Reader): Promise<void> {
  const name = quoted(record.name);
  const nameBytes = Buffer.byteLength(record.name);
  if (record.offset + HEADER_BYTES > limit) {
    reader.problem('zip-record-bounds', `Record ${name} begins outside the file.`);
    return;
  }
  const header = await readBytes(source, record.offset, HEADER_BYTES + nameBytes);
  if (header.length < HEADER_BYTES || u32(header, 0) !== 0x04034b50) {
    reader.problem('zip-header-mismatch', `Record ${name} does not begin with a zip record header.`);
    return;
  }
  const start = record.offset + HEADER_BYTES + u16(header, 26) + u16(header, 28);
  if (start + record.storedBytes > limit) {
    reader.problem('zip-record-bounds', `Record ${name} reaches beyond the end of the archive's data.`);
    return;
  }
  record.dataStart = start;
  const localName = Buffer.from(header.buffer, header.byteOffset + HEADER_BYTES, header.length - HEADER_BYTES).toString(
    'utf8',
  );
  if (u16(header, 26) !== nameBytes || localName !== record.name) {
    reader.problem('zip-name-mismatch', `Record ${name} has another name in front of its data.`);
  }
  const flags = u16(header, 6);
  if (flags & ENCRYPTION_FLAGS && !(record.flags & ENCRYPTION_FLAGS)) {
    reader.problem('zip-flags', `Record ${name} is marked as encrypted in one header and not in the other.`);
  } else if (flags !== record.flags) {
    reader.problem('zip-flags', `Record ${name} has different flags in its two headers.`);
  }
  if (u16(header, 8) !== record.method)
    reader.problem('zip-header-mismatch', `Record ${name} has different compression methods in its two headers.`);
  // torch writes zeros here and the real values behind the data; other writers repeat them.
  const [crc, stored, size] = [u32(header, 14), u32(header, 18), u32(header, 22)];
  const differs = (local: number, central: number): boolean => local !== 0 && local !== 0xffffffff && local !== central;
  if (differs(crc, record.crc) || differs(stored, record.storedBytes) || differs(size, record.bytes)) {
    reader.problem('zip-header-mismatch', `Record ${name} has different sizes or checksums in its two headers.`);
  }
}

/** Lengths of a data descriptor: none, or CRC and two sizes of 4 or 8 bytes, with or without a signature. */
const DESCRIPTORS = new Set([0, 12, 16, 20, 24]);

/** The records must tile the file from its first byte to the directory, without overlaps and without anything between. */
function checkLayout(records: readonly ZipRecord[], directory: Directory, reader: Reader): void {
  const ordered = records.filter((record) => record.dataStart >= 0).sort((a, b) => a.offset - b.offset);
  let end = 0;
  let previous: ZipRecord | null = null;
  for (const record of ordered) {
    checkGap(end, record.offset, previous, record.name, reader);
    end = Math.max(end, record.dataStart + record.storedBytes);
    previous = record;
  }
  if (previous && ordered.length === records.length) checkGap(end, directory.start, previous, null, reader);
}

function checkGap(end: number, next: number, previous: ZipRecord | null, name: string | null, reader: Reader): void {
  const gap = next - end;
  if (gap < 0) {
    reader.problem(
      'zip-overlap',
      `Record ${quoted(previous?.name ?? '')} overlaps ${name === null ? 'the directory' : quoted(name)}.`,
    );
  } else if (gap > 0 && !(previous !== null && DESCRIPTORS.has(gap))) {
    reader.problem(
      'zip-hidden-bytes',
      `${gap} bytes ${previous ? `after record ${quoted(previous.name)}` : 'before the first record'} belong to nothing.`,
    );
  }
}
