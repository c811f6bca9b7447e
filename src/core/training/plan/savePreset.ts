/** Writing a preset into the workspace's presets.json: whole, by rename, and nothing of what is there is lost. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { findArgument } from '../../arguments/arguments';
import { changeFile } from '../../changeFile';
import { isFileError, writeFailure } from '../../files';
import { isObject, SCHEMA, stringifyJson, type JsonObject } from '../../jsonText';
import type { Plan } from './plan';
import { PRESETS_FILE, PresetsFileError, readPresetsFile } from './presets';

/** Nothing was written; the message is one line. */
export class PresetError extends Error {}

/** What a preset is made of a plan: every argument that is not the trainer's own default. */
export function presetArguments(plan: Plan): JsonObject {
  return Object.fromEntries(
    plan.arguments
      .filter(({ name, source, value }) => source !== 'default' && value !== null && findArgument(name) !== undefined)
      .map(({ name, value }) => [name, value]),
  );
}

/**
 * Adds a preset, or replaces the one of its name if it is the one that was agreed to. A replaced one keeps its description,
 * and what else is in it and in the file stays.
 *
 * @param root absolute path of the training workspace
 * @param replaces an earlier answer of this function; null where none is to be replaced
 * @returns what has the name already, and nothing was written; null where the preset was
 * @throws PresetError
 */
export async function savePreset(
  root: string,
  name: string,
  values: JsonObject,
  replaces: string | null = null,
): Promise<string | null> {
  const file = path.join(root, PRESETS_FILE);
  let taken: string | null = null;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await changeFile(file, async () => {
      taken = null;
      const document = await readPresetsFile(file);
      const presets = document?.presets ?? {};
      const there = Object.hasOwn(presets, name) ? presets[name] : undefined;
      if (there !== undefined && stringifyJson(there) !== replaces) {
        taken = stringifyJson(there);
        return null;
      }
      const preset = { description: '', ...(isObject(there) ? there : {}), arguments: values };
      const changed = { schema: SCHEMA, ...document?.object, presets: { ...presets, [name]: preset } };
      return { text: `${stringifyJson(changed, 2)}\n` };
    });
    return taken;
  } catch (error) {
    if (error instanceof PresetsFileError) throw new PresetError(`${error.message}. Nothing was changed.`);
    if (!isFileError(error)) throw error;
    throw new PresetError(`${file}: ${writeFailure(error)}. Nothing was changed.`);
  }
}
