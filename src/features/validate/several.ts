/** Validating one checkpoint after the other, so that what goes wrong with one takes nothing from the others. No vscode here. */
import { CheckpointPathError } from '../../core/checkpoint/pathErrors';
import type { ValidationReport } from '../../core/checkpoint/report/report';
import { messageOf } from '../../core/errors';

export interface Validated {
  /** In the order of the paths. */
  readonly reports: readonly ValidationReport[];
  /** Paths that went, or became unreadable, before their turn. */
  readonly gone: readonly string[];
  /** Those that could not be validated for any other reason. */
  readonly failed: readonly { readonly path: string; readonly why: string }[];
}

/**
 * Resolves to what was done when the signal was aborted, too.
 *
 * @param validate gives the report of the path at this place among them
 * @throws what `validate` throws, where there is but one path
 */
export async function validateSeveral(
  paths: readonly string[],
  signal: AbortSignal,
  validate: (path: string, index: number) => Promise<ValidationReport>,
): Promise<Validated> {
  const reports: ValidationReport[] = [];
  const gone: string[] = [];
  const failed: { path: string; why: string }[] = [];
  for (const [index, path] of paths.entries()) {
    try {
      reports.push(await validate(path, index));
    } catch (error) {
      if (signal.aborted) break;
      if (paths.length === 1) throw error;
      if (error instanceof CheckpointPathError) gone.push(path);
      else failed.push({ path, why: messageOf(error) });
    }
    if (signal.aborted) break;
  }
  return { reports, gone, failed };
}
