/**
 * Runs the in-host suite in a real VS Code: the one that VSCODE_EXECUTABLE names, or with NPT_TEST_DESKTOP=1 a downloaded
 * desktop VS Code, or else the served one through the shim.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import os from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { stopTraining } from '../../tools/demo/training.mjs';
import { Cluster } from '../slurm/cluster';
import { severalRoots } from './roots';
import { makeWorkspace } from './workspace';

const root = path.resolve(__dirname, '../..');
/** `one` folder is open, or several, or one on a machine with a Slurm cluster: each has its entry in suite/. */
const WINDOWS = ['one', 'roots', 'slurm'] as const;
const asked = process.env.NPT_TEST_WINDOW ?? 'one';
const window = WINDOWS.find((known) => known === asked);

function executable(): string | undefined {
  const named = process.env.VSCODE_EXECUTABLE;
  if (named !== undefined && named !== '') return named;
  return process.env.NPT_TEST_DESKTOP === '1' ? undefined : path.join(root, 'test/vscode/shim.mjs');
}

async function main(): Promise<void> {
  if (window === undefined) throw new Error(`NPT_TEST_WINDOW is ${asked}: it is one of ${WINDOWS.join(', ')}.`);
  // Two releases' may run beside each other.
  const suite = path.join(root, `out/integration/${window}-${process.env.NPT_TEST_VSCODE ?? 'desktop'}.js`);
  await build({
    entryPoints: [path.join(__dirname, 'suite', `${window}.ts`)],
    outfile: suite,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    sourcemap: 'inline',
    // mocha loads its reporters by name, so it stays in node_modules.
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  const python = process.env.NPT_TEST_PYTHON;
  if (python === undefined)
    throw new Error('NPT_TEST_PYTHON is not set: start this suite with `npm test -- --only integration`.');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'npt-integration-'));
  const workspace = path.join(folder, 'workspace');
  const cluster = window === 'slurm' ? await Cluster.start() : undefined;
  try {
    await makeWorkspace(root, workspace, python);
    const code = await runTests({
      extensionDevelopmentPath: root,
      extensionTestsPath: suite,
      vscodeExecutablePath: executable(),
      extensionTestsEnv: cluster?.environment,
      launchArgs: [
        window === 'roots' ? severalRoots(workspace, folder) : workspace,
        '--disable-extensions',
        `--user-data-dir=${path.join(folder, 'user-data')}`,
        `--extensions-dir=${path.join(folder, 'extensions')}`,
      ],
    });
    process.exitCode = code;
  } finally {
    await cluster?.stop();
    if (existsSync(workspace)) await stopTraining(workspace, 15_000);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
