/** Whether a series only grew since it was last looked at, so that what was found in it still holds. */
import type { Series } from '../series';

export class Grown {
  private series: Series | undefined;
  private revision = 0;
  private key = '';

  /** False where what was found is void: another series, one that was cut, or looked at with something else in mind (`key`). */
  since(series: Series, key = ''): boolean {
    const held = series === this.series && series.revision === this.revision && key === this.key;
    this.series = series;
    this.revision = series.revision;
    this.key = key;
    return held;
  }
}
