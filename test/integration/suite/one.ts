/** Entry point inside the extension host, for a window with one folder: VS Code calls run(). */
import { runMocha } from './mochaRun';

export const run = (): Promise<void> => runMocha(() => import('./tests'));
