/** What the devices that were chosen mean for the trainer's own argument. */
import type { Gpu } from '../gpus/gpu';
import type { Plan } from './plan';

/**
 * Arguments to change, as typed: the trainer takes a GPU where it sees one, unless its argument says otherwise.
 *
 * @param gpus what was chosen, none for the CPU; null where somebody else hands them out
 * @param here the GPUs of this machine
 */
export function deviceChange(
  plans: readonly Plan[],
  gpus: readonly Gpu[] | null,
  here: readonly Gpu[],
): Record<string, string> {
  const devices = plans.flatMap((plan) => plan.arguments.filter(({ name }) => name === 'device'));
  if (gpus?.length === 0) return here.length === 0 || devices.length === 0 ? {} : { device: 'cpu' };
  return devices.every(({ value }) => value === 'auto' || value === 'cuda') ? {} : { device: 'auto' };
}
