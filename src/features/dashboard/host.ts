/** What a dashboard needs from around it, without VS Code: panel.ts gives it, and the tests give their own. */
import type { Lineage } from '../../core/experiment/lineage';
import type { Run } from '../../core/experiment/model';
import type { AlertThresholds } from '../../core/metrics/alerts/thresholds';
import type { GpuMonitor } from '../../core/training/gpus/gpuMonitor';
import type { HostMessage, RunCommand, SaveMessage } from '../../protocol/dashboard';
import type { Addressed } from '../../protocol/requests';

export interface SessionHost {
  post(message: HostMessage & Addressed): void;
  /** Runs of every opened workspace, as of the last scan. */
  runs(): readonly Run[];
  /** Who branched from whom among them. */
  lineage(): Lineage;
  /** The first scan is not over. */
  scanning(): boolean;
  canTrain(): boolean;
  /** This machine's GPUs. */
  readonly gpus: GpuMonitor;
  /** From when on something is an alert, as it is set now. */
  thresholds(): AlertThresholds;
  /** Paths of checkpoints that were validated and are not valid. */
  notValid(): ReadonlyMap<string, unknown>;
  act(command: RunCommand, path: string): void;
  /** `content` is the file's; it asks the user where to. */
  save(request: SaveMessage, content: () => Promise<string | Uint8Array>): void;
  /** The page is about another run now. */
  focused(run: Run): void;
  log(message: string): void;
}

export function runAt(host: SessionHost, path: string): Run | undefined {
  return host.runs().find((run) => run.path === path);
}
