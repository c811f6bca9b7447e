/**
 * `npm run demo`: a real VS Code with the packaged extension, open on a training workspace with a run that was interrupted
 * in its mixed stage.
 *   --workspace DIR                  where the training workspace is made (default: in the cache folder)
 *   --headless --screenshots DIR     clicks through the demo in Chromium instead, and leaves its pictures in DIR
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hasDesktopCode, openDesktop } from './demo/desktop.mjs';
import { serve } from './demo/served.mjs';
import { findInterruptedRun, makeInterruptedRun } from './demo/training.mjs';
import { packageExtension } from './demo/vsix.mjs';
import { demoWorkspace } from './demo/workspace.mjs';
import { cacheFolder } from './setup/cache.mjs';
import { ensureChromium } from './setup/chromium.mjs';
import { endWithProcess, signalGroup } from './setup/ending.mjs';
import { requireNode, runCommand, SetupError } from './setup/failure.mjs';
import { ensureNodeModules } from './setup/node-modules.mjs';
import { step } from './setup/progress.mjs';
import { ensurePythonVenv } from './setup/python-venv.mjs';
import { ensureSystem } from './setup/system-packages.mjs';
import { ensureVscodeHost } from './setup/vscode-host.mjs';

requireNode();

const root = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const USAGE = 'npm run demo -- [--workspace DIR] [--headless --screenshots DIR]';

function options() {
  let values;
  try {
    ({ values } = parseArgs({
      options: { workspace: { type: 'string' }, headless: { type: 'boolean' }, screenshots: { type: 'string' } },
    }));
  } catch (error) {
    throw new SetupError(`${error.message.split('. ')[0]}. Usage: ${USAGE}`);
  }
  if (values.headless === true && values.screenshots === undefined)
    throw new SetupError(`--headless needs --screenshots DIR. Usage: ${USAGE}`);
  if (values.headless !== true && values.screenshots !== undefined)
    throw new SetupError(`--screenshots needs --headless. Usage: ${USAGE}`);
  return values;
}

/** Clicks through the demo as the ui suite does; resolves to the journey's exit code. */
async function headless({ vsix, workspace, python, screenshots }) {
  mkdirSync(screenshots, { recursive: true });
  const journey = spawn(process.execPath, ['--import', 'tsx', path.join(root, 'test/ui/journey/main.ts')], {
    cwd: root,
    env: {
      ...process.env,
      NPT_JOURNEY: JSON.stringify({ vsix, workspace, python, screenshots: path.resolve(screenshots) }),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const forget = endWithProcess(() => void signalGroup(journey.pid, 'SIGTERM'));
  const code = await new Promise((resolve) => journey.once('close', resolve));
  forget();
  return code ?? 1;
}

await runCommand(async () => {
  const { workspace: named, headless: isHeadless = false, screenshots } = options();
  if (process.platform === 'win32')
    throw new SetupError('Training does not run on Windows itself: run the demo inside WSL.');
  await ensureNodeModules(root);
  const onDesktop = !isHeadless && hasDesktopCode();
  await ensureSystem(['python', ...(onDesktop ? [] : ['compiler']), ...(isHeadless ? ['fonts', 'chromium'] : [])]);
  const [python, host] = await Promise.all([ensurePythonVenv(root), onDesktop ? undefined : ensureVscodeHost()]);
  if (isHeadless) process.env.CHROMIUM = await ensureChromium(root);
  const vsix = await step('Extension', 'building and packaging it (a few seconds)', (report) =>
    packageExtension(root, report),
  );
  const { folder: workspace, isNew } = demoWorkspace(root, named);
  console.log(`${isNew ? 'Made' : 'Using'} the training workspace ${workspace}`);
  const run =
    findInterruptedRun(workspace) ??
    (await step('Training', 'a run on the CPU up to its mixed stage, then an interruption (about a minute)', (report) =>
      makeInterruptedRun(python, workspace, report),
    ));
  console.log(`The run ${run} was interrupted in its mixed stage: right-click its newest checkpoint → Resume.`);
  if (isHeadless) return headless({ vsix, workspace, python, screenshots });
  if (!onDesktop) return serve({ host, vsix, workspace, python });
  await openDesktop({ dataFolder: path.join(cacheFolder(), 'demo'), vsix, workspace, python });
  console.log('VS Code is open on the training workspace, with settings and extensions of its own.');
  return 0;
});
