/** How much of several GPUs is used, together, and how that is said. */
import { formatBytes } from '../../format';
import type { Gpu } from './gpu';

/** A run's GPUs together. Memory in bytes, of all programs that use them; null: the driver does not say. */
export interface GpuUse {
  /** As nvidia-smi counts them, with their models: `GPU 0: NVIDIA H100`. */
  readonly names: readonly string[];
  readonly usedBytes: number | null;
  readonly memoryBytes: number | null;
  /** Mean share of the last second or so in which they computed, 0 to 1. */
  readonly utilisation: number | null;
}

/** What these GPUs are used, together; null for none. */
export function useOfGpus(gpus: readonly Gpu[]): GpuUse | null {
  if (gpus.length === 0) return null;
  const all = (of: (gpu: Gpu) => number | null): number | null => {
    const values = gpus.map(of).filter((value) => value !== null);
    return values.length < gpus.length ? null : values.reduce((sum, value) => sum + value, 0);
  };
  const utilisation = all((gpu) => gpu.utilisation);
  return {
    names: gpus.map(({ index, name }) => `GPU ${index}: ${name}`),
    usedBytes: all((gpu) => gpu.usedBytes),
    memoryBytes: all((gpu) => gpu.memoryBytes),
    utilisation: utilisation === null ? null : utilisation / gpus.length,
  };
}

/** The figures in a few words, `61.2 / 85.5 GB · 87 %`; empty where the driver says nothing. */
export function gpuUseText({ usedBytes, memoryBytes, utilisation }: GpuUse): string {
  const used = usedBytes === null ? [] : [memoryWords(usedBytes, memoryBytes).join(' ')];
  const busy = utilisation === null ? [] : [`${Math.round(utilisation * 100)} %`];
  return [...used, ...busy].join(' · ');
}

/** Memory in use as a figure and what stands beside it: `61.2` and `/ 85.5 GB`. */
export function memoryWords(used: number, total: number | null): [figure: string, beside: string] {
  const [figure = '', unit = ''] = formatBytes(used).split(' ');
  if (total === null) return [figure, unit];
  const whole = formatBytes(total);
  return [figure, whole.endsWith(` ${unit}`) ? `/ ${whole}` : `${unit} / ${whole}`];
}
