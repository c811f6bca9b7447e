/** The main job, end to end, in a real VS Code with the packaged extension and a real trainer. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeInterruptedRun } from '../../tools/demo/training.mjs';
import { demoWorkspace } from '../../tools/demo/workspace.mjs';
import { JOURNEY } from './journey/journey';
import { openSession, type JourneySession } from './journey/session';
import { required } from './required';

const ROOT = path.resolve(__dirname, '../..');
const SETUP_LIMIT_MS = 600_000;

describe('the main job in the workbench', function () {
  // Each part goes on where the one before it ended.
  this.bail(true);
  let folder: string;
  let session: JourneySession | undefined;

  before(async function () {
    this.timeout(SETUP_LIMIT_MS);
    folder = mkdtempSync(path.join(os.tmpdir(), 'npt-ui-'));
    const python = required('NPT_TEST_PYTHON');
    const workspace = demoWorkspace(ROOT, path.join(folder, 'workspace')).folder;
    await makeInterruptedRun(python, workspace, () => undefined);
    session = await openSession({
      vsix: required('NPT_TEST_VSIX'),
      workspace,
      python,
      screenshots: path.join(ROOT, 'test-results/ui'),
    });
  });

  after(async function () {
    await session?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await session?.failureShot();
  });

  for (const part of JOURNEY) {
    it(part.title, async function () {
      this.timeout(part.limit);
      await part.run(session!);
    });
  }
});
