/**
 * What something takes of its disk, and what deleting it frees: in the file system's own blocks, and each file once, however
 * many names (hard links) lead to it. Looked up when somebody asks: it takes a call a file, which a scan does not.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** What stat calls a block, whatever the file system's own are. */
const BLOCK_BYTES = 512;

/** A file, a folder without what is in it, or a link without what it leads to. */
export interface DiskItem {
  /** Two names with one key are one file. */
  readonly key: string;
  readonly bytes: number;
  /** How many names lead to it, wherever they are. */
  readonly names: number;
}

/** Everything at and below a path. What goes meanwhile, or may not be looked at, takes nothing. */
export async function diskItems(place: string, signal?: AbortSignal): Promise<DiskItem[]> {
  signal?.throwIfAborted();
  const found = await lstat(place, { bigint: true }).catch(() => null);
  if (found === null) return [];
  if (!found.isDirectory()) return [{ key: keyOf(found), bytes: bytesOf(found), names: Number(found.nlink) }];
  const names = await readdir(place).catch(() => []);
  const inside = await Promise.all(names.map((name) => diskItems(path.join(place, name), signal)));
  // A folder's links are those of the folders in it: nothing else leads to it.
  return [{ key: keyOf(found), bytes: bytesOf(found), names: 1 }, ...inside.flat()];
}

/** What these take together. */
export function bytesUsed(items: Iterable<DiskItem>): number {
  let bytes = 0;
  for (const { item } of counted(items).values()) bytes += item.bytes;
  return bytes;
}

/** What is free once all of these are deleted: a file that one more name leads to frees nothing. */
export function bytesFreed(items: Iterable<DiskItem>): number {
  let bytes = 0;
  for (const { item, seen } of counted(items).values()) if (seen >= item.names) bytes += item.bytes;
  return bytes;
}

function counted(items: Iterable<DiskItem>): ReadonlyMap<string, { readonly item: DiskItem; seen: number }> {
  const files = new Map<string, { readonly item: DiskItem; seen: number }>();
  for (const item of items) {
    const known = files.get(item.key);
    if (known === undefined) files.set(item.key, { item, seen: 1 });
    else known.seen += 1;
  }
  return files;
}

function keyOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function bytesOf(found: BigIntStats): number {
  // Not every platform tells blocks; there the length has to do.
  const { blocks, size } = found as Pick<BigIntStats, 'size'> & Partial<Pick<BigIntStats, 'blocks'>>;
  return blocks === undefined ? Number(size) : Number(blocks) * BLOCK_BYTES;
}
