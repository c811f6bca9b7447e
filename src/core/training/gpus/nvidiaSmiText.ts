/**
 * What nvidia-smi prints, read: it says "[N/A]", "[Not Supported]", "[Insufficient Permissions]", "[Unknown Error]" or "ERR!" for
 * a figure that it does not have, and puts sentences between the rows. Rows are known by a UUID.
 */
import type { Gpu, GpuProcess } from './gpu';

export const GPU_QUERY = ['--query-gpu=uuid,index,name,memory.total,memory.used,utilization.gpu'];
export const PROCESS_QUERY = ['--query-compute-apps=gpu_uuid,pid,used_memory'];
export const ROWS = ['--format=csv,noheader,nounits'];

const MIB = 1024 * 1024;

/** Rows of comma-separated words whose first is a GPU's UUID. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.split(',').map((word) => word.trim()))
    .filter(([uuid = '']) => /^(GPU|MIG)-[0-9a-fA-F]/.test(uuid));
}

function numberOf(word: string | undefined): number | null {
  const found = /^(\d+(\.\d+)?)(\s*(MiB|%))?$/.exec(word ?? '');
  return found === null ? null : Number(found[1]);
}

function bytesOf(word: string | undefined): number | null {
  const mebibytes = numberOf(word);
  return mebibytes === null ? null : mebibytes * MIB;
}

/** The answer to GPU_QUERY. */
export function readGpus(text: string): Gpu[] {
  return rows(text).map(([uuid = '', index = '', name = '', total, used, utilisation]) => {
    const percent = numberOf(utilisation);
    return {
      uuid,
      index,
      name,
      memoryBytes: bytesOf(total),
      usedBytes: bytesOf(used),
      utilisation: percent === null ? null : Math.min(1, percent / 100),
      processes: [],
    };
  });
}

/** The answer to PROCESS_QUERY, by the GPU's UUID. */
export function readProcesses(text: string): Map<string, GpuProcess[]> {
  const found = new Map<string, GpuProcess[]>();
  for (const [uuid = '', pid, used] of rows(text)) {
    const number = numberOf(pid);
    if (number === null) continue;
    found.set(uuid, [...(found.get(uuid) ?? []), { pid: number, memoryBytes: bytesOf(used) }]);
  }
  return found;
}

export interface GpuInstance {
  readonly uuid: string;
  /** Of the GPU that it is a part of. */
  readonly parent: string;
  /** Among the instances of that GPU. */
  readonly device: number;
  /** Such as `1g.10gb`. */
  readonly profile: string;
}

/** The instances of divided GPUs, from `nvidia-smi -L`. */
export function readInstances(text: string): GpuInstance[] {
  const found: GpuInstance[] = [];
  let parent = '';
  for (const line of text.split('\n')) {
    const gpu = /^GPU \d+:.*\(UUID: (GPU-[^)]+)\)/.exec(line);
    if (gpu !== null) parent = gpu[1] ?? '';
    const instance = /^\s+MIG (\S+)\s+Device\s+(\d+):\s+\(UUID: (MIG-[^)]+)\)/.exec(line);
    if (instance === null) continue;
    const [, profile = '', device, uuid = ''] = instance;
    found.push({ uuid, parent, device: Number(device), profile });
  }
  return found;
}

/** Memory and processes of a GPU's instances, by their number, from `nvidia-smi -q -x`; by the GPU's UUID. */
export function readInstanceUse(
  xml: string,
): Map<string, Map<number, Pick<Gpu, 'memoryBytes' | 'usedBytes' | 'processes'>>> {
  const found = new Map<string, Map<number, Pick<Gpu, 'memoryBytes' | 'usedBytes' | 'processes'>>>();
  for (const gpu of elements(xml, 'gpu')) {
    const processes = elements(gpu, 'process_info').filter((each) => (element(each, 'type') ?? 'C').includes('C'));
    const instances = new Map<number, Pick<Gpu, 'memoryBytes' | 'usedBytes' | 'processes'>>();
    for (const instance of elements(gpu, 'mig_device')) {
      const memory = element(instance, 'fb_memory_usage') ?? '';
      const isHere = (each: string): boolean =>
        ['gpu_instance_id', 'compute_instance_id'].every((id) => element(each, id) === element(instance, id));
      instances.set(Number(element(instance, 'index')), {
        memoryBytes: bytesOf(element(memory, 'total')),
        usedBytes: bytesOf(element(memory, 'used')),
        processes: processes.filter(isHere).flatMap((each) => {
          const pid = numberOf(element(each, 'pid'));
          return pid === null ? [] : [{ pid, memoryBytes: bytesOf(element(each, 'used_memory')) }];
        }),
      });
    }
    found.set(element(gpu, 'uuid') ?? '', instances);
  }
  return found;
}

/** The contents of the elements of a name; none of ours is within one of the same name. */
function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>(.*?)</${name}>`, 'gs'))].map(([, inner = '']) => inner);
}

function element(xml: string, name: string): string | undefined {
  return elements(xml, name)[0]?.trim();
}
