/** Copies of the committed fixtures for byte surgery, and a zip writer that can lie. */
import { cpSync, lutimesSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { crc32ByTable } from '../../../src/core/torchfile/container/crc32';

export const FIXTURES = join(__dirname, '../../fixtures/checkpoints');

/** Every checkpoint folder among the fixtures, by layout. */
export const CHECKPOINTS = {
  oursDual: 'ours-dual/checkpoint-30',
  oursTriple: 'ours-triple/checkpoint-60',
  field: 'field/checkpoint-24000',
  fieldBoundary: 'field-boundary/checkpoint-20000',
  fieldNumpy1: 'field-numpy1/checkpoint-24000',
  fieldOld: 'field-old/checkpoint-1500',
  fieldMerged: 'field-merged/final',
} as const;

export class Workbench {
  readonly root = mkdtempSync(join(tmpdir(), 'npt-checkpoints-'));
  private count = 0;

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** A fresh copy of a fixture checkpoint, an hour old, so that nothing takes it for one being written. */
  copy(fixture: string, name: string = basename(fixture)): string {
    const target = join(this.root, String(this.count++), name);
    cpSync(join(FIXTURES, fixture), target, { recursive: true });
    this.age(target);
    return target;
  }

  age(folder: string, seconds = 3600): void {
    const time = Date.now() / 1000 - seconds;
    for (const entry of readdirSync(folder)) lutimesSync(join(folder, entry), time, time);
  }

  file(name: string, bytes: Uint8Array | string): string {
    const path = join(this.root, `${this.count++}-${name}`);
    writeFileSync(path, bytes);
    return path;
  }

  /** Rewrites one file of a copied checkpoint and keeps its age. */
  edit(folder: string, name: string, change: (bytes: Buffer) => Uint8Array | string): void {
    writeFileSync(join(folder, name), change(readFileSync(join(folder, name))));
    this.age(folder);
  }
}

export interface ZipEntry {
  name: string;
  data: Uint8Array;
  /** Everything below overrides what is true. */
  localName?: string;
  flags?: number;
  localFlags?: number;
  crc?: number;
  method?: number;
  localMethod?: number;
  size?: number;
  storedSize?: number;
  offset?: number;
}

/** A zip as torch lays it out (flags 0x808, data descriptors), or as an attacker would. */
export function zip(
  entries: readonly ZipEntry[],
  extra: { comment?: Uint8Array; before?: Uint8Array; after?: Uint8Array; gap?: Uint8Array } = {},
): Buffer {
  const parts: Buffer[] = [Buffer.from(extra.before ?? [])];
  const directory: Buffer[] = [];
  let at = parts[0]!.length;
  for (const entry of entries) {
    const flags = entry.flags ?? 0x0808;
    const name = Buffer.from(entry.name);
    const localName = Buffer.from(entry.localName ?? entry.name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(entry.localFlags ?? flags, 6);
    local.writeUInt16LE(entry.localMethod ?? entry.method ?? 0, 8);
    local.writeUInt16LE(localName.length, 26);
    const crc = entry.crc ?? crc32ByTable(entry.data);
    const descriptor = Buffer.alloc(16);
    descriptor.writeUInt32LE(0x08074b50, 0);
    descriptor.writeUInt32LE(crc, 4);
    descriptor.writeUInt32LE(entry.data.length, 8);
    descriptor.writeUInt32LE(entry.data.length, 12);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(flags, 8);
    central.writeUInt16LE(entry.method ?? 0, 10);
    central.writeUInt32LE(crc, 16);
    central.writeUInt32LE(entry.storedSize ?? entry.data.length, 20);
    central.writeUInt32LE(entry.size ?? entry.data.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(entry.offset ?? at, 42);
    directory.push(central, name);
    const record = [local, localName, Buffer.from(entry.data), descriptor, Buffer.from(extra.gap ?? [])];
    parts.push(...record);
    at += record.reduce((sum, part) => sum + part.length, 0);
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(extra.comment?.length ?? 0, 20);
  return Buffer.concat([...parts, central, end, Buffer.from(extra.comment ?? []), Buffer.from(extra.after ?? [])]);
}

/** A torch zip around a pickle, with the storages it names. */
export function torchZip(pickle: Uint8Array, storages: Record<string, Uint8Array> = {}): Buffer {
  return zip(torchEntries(pickle, storages));
}

export function torchEntries(pickle: Uint8Array, storages: Record<string, Uint8Array> = {}): ZipEntry[] {
  return [
    { name: 'archive/data.pkl', data: pickle },
    { name: 'archive/byteorder', data: Buffer.from('little') },
    ...Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data })),
    { name: 'archive/version', data: Buffer.from('3\n') },
  ];
}

/** Pickle bytes from pieces: strings are latin-1, numbers are bytes. */
export function pickle(...pieces: (string | number | Uint8Array)[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) =>
      typeof piece === 'string'
        ? Buffer.from(piece, 'latin1')
        : typeof piece === 'number'
          ? Buffer.from([piece])
          : Buffer.from(piece),
    ),
  );
}

/** BINUNICODE. */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from('X'), length, bytes]);
}

/** BINBYTES. */
export function bytes(value: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  return Buffer.concat([Buffer.from('B'), length, value]);
}

/** The records of a zip: where each one's data lies, read with a second, naive reader of the directory. */
export function recordsOf(file: Buffer): Map<string, { start: number; length: number; directoryAt: number }> {
  const end = file.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  let at = file.readUInt32LE(end + 16);
  const records = new Map<string, { start: number; length: number; directoryAt: number }>();
  for (let i = 0; i < file.readUInt16LE(end + 10); i++) {
    const nameLength = file.readUInt16LE(at + 28);
    const name = file.toString('latin1', at + 46, at + 46 + nameLength);
    const offset = file.readUInt32LE(at + 42);
    const start = offset + 30 + file.readUInt16LE(offset + 26) + file.readUInt16LE(offset + 28);
    records.set(name, { start, length: file.readUInt32LE(at + 24), directoryAt: at });
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return records;
}

/**
 * A dict with one tensor `w`: a torch pickle by hand. `mark` is what torch notes of a change of sign that it put off; without
 * one there is no note at all, as in older torch.
 */
export function oneTensor(
  storage: string,
  numel: number,
  shape: number[],
  stride: number[],
  { offset = 0, mark }: { readonly offset?: number; readonly mark?: 'conj' | 'neg' | null } = {},
): Buffer {
  const integers = (values: number[]): Buffer => pickle('(', ...values.map((value) => pickle(`I${value}\n`)), 't');
  return pickle(
    '\x80\x02}',
    text('w'),
    'ctorch._utils\n_rebuild_tensor_v2\n((',
    text('storage'),
    `ctorch\n${storage}\n`,
    text('0'),
    text('cpu'),
    `I${numel}\ntQI${offset}\n`,
    integers(shape),
    integers(stride),
    '\x89ccollections\nOrderedDict\n)R',
    mark ? pickle('}', text(mark), '\x88s') : '',
    'tRs.',
  );
}
