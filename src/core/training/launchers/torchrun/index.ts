/** Several processes on this machine that train one run together, under torchrun. */
import { freeGpus } from '../../gpus/gpu';
import { devicesOption, deviceVariables, namedDevices, on } from '../devices';
import { exists } from '../../../files';
import type { Launch, Launcher, LaunchOption } from '../launcher';
import { onThisHost, supervised } from '../supervised';

const MOST_PROCESSES = 1024;

const processesOption: LaunchOption = {
  name: 'processes',
  description: 'How many processes train together; gpu: one for each GPU.',
  default: 'gpu',
  form: `gpu, or a whole number from 1 to ${MOST_PROCESSES}`,
  read(given) {
    if (given === 'gpu') return given;
    const count = typeof given === 'string' && /^\d{1,4}$/.test(given) ? Number(given) : given;
    return Number.isSafeInteger(count) && Number(count) >= 1 && Number(count) <= MOST_PROCESSES
      ? Number(count)
      : undefined;
  },
};

/** How many processes train; `gpu`: one for each that there is. */
function countOf({ processes, devices }: Launch['options']): number | 'gpu' {
  if (typeof processes === 'number') return processes;
  return Array.isArray(devices) && devices.length > 0 ? devices.length : 'gpu';
}

/** Of NVIDIA (its driver; under WSL the host's) or AMD. */
async function hasGpus(): Promise<boolean> {
  const found = await Promise.all(['/dev/nvidiactl', '/dev/dxg', '/dev/kfd'].map((device) => exists(device)));
  return found.includes(true);
}

export const torchrun: Launcher<'torchrun'> = {
  ...onThisHost,
  command: (plan, supervisor) => supervised(plan, supervisor, deviceVariables(plan.launch)),
  kind: 'torchrun',
  options: [processesOption, devicesOption],
  obstacle: async ({ options }) =>
    countOf(options) === 'gpu' && !(await hasGpus())
      ? 'this machine has no GPU: set npt.torchrun.processes to a number'
      : null,
  argv: ({ first: { interpreter, script, args }, launch }) => [
    interpreter,
    ...['-m', 'torch.distributed.run', '--standalone', `--nproc_per_node=${countOf(launch.options)}`],
    script,
    ...args,
  ],
  variables: deviceVariables,
  choices: (gpus) => {
    // CUDA gives a process one part of a divided GPU at most, and parts cannot train together.
    const whole = gpus.filter(({ index }) => !index.includes(':'));
    const free = freeGpus(whole);
    return [free, whole]
      .filter((each, at) => each.length > 1 && (at === 0 || each.length > free.length))
      .map((each) => ({ ...on(each), options: { ...on(each).options, processes: 'gpu' } }));
  },
  devices: (launch) => {
    const count = countOf(launch.options);
    return { named: namedDevices(launch), count: count === 'gpu' ? 'all' : count };
  },
};
