/** Programs that a PATH leads to. */
import path from 'node:path';
import { isExecutable } from './files';

/** The executables of these names, folder by folder as they are looked for; a folder without a name is none. */
export async function* executablesOnPath(
  names: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): AsyncGenerator<string, undefined> {
  for (const folder of (environment.PATH ?? '').split(path.delimiter)) {
    for (const name of names) {
      const candidate = path.join(folder, name);
      if (folder !== '' && (await isExecutable(candidate))) yield candidate;
    }
  }
  return undefined;
}

/** The one that is found first. */
export async function firstOnPath(
  names: readonly string[],
  environment?: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  return (await executablesOnPath(names, environment).next()).value;
}
