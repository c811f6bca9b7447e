/** Entry point inside the extension host, for a window on a machine with a Slurm cluster: VS Code calls run(). */
import { runMocha } from './mochaRun';

export const run = (): Promise<void> => runMocha(() => import('./slurm.test'));
