/**
 * What only the tensors' files of other trainers' checkpoints tell (contract section 7): their run's config.json does not
 * say the curriculum, and `final` has no step in its name. At most two checkpoints of a run are opened, and only when they changed.
 */
import path from 'node:path';
import { CONFIG } from '../checkpoint/fileNames';
import type { Curriculum } from '../curriculum';
import { isObject, numberIn } from '../jsonText';
import type { FoundCheckpoint } from './checkpointContent';
import type { ScanContext } from './scanContext';

export interface FieldFacts {
  readonly curriculum: Curriculum | null;
  readonly finalStep: number | null;
  readonly maxSteps: number | null;
}

/** Null for runs whose checkpoints tell it in small files. */
export async function fieldFacts(
  checkpoints: readonly FoundCheckpoint[],
  final: FoundCheckpoint | null,
  context: ScanContext,
): Promise<FieldFacts | null> {
  const usable = (found: FoundCheckpoint): boolean =>
    found.content.layout.tellsInTensors && found.content.state === 'complete' && found.content.files.length > 0;
  const newest = checkpoints
    .filter(usable)
    .reduce<FoundCheckpoint | null>(
      (best, found) => ((found.place.step ?? 0) > (best?.place.step ?? -1) ? found : best),
      null,
    );
  const finalOfField = final !== null && usable(final) ? final : null;
  const source = newest ?? finalOfField;
  if (source === null) return null;
  const read = await context.storedFacts(source.place.folder, source.content.signature);
  const ofFinal =
    finalOfField === null || finalOfField === source
      ? finalOfField && read
      : await context.storedFacts(finalOfField.place.folder, finalOfField.content.signature);
  return {
    curriculum: read?.curriculum ?? null,
    finalStep: ofFinal?.step ?? null,
    maxSteps: await storedMaxSteps(source.place.folder, context),
  };
}

/** Their checkpoints' config.json holds seven keys, max_steps among them. */
async function storedMaxSteps(folder: string, context: ScanContext): Promise<number | null> {
  return context.readJson(path.join(folder, CONFIG), (json) => {
    const direct = numberIn(json, 'max_steps');
    if (direct !== null) return direct;
    return isObject(json.config) ? numberIn(json.config, 'max_steps') : null;
  });
}
