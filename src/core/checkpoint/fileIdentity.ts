/** Tells whether the file on disk is still the one that was read. */
export interface FileIdentity {
  readonly bytes: number;
  /** Milliseconds since 1970, with the fraction that the file system keeps. */
  readonly modified: number;
  readonly inode: number;
}

export function sameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.bytes === b.bytes && a.modified === b.modified && a.inode === b.inode;
}
