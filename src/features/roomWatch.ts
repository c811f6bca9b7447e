/** What there is around a run that trains: memory of its GPUs, room on its disk. */
import { newestComplete } from '../core/experiment/checkpoints';
import type { Run } from '../core/experiment/model';
import { freeBytesAt } from '../core/freeSpace';
import type { DeviceMemory, Room } from '../core/metrics/alerts/room';
import type { GpuWatch } from './gpuWatch';

/** A disk does not fill up faster than a person can do something about it. */
const DISK_EVERY_MS = 30_000;

export class RoomWatch {
  private disk: { readonly runPath: string; readonly at: number; readonly freeBytes: number | null } | undefined;

  /** @param gpus of the run, followed by whoever owns it */
  constructor(private readonly gpus: GpuWatch) {}

  /** Asks what has not been asked for a while. */
  async read(run: Run): Promise<Room> {
    const now = performance.now();
    if (this.disk?.runPath !== run.path || now - this.disk.at > DISK_EVERY_MS)
      this.disk = { runPath: run.path, at: now, freeBytes: await freeBytesAt(run.path) };
    return this.known(run);
  }

  /** What was asked last. */
  known(run: Run): Room {
    const freeBytes = this.disk?.runPath === run.path ? this.disk.freeBytes : null;
    const checkpointBytes = newestComplete(run)?.bytes ?? 0;
    return {
      devices: this.gpus.gpus.flatMap(({ index, usedBytes, memoryBytes }): DeviceMemory[] =>
        usedBytes === null || memoryBytes === null ? [] : [{ name: `GPU ${index}`, usedBytes, memoryBytes }],
      ),
      ...(freeBytes === null ? {} : { disk: { freeBytes, checkpointBytes } }),
    };
  }
}
