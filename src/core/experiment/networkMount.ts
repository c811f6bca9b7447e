/** Whether a folder is on a disk that other machines change, too: there, watching sees only what this machine does. */
import fs from 'node:fs';
import path from 'node:path';
import { isAbsent } from '../files';

/** File system types from statfs(2), by their magic numbers. */
const NETWORK_TYPES = new Map<number, string>([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
]);

/** The network file system's name; null for local disks and where it cannot be told. */
export async function networkMount(folder: string): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    try {
      const { type } = await fs.promises.statfs(at);
      // Node gives the 32-bit magic as a signed number on some systems.
      return NETWORK_TYPES.get(type >>> 0) ?? null;
    } catch (error) {
      // What does not exist yet will be on its parent's disk.
      if (!isAbsent(error) || at === path.dirname(at)) return null;
    }
  }
}

export async function isNetworkMount(folder: string): Promise<boolean> {
  return (await networkMount(folder)) !== null;
}
