import { PacedDisk } from '../../../src/core/experiment/disk';

/** A disk that remembers which paths it was asked about, but for the content of files. */
export class CountingDisk extends PacedDisk {
  /** In the order of asking; emptied by who looks. */
  asked: string[] = [];
  /** Of these, the folders whose files were looked at with their sizes: checkpoints. */
  lookedInto: string[] = [];

  override list(folder: string): ReturnType<PacedDisk['list']> {
    this.asked.push(folder);
    return super.list(folder);
  }

  override listWithStats(folder: string): ReturnType<PacedDisk['listWithStats']> {
    this.asked.push(folder);
    this.lookedInto.push(folder);
    return super.listWithStats(folder);
  }

  override stat(target: string): ReturnType<PacedDisk['stat']> {
    this.asked.push(target);
    return super.stat(target);
  }
}
