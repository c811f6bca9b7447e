/** Every way of starting the trainer; the first is what is used unless something else is asked for. */
import type { Launcher } from './launcher';
import { local } from './local';
import { slurm } from './slurm';
import { torchrun } from './torchrun';

const ALL = [local, torchrun, slurm] as const;

export type LauncherKind = (typeof ALL)[number]['kind'];
export type { Launcher } from './launcher';

export const LAUNCHERS: readonly Launcher<LauncherKind>[] = ALL;
export const LAUNCHER_KINDS: readonly LauncherKind[] = ALL.map(({ kind }) => kind);
export const DEFAULT_LAUNCHER: LauncherKind = local.kind;

export function launcherOf(kind: LauncherKind): Launcher<LauncherKind> {
  return LAUNCHERS.find((launcher) => launcher.kind === kind) ?? local;
}
