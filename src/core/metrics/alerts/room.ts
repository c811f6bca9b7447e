/** Memory and disk around a run that trains: when there is little left of them. */
import { formatBytes } from '../../format';
import type { Alert } from './alert';
import type { AlertThresholds } from './thresholds';

export interface DeviceMemory {
  /** As a person knows it: `GPU 0`. */
  readonly name: string;
  readonly usedBytes: number;
  readonly memoryBytes: number;
}

/** What there is around a run; missing where nothing tells. */
export interface Room {
  readonly devices?: readonly DeviceMemory[];
  /** Free on the run's disk for who trains, and how large its newest checkpoint is (0: unknown). */
  readonly disk?: { readonly freeBytes: number; readonly checkpointBytes: number };
}

/** Memory that is in use for so long is no passing peak. Seconds. */
const LASTS_SECONDS = 20;
/** Per cent below the limit at which it is over: a figure that goes up and down at it is one alert. */
const APART = 3;
/** Fewer checkpoints than this fit beside what is there: the next save takes one, and one more while it is renamed. */
const FEWEST_CHECKPOINTS = 2;

export class RoomLeft {
  /** When and at which step memory was first seen near its limit, and whether that lasted. */
  private full: { readonly since: number; readonly step: number; readonly told: boolean } | undefined;
  private diskStep: number | undefined;

  constructor(private readonly thresholds: AlertThresholds) {}

  /** @param step the newest of the run; @param now Unix seconds */
  find({ devices, disk }: Room, step: number, now: number): Alert[] {
    return [...this.memory(devices ?? [], step, now), ...this.disk(disk, step)];
  }

  private memory(devices: readonly DeviceMemory[], step: number, now: number): Alert[] {
    const { gpuMemoryPercent } = this.thresholds;
    const percent = ({ usedBytes, memoryBytes }: DeviceMemory): number => (100 * usedBytes) / memoryBytes;
    const [fullest] = [...devices].sort((a, b) => percent(b) - percent(a));
    const limit = gpuMemoryPercent - (this.full?.told === true ? APART : 0);
    if (gpuMemoryPercent === 0 || fullest === undefined || !(percent(fullest) >= limit)) {
      this.full = undefined;
      return [];
    }
    this.full ??= { since: now, step, told: false };
    if (!this.full.told && now - this.full.since < LASTS_SECONDS) return [];
    this.full = { ...this.full, told: true };
    const { name, usedBytes, memoryBytes } = fullest;
    const detail = `${formatBytes(usedBytes)} of ${formatBytes(memoryBytes)} in use (${Math.floor(percent(fullest))} %): a longer batch or an evaluation may not fit`;
    return [
      {
        kind: 'gpuMemory',
        step: this.full.step,
        title: `Memory of ${name} is nearly full`,
        detail,
        value: usedBytes,
        present: true,
      },
    ];
  }

  private disk(disk: Room['disk'], step: number): Alert[] {
    const { diskFreeGB } = this.thresholds;
    const least = Math.max(diskFreeGB * 1e9, FEWEST_CHECKPOINTS * (disk?.checkpointBytes ?? 0));
    if (diskFreeGB === 0 || disk === undefined || disk.freeBytes >= least) {
      this.diskStep = undefined;
      return [];
    }
    this.diskStep ??= step;
    const { freeBytes, checkpointBytes } = disk;
    const size = checkpointBytes > 0 ? `; a checkpoint takes ${formatBytes(checkpointBytes)}` : '';
    const detail = `${formatBytes(freeBytes)} free${size}: a save that does not fit ends the run`;
    return [
      { kind: 'disk', step: this.diskStep, title: 'Disk is nearly full', detail, value: freeBytes, present: true },
    ];
  }
}
