/** A window on a workspace that the real trainer made, with one run that was stopped behind its eighth step. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeWorkspace } from '../integration/workspace';
import { openSession, type JourneySession } from './journey/session';
import { required } from './required';

const ROOT = path.resolve(__dirname, '../..');
export const NAME = 'npt_demo';

export interface TrainedSession {
  readonly session: JourneySession;
  /** Closes the window and removes the workspace. */
  close(): Promise<void>;
}

/**
 * @param pictures the folder of test-results/ that gets the pictures
 * @param more of the trainer's arguments
 */
export async function openTrained(pictures: string, more: readonly string[]): Promise<TrainedSession> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'npt-ui-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const workspace = path.join(folder, 'workspace');
    const python = required('NPT_TEST_PYTHON');
    await makeWorkspace(ROOT, workspace, python, NAME, more);
    const screenshots = path.join(ROOT, 'test-results', pictures);
    const session = await openSession({ vsix: required('NPT_TEST_VSIX'), workspace, python, screenshots });
    await session.window.showContainer('NPT');
    // Until the tree is whole its rows move under the mouse.
    await session.tree.expand(NAME);
    await session.tree.row('checkpoint-8').waitFor();
    return {
      session,
      async close() {
        await session.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
