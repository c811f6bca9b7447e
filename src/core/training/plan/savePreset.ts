/** Writing a preset into the workspace's presets.json: whole, by rename, and nothing of what is there is lost. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { findArgument } from '../../arguments/arguments';
import { synced, syncFolder } from '../../durable';
import { isFileError, writeFailure } from '../../files';
import { readJsonObject } from '../../jsonFile';
import { isObject, stringifyJson, type JsonObject } from '../../jsonText';
import type { Plan } from './plan';
import { PRESETS_FILE } from './presets';

const SCHEMA = 1;

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

/** Names of the presets that the workspace's own file has. */
export async function ownPresets(root: string): Promise<readonly string[]> {
  const { object } = await readJsonObject(path.join(root, PRESETS_FILE));
  return isObject(object?.presets) ? Object.keys(object.presets) : [];
}

/**
 * Adds a preset, or replaces the one of its name.
 *
 * @param root absolute path of the training workspace
 * @throws PresetError
 */
export async function savePreset(root: string, name: string, description: string, values: JsonObject): Promise<void> {
  const file = path.join(root, PRESETS_FILE);
  const { object, failure } = await readJsonObject(file);
  if (failure !== null && failure.kind !== 'missing') {
    throw new PresetError(`${file} ${failure.clause}. Mend it first: nothing was changed.`);
  }
  const presets = object?.presets ?? {};
  if (!isObject(presets)) throw new PresetError(`${file}: its "presets" is not an object. Mend it first.`);
  const document = {
    ...(object ?? { schema: SCHEMA }),
    presets: { ...presets, [name]: { description, arguments: values } },
  };
  const draft = `${file}.${process.pid}.tmp`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(draft, 'w');
    try {
      await handle.writeFile(`${stringifyJson(document, 2)}\n`);
      await synced(handle);
    } finally {
      await handle.close();
    }
    await rename(draft, file);
    await syncFolder(path.dirname(file));
  } catch (error) {
    if (!isFileError(error)) throw error;
    await rm(draft, { force: true }).catch(() => undefined);
    throw new PresetError(`${file}: ${writeFailure(error)}.`);
  }
}
