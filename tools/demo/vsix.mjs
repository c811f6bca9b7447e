/** The extension as users install it. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runLogged } from '../setup/command.mjs';

/** The ONNX Runtime in the package is this platform's alone (esbuild.mjs), and vsce's names of platforms are Node's. */
const TARGETS = ['win32-x64', 'win32-arm64', 'linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

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
  const platform = `${process.platform}-${process.arch}`;
  const target = TARGETS.includes(platform) ? ['--target', platform] : [];
  await runLogged(
    'vsce package',
    [process.execPath, vsce, 'package', '--no-dependencies', '--no-rewrite-relative-links', ...target, '--out', file],
    {
      cwd: root,
      report,
    },
  );
  return file;
}
