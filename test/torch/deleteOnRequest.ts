/**
 * The extension's deletion for a test in another language: a JSON array of checkpoint paths a line on standard input, one
 * `{"deleted":[names]}` or `{"refused":"why"}` a line on standard output.
 */
import { createInterface } from 'node:readline';
import { validateCheckpoint } from '../../src/core/checkpoint/validate/validate';
import { deleteCheckpoints, DeletionError, planDeletion } from '../../src/core/experiment/deleteCheckpoints';

const isValid = async (checkpoint: string): Promise<boolean> =>
  (await validateCheckpoint(checkpoint, { blocking: true })).verdict === 'valid';

async function answer(line: string): Promise<object> {
  try {
    return await deleteCheckpoints(await planDeletion(JSON.parse(line) as string[], isValid), isValid);
  } catch (error) {
    if (error instanceof DeletionError) return { refused: error.message };
    throw error;
  }
}

async function serve(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
}

void serve();
