/** What a page asks to have done: a command on a run or checkpoint, two runs' difference, a file to be saved. */
import { csvCell } from '../../core/csv';
import type { Series } from '../../core/metrics/series';
import type { ActMessage, CompareMessage, HostMessage, SaveMessage } from '../../protocol/dashboard';
import { differenceOf } from './facts';
import { runAt, type SessionHost } from './host';
import type { ShownMetrics } from './shownMetrics';

export class PageActions {
  constructor(
    private readonly host: SessionHost,
    private readonly metrics: ShownMetrics,
  ) {}

  /** Only on what the model knows: a page cannot make the host act on any path it likes. */
  act({ command, path }: ActMessage): void {
    const isKnown = this.host
      .runs()
      .some(
        (run) => run.path === path || run.final?.path === path || run.checkpoints.some((each) => each.path === path),
      );
    if (isKnown) this.host.act(command, path);
  }

  /** How the run differs from another one; undefined where either is gone. */
  compare(runPath: string, { request, other }: CompareMessage): HostMessage | undefined {
    const [here, there] = [runAt(this.host, runPath), runAt(this.host, other)];
    if (here === undefined || there === undefined) return undefined;
    return { type: 'difference', request, other, ...differenceOf(here, there, this.host.lineage()) };
  }

  save(message: SaveMessage): void {
    this.host.save(message, () => this.contentOf(message));
  }

  private async contentOf(message: SaveMessage): Promise<string | Uint8Array> {
    if (message.format === 'png') return Buffer.from(message.content, 'base64');
    if (message.format !== 'csv') return message.content;
    const runs = message.runs.flatMap((path) => runAt(this.host, path) ?? []);
    await this.metrics.read(runs.map((run) => run.path));
    return csvOf(runs.map(({ name, path }) => ({ name, series: this.metrics.of(path).series(message.metric) })));
  }
}

function csvOf(runs: readonly { readonly name: string; readonly series: Series | undefined }[]): string {
  const lines = ['run,step,time,value'];
  for (const { name, series } of runs) {
    if (series === undefined) continue;
    const cell = csvCell(name);
    const { steps, times, values } = series;
    for (let index = 0; index < steps.length; index += 1) {
      const time = times[index] as number;
      lines.push(`${cell},${steps[index] as number},${Number.isNaN(time) ? '' : time},${values[index] as number}`);
    }
  }
  return lines.join('\n') + '\n';
}
