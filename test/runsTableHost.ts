/** Stands for the panel of the table of runs: says what it is told to, and notes what the session asks of it. */
import { Lineage } from '../src/core/experiment/lineage';
import type { Run } from '../src/core/experiment/model';
import type { RunsTableHost } from '../src/features/runsTable/session';
import type { RunsCommand } from '../src/protocol/runsTable';

export interface RunsTableHostOptions {
  readonly scanning?: boolean;
  readonly canTrain?: boolean;
  readonly hasFolder?: boolean;
  /** What the workspace keeps. */
  readonly look?: unknown;
}

export class RecordingRunsHost implements RunsTableHost {
  readonly acts: [RunsCommand, readonly string[]][] = [];
  readonly copies: string[] = [];
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
  copy(text: string): void {
    this.copies.push(text);
  }
  log(message: string): void {
    this.logged.push(message);
  }
}
