/** Who trains a run at this moment, which the model may not know yet. */
import type { Run, RunProcess } from '../../core/experiment/model';
import { processIn } from '../../core/experiment/processFolder';
import { showInformation } from '../../platform/messages';

/** @param nobody told where nobody does @returns undefined then */
export async function processOf(run: Run, nobody: string): Promise<RunProcess | undefined> {
  const process = await processIn(run.path);
  if (process !== null) return process;
  void showInformation(nobody);
  return undefined;
}
