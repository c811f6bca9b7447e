/** What suites need besides the clone, made ready before any runs: a test never waits for an installation. */
import { ensureChromium } from '../setup/chromium.mjs';
import { runLogged } from '../setup/command.mjs';
import { SetupError } from '../setup/failure.mjs';
import { ensureOldestPythonVenv, ensurePythonVenv } from '../setup/python-venv.mjs';
import { ensureSystem } from '../setup/system-packages.mjs';
import { ensureVscodeHost } from '../setup/vscode-host.mjs';

/** dist/, as the page's and the in-host suite load it. */
const build = (root) => runLogged('the build', [process.execPath, 'esbuild.mjs'], { cwd: root });

/** @type {Record<string, { system: string[], ensure: (root: string) => Promise<unknown> }>} */
const TOOLS = {
  build: { system: [], ensure: build },
  python: { system: ['python'], ensure: ensurePythonVenv },
  pythonOldest: { system: [], ensure: ensureOldestPythonVenv },
  vscode: { system: ['compiler'], ensure: () => ensureVscodeHost('newest') },
  vscodeOldest: { system: ['compiler'], ensure: () => ensureVscodeHost('oldest') },
  // Installed, it is all that there is to make ready: the suite starts its own daemons.
  slurm: { system: ['slurm'], ensure: () => Promise.resolve() },
  chromium: { system: ['fonts', 'chromium'], ensure: ensureChromium },
};

/**
 * Makes the named tools ready.
 * @param {string} root the clone, with node_modules
 * @param {Set<keyof typeof TOOLS>} names
 * @returns {Promise<Map<string, { value: unknown } | { error: string }>>} for each either what its `ensure` returns, or why
 *   it cannot be had, in one line
 */
export async function prepareTools(root, names) {
  const tools = Object.entries(TOOLS).filter(([name]) => names.has(name));
  // All at once, since each call of the package system costs seconds. What fails here is named again by the tool below.
  await ensureSystem(tools.flatMap(([, tool]) => tool.system)).catch(onlySetupErrors);
  const prepared = new Map();
  await Promise.all(
    tools.map(async ([name, tool]) => {
      try {
        await ensureSystem(tool.system);
        prepared.set(name, { value: await tool.ensure(root) });
      } catch (error) {
        onlySetupErrors(error);
        console.log(`✗ ${error.message}`);
        prepared.set(name, { error: error.message });
      }
    }),
  );
  return prepared;
}

function onlySetupErrors(error) {
  if (!(error instanceof SetupError)) throw error;
}
