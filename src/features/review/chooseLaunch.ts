/** With which launcher and on which devices a review's plans train. */
import * as vscode from 'vscode';
import { formatBytes } from '../../core/format';
import { isFree, type Gpu } from '../../core/training/gpus/gpu';
import { readGpusHere } from '../../core/training/gpus/nvidiaSmi';
import { LAUNCHERS, readLaunch, type LaunchChoice, type LauncherKind } from '../../core/training/launchers';
import { deviceChange } from '../../core/training/plan/deviceChange';
import type { Plan } from '../../core/training/plan/plan';
import { pick, type PickRow } from '../../platform/picks';
import type { ChosenLaunch } from '../training/plans';

interface LaunchRow extends PickRow {
  readonly kind?: LauncherKind;
  readonly choice?: LaunchChoice;
}

export interface ChosenDevices {
  readonly launch: ChosenLaunch;
  /** Arguments of the trainer that go with it, as typed. */
  readonly changes: Readonly<Record<string, string>>;
}

/** @returns undefined for Escape */
export async function chooseLaunch(title: string, plans: readonly Plan[]): Promise<ChosenDevices | undefined> {
  const { gpus, problem } = await readGpusHere();
  const rows: LaunchRow[] = [];
  for (const launcher of LAUNCHERS) {
    const { kind } = launcher;
    const offered = launcher.choices(gpus);
    if (offered.length === 0) continue;
    rows.push({ label: kind, heading: true });
    for (const choice of offered) {
      const { launch } = readLaunch({ kind, options: choice.options });
      rows.push({ ...rowOf(choice), kind, choice, ...described(await launcher.obstacle(launch)) });
    }
  }
  const picked = await pick(rows, {
    title,
    placeHolder: problem ?? vscode.l10n.t('What does it train on?'),
    matchOnDescription: true,
    matchOnDetail: true,
    ignoreFocusOut: true,
    active: rows.find(({ choice }) => choice?.gpus?.length === 1 && choice.gpus.every(isFree)),
  });
  if (picked?.kind === undefined || picked.choice === undefined) return undefined;
  const { kind, choice } = picked;
  return { launch: { kind, options: choice.options }, changes: deviceChange(plans, choice.gpus, gpus) };
}

function described(obstacle: string | null): Pick<PickRow, 'description'> {
  return obstacle === null ? {} : { description: obstacle };
}

function rowOf({ gpus }: LaunchChoice): PickRow {
  const [first, ...others] = gpus ?? [];
  if (gpus === null) return { label: vscode.l10n.t('A Job, As the Settings Say'), icon: 'server' };
  if (first === undefined) return { label: vscode.l10n.t('CPU'), icon: 'chip' };
  if (others.length === 0) return { label: gpuLabel(first), icon: 'circuit-board', detail: useOf(first) };
  const label = vscode.l10n.t('{0} GPUs Together', gpus.length);
  return { label, icon: 'circuit-board', detail: gpus.map(gpuLabel).join(', ') };
}

function gpuLabel({ index, name }: Gpu): string {
  return vscode.l10n.t('GPU {0}: {1}', index, name);
}

function useOf(gpu: Gpu): string {
  const { memoryBytes, usedBytes, processes, uuid } = gpu;
  const who =
    processes.length > 0
      ? vscode.l10n.t('used by {0}', processes.map(({ pid }) => pid).join(', '))
      : isFree(gpu)
        ? vscode.l10n.t('free')
        : vscode.l10n.t('in use');
  const memory =
    memoryBytes === null || usedBytes === null
      ? []
      : [vscode.l10n.t('{0} of {1} used', formatBytes(usedBytes), formatBytes(memoryBytes))];
  return [who, ...memory, uuid].join(' · ');
}
