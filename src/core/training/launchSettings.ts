/**
 * How training is started, from the settings `npt.*`: the window reads them from VS Code, the command line from the workspace's
 * own file.
 */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'jsonc-parser';
import { isFileError } from '../files';
import { isObject } from '../jsonText';
import { expandPath } from '../variables';
import { DEFAULT_LAUNCHER, LAUNCHER_KINDS, launcherOf, type LaunchRequest } from './launchers';

/** A setting's value by its name behind `npt.`; undefined where there is none. */
export type ReadSetting = (name: string) => unknown;

/**
 * @param file reads a setting that is a path, which it makes absolute
 * @param chosen a launcher instead of the one that is set, and what comes on top of the settings
 */
export function launchFrom(read: ReadSetting, file: ReadSetting, chosen: LaunchRequest = {}): LaunchRequest {
  const named = chosen.kind ?? read('launcher');
  const { kind, options } = launcherOf(LAUNCHER_KINDS.find((known) => known === named) ?? DEFAULT_LAUNCHER);
  const set = Object.fromEntries(options.map(({ name }) => [name, read(`${kind}.${name}`)]));
  const variables = read('environment.variables');
  const { variables: more, ...environment } = chosen.environment ?? {};
  return {
    kind,
    options: { ...set, ...chosen.options },
    environment: {
      variables: isObject(more) && isObject(variables ?? {}) ? { ...(variables as object), ...more } : variables,
      envFile: file('environment.envFile'),
      modules: read('environment.modules'),
      conda: file('environment.conda'),
      ...environment,
    },
    restarts: chosen.restarts ?? read('restarts'),
  };
}

/** Where VS Code keeps a workspace's settings. */
const SETTINGS_FILE = path.join('.vscode', 'settings.json');

export interface WorkspaceSettings {
  readonly read: ReadSetting;
  /** A text with its variables expanded; undefined where none is set. */
  readonly text: (name: string) => string | undefined;
  /** As `read`, but of a path: with its variables expanded, and absolute. */
  readonly file: ReadSetting;
}

/**
 * What a workspace's own settings say. As in VS Code, a file that is not there or not to be understood sets nothing.
 *
 * @param root absolute path of the training workspace
 */
export async function workspaceSettings(root: string): Promise<WorkspaceSettings> {
  let document: unknown = {};
  try {
    document = parse(await readFile(path.join(root, SETTINGS_FILE), 'utf8'), [], { allowTrailingComma: true });
  } catch (error) {
    if (!isFileError(error)) throw error;
  }
  const all = isObject(document) ? document : {};
  const read: ReadSetting = (name) => all[`npt.${name}`];
  const scope = { workspaceFolder: root, home: os.homedir(), env: process.env };
  const text = (name: string): string | undefined => {
    const given = read(name);
    return typeof given === 'string' && given !== '' ? expandPath(given, scope) : undefined;
  };
  return {
    ...{ read, text },
    file(name) {
      const expanded = text(name);
      return expanded === undefined ? read(name) : path.resolve(root, expanded);
    },
  };
}
