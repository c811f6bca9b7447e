/** The trainer as one process on this machine. */
import type { Launcher } from '../launcher';

export const local: Launcher<'local'> = {
  kind: 'local',
  unsupported: null,
  argv: ({ first: { interpreter, script, args } }) => [interpreter, script, ...args],
};
