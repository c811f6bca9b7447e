/** pins.json (contract section 1): checkpoints that retention must keep. Ours to write, so it is written whole, by rename. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';

const SCHEMA = 1;

/** pins.json exists but cannot be trusted; it is left as it is. */
export class PinsError extends Error {}

async function readPins(file: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new PinsError(`${file} is not JSON; mend or remove it, then pin again.`);
  }
  if (
    typeof content !== 'object' ||
    content === null ||
    !('checkpoints' in content) ||
    !Array.isArray(content.checkpoints)
  ) {
    throw new PinsError(`${file} has no list "checkpoints"; mend or remove it, then pin again.`);
  }
  if ('schema' in content && typeof content.schema === 'number' && content.schema > SCHEMA) {
    throw new PinsError(`${file} has schema ${content.schema}; a newer NPT Checkpoints reads it.`);
  }
  return content.checkpoints.filter((name): name is string => typeof name === 'string');
}

/**
 * Pins or unpins a checkpoint of a run.
 * @param runPath the run's folder. @param checkpoint the checkpoint's folder name.
 * @throws PinsError when an existing pins.json cannot be read: nothing is overwritten.
 */
export async function setPinned(runPath: string, checkpoint: string, pinned: boolean): Promise<void> {
  const file = path.join(runPath, 'pins.json');
  const others = (await readPins(file)).filter((name) => name !== checkpoint);
  const checkpoints = pinned ? [...others, checkpoint] : others;
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, `${JSON.stringify({ schema: SCHEMA, checkpoints })}\n`, { flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
