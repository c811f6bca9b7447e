/** The GPUs of this machine that CUDA programs can use, and which of them are free. */
import limits from '../../../../supervisor/gpus.json';

export interface GpuProcess {
  readonly pid: number;
  readonly memoryBytes: number | null;
}

/** A GPU, or an instance of one that is divided (MIG): what CUDA_VISIBLE_DEVICES names. */
export interface Gpu {
  readonly uuid: string;
  /** As nvidia-smi counts: `0`, and `0:1` for an instance of GPU 0. */
  readonly index: string;
  readonly name: string;
  /** Null: the driver does not say. */
  readonly memoryBytes: number | null;
  readonly usedBytes: number | null;
  /** Share of the last second or so in which it computed, 0 to 1; an instance's is not told. */
  readonly utilisation: number | null;
  /** The compute processes; those of other containers may be missing. */
  readonly processes: readonly GpuProcess[];
}

/**
 * Whether nobody computes on it. Processes in other containers are not listed, and show in memory and utilisation alone; a
 * desktop uses a little of both, which is why a little is nothing.
 */
export function isFree({ processes, memoryBytes, usedBytes, utilisation }: Gpu): boolean {
  if (processes.length > 0) return false;
  if (memoryBytes !== null && usedBytes !== null && usedBytes > limits.freeMemoryShare * memoryBytes) return false;
  return (utilisation ?? 0) <= limits.freeUtilisation;
}

/**
 * The GPUs to propose for a run: free ones, with the most memory free first; in nvidia-smi's order where that is equal.
 *
 * @param taken UUIDs of GPUs that somebody will use in a moment
 */
export function freeGpus(gpus: readonly Gpu[], taken: ReadonlySet<string> = new Set()): Gpu[] {
  const left = (gpu: Gpu): number => (gpu.memoryBytes ?? 0) - (gpu.usedBytes ?? 0);
  return gpus.filter((gpu) => isFree(gpu) && !taken.has(gpu.uuid)).sort((a, b) => left(b) - left(a));
}

/** The variable that makes a program see these GPUs alone; none of them: the CPU. */
export function visibleDevices(gpus: readonly Pick<Gpu, 'uuid'>[]): { readonly CUDA_VISIBLE_DEVICES: string } {
  return { CUDA_VISIBLE_DEVICES: gpus.map(({ uuid }) => uuid).join(',') };
}

/**
 * Which of these GPUs a CUDA_VISIBLE_DEVICES lets a program see: by number, by UUID or by the beginning of one. As CUDA does,
 * nothing from the first name on that fits none.
 */
export function visibleGpus(gpus: readonly Gpu[], devices: string): Gpu[] {
  const seen: Gpu[] = [];
  for (const word of devices.split(',').map((each) => each.trim())) {
    const found = /^\d+$/.test(word)
      ? gpus.find(({ index }) => index === word)
      : gpus.find(({ uuid }) => word.length > 4 && uuid.startsWith(word));
    if (found === undefined) break;
    if (!seen.includes(found)) seen.push(found);
  }
  return seen;
}
