/** Validation of a checkpoint folder or a single file in the levels of contract section 8. Runs nothing that a file holds. */
import { statsOf } from '../fileState';
import { checkFolder } from './folderChecks';
import { CheckpointPathError, pathError } from '../pathErrors';
import type { ReadingOptions, ValidationOptions, ValidationReport } from '../report/report';
import { checkSingleFile } from './torchFileChecks';
import { Validation } from './validation';

/**
 * Validates a checkpoint folder, or any single torch or pickle file. Throws CheckpointPathError when the path leads
 * nowhere, and the signal's reason when cancelled; whatever is wrong with the content is in the report.
 */
export async function validateCheckpoint(
  path: string,
  options: ValidationOptions & ReadingOptions = {},
): Promise<ValidationReport> {
  const started = performance.now();
  options.signal?.throwIfAborted();
  const validation = new Validation(path, options);
  if (await isFolder(path, options.blocking)) await checkFolder(validation);
  else await checkSingleFile(validation);
  return validation.report((performance.now() - started) / 1000);
}

async function isFolder(path: string, blocking: boolean | undefined): Promise<boolean> {
  const found = await statsOf(path, blocking).catch((error: unknown) => {
    throw pathError(path, error);
  });
  if (!found.isDirectory() && !found.isFile()) throw new CheckpointPathError(`${path} is neither a folder nor a file.`);
  return found.isDirectory();
}
