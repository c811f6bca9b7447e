/** Validation of a checkpoint folder or a single file in the levels of contract section 8. Runs nothing that a file holds. */
import type { Stats } from 'node:fs';
import { isAbsent, kindOf, readFailure } from '../../files';
import { statsOf } from '../fileState';
import { finding } from './findings';
import { checkFolder } from './folderChecks';
import { CheckpointPathError, pathError } from '../pathErrors';
import type { ReadingOptions, ValidationOptions, ValidationReport } from '../report/report';
import { checkSingleFile } from './torchFileChecks';
import { Validation, type Onlooker } from './validation';

/**
 * Validates a checkpoint folder, or any single torch or pickle file. Throws CheckpointPathError when the path leads
 * nowhere, before or once it was read, and the signal's reason when cancelled; whatever is wrong with the content is in the
 * report.
 */
export async function validateCheckpoint(
  path: string,
  options: ValidationOptions & ReadingOptions & Onlooker = {},
): Promise<ValidationReport> {
  const started = performance.now();
  options.signal?.throwIfAborted();
  const validation = new Validation(path, options);
  await check(validation);
  return validation.report((performance.now() - started) / 1000);
}

async function check(validation: Validation): Promise<void> {
  const { path, options } = validation;
  let found: Stats;
  try {
    found = await statsOf(path, options.blocking);
  } catch (error) {
    if (isAbsent(error)) throw pathError(path, error);
    // Something may be there that is as good as any: it is not known, and that is the answer.
    validation.findings.push(finding('unreadable-file', null, `${path} ${readFailure(error)}.`));
    return;
  }
  if (found.isDirectory()) await checkFolder(validation);
  else if (found.isFile()) await checkSingleFile(validation);
  else throw new CheckpointPathError(`${path} is ${kindOf(found)}, neither a folder nor a file.`);
  await requireStillThere(validation);
}

/**
 * A limit of the trainer, or a person, may delete what is being read. What was found then is of files that went one by one:
 * it would pass for an interrupted save, or for damage.
 *
 * @throws CheckpointPathError
 */
async function requireStillThere({ path, options }: Validation): Promise<void> {
  try {
    await statsOf(path, options.blocking);
  } catch (error) {
    if (isAbsent(error)) throw new CheckpointPathError(`${path} was deleted or moved while it was read.`);
    // It was there, and may be still: what was found is all that is known.
  }
}
