/** The environment that a trainer is started in: read as it is asked for, shown, and handed to npt_supervise.py. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isFileError, readFailure } from '../../files';
import { isObject } from '../../jsonText';
import type { LaunchEnvironment } from './launcher';

export const NO_ENVIRONMENT: LaunchEnvironment = { variables: {}, envFile: null, modules: [], conda: null };

/** As a setting or the command line gives it; what is undefined was not given. Paths are absolute. */
export interface EnvironmentRequest {
  readonly variables?: unknown;
  readonly envFile?: unknown;
  readonly modules?: unknown;
  readonly conda?: unknown;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SECRET = /(?:_|^)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$/i;

/** An environment as it is asked for, and in one line each what is wrong with that. */
export function readEnvironment(request: EnvironmentRequest = {}): {
  readonly environment: LaunchEnvironment;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  const wrong = (name: string, form: string): void => {
    problems.push(`npt.environment.${name}: write ${form}.`);
  };
  const variables: [string, string][] = [];
  const given = request.variables ?? {};
  for (const [name, value] of isObject(given) ? Object.entries(given) : []) {
    if (!NAME.test(name)) wrong('variables', `names of letters, digits and _, which ${JSON.stringify(name)} is not`);
    else if (!isText(value)) wrong('variables', `a text for ${name}`);
    else variables.push([name, String(value)]);
  }
  if (!isObject(given)) wrong('variables', 'an object of variables and their values');
  const file = (name: 'envFile' | 'conda'): string | null => {
    const value = request[name];
    if (value === undefined || value === null || value === '') return null;
    if (typeof value === 'string' && path.isAbsolute(value) && !value.includes('\0')) return value;
    wrong(name, 'a path');
    return null;
  };
  const modules = request.modules ?? [];
  // A word that begins with - would be an option of `module load`.
  const named = Array.isArray(modules) && modules.every((name) => isModule(name)) ? (modules as string[]) : null;
  if (named === null) wrong('modules', 'a list of modules, such as "cuda/12.4"');
  return {
    environment: {
      variables: Object.fromEntries(variables),
      envFile: file('envFile'),
      modules: named ?? [],
      conda: file('conda'),
    },
    problems,
  };
}

function isText(value: unknown): boolean {
  return (
    typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && !value.includes('\0'))
  );
}

function isModule(name: unknown): boolean {
  return typeof name === 'string' && /^[^-\s\p{Cc}][^\s\p{Cc}]*$/u.test(name);
}

/** What of it is not there, in one line each. The file of variables is looked at, not read. */
export async function missingOf({ envFile, conda }: LaunchEnvironment): Promise<readonly string[]> {
  const missing: string[] = [];
  const look = async (what: string, target: string, isRight: 'isFile' | 'isDirectory'): Promise<void> => {
    try {
      const kind = isRight === 'isFile' ? 'file' : 'folder';
      if (!(await stat(target))[isRight]()) missing.push(`${what} ${target} is not a ${kind}.`);
    } catch (error) {
      if (!isFileError(error)) throw error;
      missing.push(`${what} ${target} ${readFailure(error)}.`);
    }
  };
  if (envFile !== null) await look('The file of npt.environment.envFile,', envFile, 'isFile');
  if (conda !== null) await look('The environment of npt.environment.conda,', conda, 'isDirectory');
  return missing;
}

/** Variables whose names say that their values should not be where everybody reads them. */
export function shownSecrets({ variables }: LaunchEnvironment): readonly string[] {
  return Object.entries(variables)
    .filter(([name, value]) => value !== '' && SECRET.test(name))
    .map(([name]) => name);
}

/** The environment as options of `npt_supervise.py run`. */
export function environmentWords({ variables, envFile, modules, conda }: LaunchEnvironment): string[] {
  return [
    ...modules.flatMap((name) => ['--module', name]),
    ...(conda === null ? [] : ['--conda', conda]),
    ...(envFile === null ? [] : ['--env-file', envFile]),
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ];
}
