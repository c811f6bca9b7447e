/** The training workspace that a command is about, and where its runs are. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Run, Workspace } from '../core/experiment/model';
import { danglingLink, isAbsent, isFileError, readFailure, requireFolder } from '../core/files';
import { type WorkspaceSettings, workspaceSettings } from '../core/training/launchSettings';
import { type Invocation, type OptionSpec, UsageError } from './options';

/** The option `experiments` of commands that look at a workspace's runs. */
export const EXPERIMENTS_OPTION: OptionSpec = {
  type: 'string',
  value: 'FOLDER',
  description: 'Folder of the runs, in the workspace [npt.experimentsFolder of its settings, experiments].',
};

/** The option `workspace` of commands whose arguments are runs. */
export const WORKSPACE_OPTION: OptionSpec = {
  type: 'string',
  value: 'FOLDER',
  description: 'Training workspace [the current folder].',
};

export interface NamedWorkspace {
  /** Absolute. */
  readonly root: string;
  readonly settings: WorkspaceSettings;
  /** As the option or else the settings say it; undefined where neither does. */
  readonly experimentsFolder: string | undefined;
}

/** The workspace that the first argument names, or the current folder. @throws UsageError where it is no folder */
export function namedWorkspace(invocation: Invocation): Promise<NamedWorkspace> {
  return workspaceAt(invocation.positionals[0], invocation);
}

/** The workspace in a folder, or in the current one. @throws UsageError where it is no folder */
export async function workspaceAt(folder: string | undefined, { option }: Invocation): Promise<NamedWorkspace> {
  const root = path.resolve(folder ?? '.');
  try {
    requireFolder(root, await stat(root));
  } catch (error) {
    if (!isFileError(error)) throw error;
    throw new UsageError(`${root} ${readFailure((isAbsent(error) ? danglingLink(root) : null) ?? error)}.`);
  }
  const settings = await workspaceSettings(root);
  return { root, settings, experimentsFolder: option('experiments') ?? settings.text('experimentsFolder') };
}

/** The run of a workspace that is called by its folder or its name. @throws UsageError where none is */
export function namedRun({ root, runs }: Pick<Workspace, 'root' | 'runs'>, name: string): Run {
  const places = [path.resolve(name), path.resolve(root, name)];
  const found = runs.find((run) => places.includes(run.path)) ?? runs.find((run) => run.name === name);
  if (found === undefined) throw new UsageError(`${name} is not a run of ${root} (--workspace names another one).`);
  return found;
}
