/** The command that a run was born with, as run.json keeps it (contract section 1). */
import path from 'node:path';
import { findArgument } from '../../arguments/arguments';
import { readCommand } from '../../arguments/commandWords';
import { BIRTH } from '../../experiment/runLayout';
import { exists } from '../../files';
import { readJsonObject } from '../../jsonFile';
import { stringIn } from '../../jsonText';

export interface OriginalCommand {
  /** What it gave, by argument; paths are such that they lead to the same files from `cwd`. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Words that our trainer does not know. */
  readonly unknown: readonly string[];
  /** Absolute path of the checkpoint or run that it went on from; null where it began from nothing. */
  readonly resumedFrom: string | null;
}

/**
 * @param run absolute path of the run's folder
 * @param cwd absolute path of the folder that training is to start in now
 * @returns null where the run does not keep its command
 */
export async function originalCommand(run: string, cwd: string): Promise<OriginalCommand | null> {
  const { object: birth } = await readJsonObject(path.join(run, BIRTH));
  const argv = birth?.argv;
  if (birth === null || !Array.isArray(argv) || argv.length === 0) return null;
  const { values: given, unknown } = readCommand((argv as unknown[]).slice(1).map(String));
  const before = stringIn(birth, 'cwd') ?? cwd;
  const values = new Map<string, unknown>();
  for (const [name, value] of given) {
    const argument = findArgument(name);
    if (argument?.onResume.effect === 'start') continue;
    values.set(name, argument?.isPath === true ? await movedAll(value, before, cwd) : value);
  }
  const resumed = given.get('resume_from');
  const resumedFrom = typeof resumed === 'string' ? path.resolve(cwd, await moved(resumed, before, cwd)) : null;
  return { values, unknown, resumedFrom };
}

function movedAll(value: unknown, before: string, now: string): Promise<unknown> {
  if (!Array.isArray(value)) return moved(String(value), before, now);
  return Promise.all((value as unknown[]).map((file) => moved(String(file), before, now)));
}

/** A path that was typed in one folder, for another: as it is where it leads to something, else where it led then. */
async function moved(file: string, before: string, now: string): Promise<string> {
  if (path.isAbsolute(file) || before === now || (await exists(path.resolve(now, file)))) return file;
  return path.resolve(before, file);
}
