/** Which GPUs of this machine a trainer may use. */
import type { Gpu } from '../gpus/gpu';
import type { Launch, LaunchChoice, LaunchOption } from './launcher';

/** One as CUDA_VISIBLE_DEVICES names it: an index, or the start of a UUID of a GPU or of a part of one (MIG). */
const DEVICE = /^(?:\d{1,3}|(?:GPU|MIG)-[0-9A-Za-z/-]+)$/;

export const devicesOption: LaunchOption = {
  name: 'devices',
  description: 'GPUs that training may use, by UUID or index; none: all that there are.',
  default: [],
  form: 'a list of GPU UUIDs or indices',
  read(given) {
    const list = typeof given === 'string' ? given.split(',').map((word) => word.trim()) : given;
    if (!Array.isArray(list)) return undefined;
    const devices = (list as unknown[]).map(String).filter((word) => word !== '');
    return devices.every((word) => DEVICE.test(word)) ? devices : undefined;
  },
};

/** The GPUs that a launch names; none: all that there are. */
export function namedDevices({ options }: Launch): readonly string[] {
  const { devices } = options;
  return Array.isArray(devices) ? (devices as readonly string[]) : [];
}

export function deviceVariables(launch: Launch): Readonly<Record<string, string>> {
  const devices = namedDevices(launch);
  return devices.length > 0 ? { CUDA_VISIBLE_DEVICES: devices.join(',') } : {};
}

/** Training on these GPUs; on none of them, the CPU. */
export function on(gpus: readonly Gpu[]): LaunchChoice {
  return { options: { devices: gpus.map(({ uuid }) => uuid) }, gpus };
}
