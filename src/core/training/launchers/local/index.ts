/** The trainer as one process on this machine. */
import { devicesOption, deviceVariables, namedDevices, on } from '../devices';
import type { Launcher } from '../launcher';
import { onThisHost, supervised } from '../supervised';

export const local: Launcher<'local'> = {
  ...onThisHost,
  command: (plan, supervisor) => supervised(plan, supervisor, deviceVariables(plan.launch)),
  kind: 'local',
  options: [devicesOption],
  obstacle: () => Promise.resolve(null),
  argv: ({ first: { interpreter, script, args } }) => [interpreter, script, ...args],
  variables: deviceVariables,
  choices: (gpus) => [...gpus.map((gpu) => on([gpu])), on([])],
  devices: (launch) => ({ named: namedDevices(launch), count: Math.max(1, namedDevices(launch).length) }),
};
