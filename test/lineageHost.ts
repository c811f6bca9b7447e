/** Stands for the panel of the lineage: says what it is told to, and notes what the session asks of it. */
import { Lineage } from '../src/core/experiment/lineage';
import type { Run } from '../src/core/experiment/model';
import type { LineageHost } from '../src/features/lineage/session';
import type { LaneCommand } from '../src/protocol/lineage';

export interface LineageHostOptions {
  readonly scanning?: boolean;
  readonly hasFolder?: boolean;
}

export class RecordingLineageHost implements LineageHost {
  readonly acts: [LaneCommand, string][] = [];
  readonly logged: string[] = [];

  /** @param known the runs that a scan would have found; may be others later */
  constructor(
    readonly post: LineageHost['post'],
    public known: readonly Run[],
    private readonly options: LineageHostOptions = {},
  ) {}

  runs(): readonly Run[] {
    return this.known;
  }
  lineage(): Lineage {
    return new Lineage([{ runs: this.known }]);
  }
  scanning(): boolean {
    return this.options.scanning ?? false;
  }
  hasFolder(): boolean {
    return this.options.hasFolder ?? true;
  }
  act(command: LaneCommand, path: string): void {
    this.acts.push([command, path]);
  }
  log(message: string): void {
    this.logged.push(message);
  }
}
