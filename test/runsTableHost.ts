/** Stands for the panel of the table of runs: says what it is told to, and notes what the session asks of it. */
import { Lineage } from '../src/core/experiment/lineage';
import type { Run } from '../src/core/experiment/model';
import type { MetricFigures } from '../src/core/metrics/better';
import type { ReadsMetrics } from '../src/features/runsTable/figures';
import type { RunsTableHost } from '../src/features/runsTable/session';
import type { RunsCommand } from '../src/protocol/runsTable';

export interface RunsTableHostOptions {
  readonly scanning?: boolean;
  readonly canTrain?: boolean;
  readonly hasFolder?: boolean;
  /** What the workspace keeps. */
  readonly look?: unknown;
  /** What a run logged, by metric; left out: nothing. */
  readonly logged?: (runPath: string) => Readonly<Record<string, MetricFigures>>;
}

export class RecordingRunsHost implements RunsTableHost {
  readonly acts: [RunsCommand, readonly string[]][] = [];
  readonly copies: string[] = [];
  /** Paths of the runs whose metrics were read, as often as they were. */
  readonly read: string[] = [];
  readonly logged: string[] = [];
  private look: unknown;

  /** @param known the runs that a scan would have found; may be others later */
  constructor(
    readonly post: RunsTableHost['post'],
    public known: readonly Run[],
    private readonly options: RunsTableHostOptions = {},
  ) {
    this.look = options.look;
  }

  runs(): readonly Run[] {
    return this.known;
  }
  lineage(): Lineage {
    return new Lineage([{ runs: this.known }]);
  }
  scanning(): boolean {
    return this.options.scanning ?? false;
  }
  canTrain(): boolean {
    return this.options.canTrain ?? true;
  }
  hasFolder(): boolean {
    return this.options.hasFolder ?? true;
  }
  kept(): unknown {
    return this.look;
  }
  keep(look: unknown): void {
    this.look = look;
  }
  act(command: RunsCommand, paths: readonly string[]): void {
    this.acts.push([command, paths]);
  }
  metricsOf(runPath: string): ReadsMetrics {
    return {
      read: (metrics) => {
        this.read.push(runPath);
        const all = Object.entries(this.options.logged?.(runPath) ?? {});
        return Promise.resolve(new Map(all.filter(([name]) => metrics.includes(name))));
      },
    };
  }
  metricsLoggedBy(runPath: string): Promise<readonly string[]> {
    return Promise.resolve(Object.keys(this.options.logged?.(runPath) ?? {}));
  }
  copy(text: string): void {
    this.copies.push(text);
  }
  log(message: string): void {
    this.logged.push(message);
  }
}
