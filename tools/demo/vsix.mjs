/** The extension as users install it. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runLogged } from '../setup/command.mjs';

/**
 * Builds and packages the extension (.vscodeignore lists what is in it).
 * @param {string} root the clone, with node_modules
 * @param {(line: string) => void} [report]
 * @returns {Promise<string>} the .vsix file
 * @throws {import('../setup/failure.mjs').SetupError}
 */
export async function packageExtension(root, report) {
  const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const file = path.join(root, 'out', `${name}-${version}.vsix`);
  mkdirSync(path.dirname(file), { recursive: true });
  const vsce = path.join(root, 'node_modules/@vscode/vsce/vsce');
  // esbuild has bundled the dependencies: vsce need not look for them. Links stay as they are: there is no public
  // repository to point them to.
  await runLogged(
    'vsce package',
    [process.execPath, vsce, 'package', '--no-dependencies', '--no-rewrite-relative-links', '--out', file],
    {
      cwd: root,
      report,
    },
  );
  return file;
}
