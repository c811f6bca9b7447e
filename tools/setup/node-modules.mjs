/** The project's own node_modules, as package-lock.json has them. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder, contentKey } from './cache.mjs';
import { runLogged } from './command.mjs';
import { SetupError } from './failure.mjs';
import { withLock } from './lock.mjs';
import { npmCommand, npmEnvironment, NPM_QUIET } from './npm.mjs';
import { step } from './progress.mjs';

/**
 * Why node_modules is not what the lock file says, or undefined when it is. npm writes its own record there last, so an
 * interrupted install has none.
 * @param {string} root
 */
export function outdated(root) {
  const record = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return 'not installed yet';
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  for (const [where, entry] of Object.entries(wanted)) {
    if (where === '') continue;
    const have = present[where];
    // Optional packages are those for other platforms: npm leaves them out.
    if (have === undefined && (entry.optional === true || entry.devOptional === true)) continue;
    if (have?.version !== entry.version) return `${where.replace(/^.*node_modules\//, '')} changed`;
  }
  return undefined;
}

/**
 * Installs node_modules where they differ from the lock file.
 * @param {string} root the clone
 * @throws {SetupError}
 */
export async function ensureNodeModules(root) {
  if (!existsSync(path.join(root, 'package-lock.json'))) {
    throw new SetupError(`package-lock.json is missing in ${root}: the clone is incomplete, restore it with git.`);
  }
  if (outdated(root) === undefined) return;
  await step('Node packages', 'npm ci (about half a minute)', (report) =>
    withLock(path.join(cacheFolder(), `node-modules-${contentKey(root)}.lock`), report, async () => {
      if (outdated(root) === undefined) return;
      await runLogged('npm ci', [...npmCommand(), 'ci', '--include=dev', ...NPM_QUIET], {
        cwd: root,
        // onnxruntime-node would otherwise download CUDA libraries that nothing here loads.
        env: npmEnvironment({ ONNXRUNTIME_NODE_INSTALL: 'skip' }),
        report,
      });
    }),
  );
}
