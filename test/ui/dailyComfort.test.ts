/** What one does all day, in a real VS Code: a click on a run, its marks in the explorer, a drag into a terminal, what differs. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { eventually } from '../eventually';
import { FixtureWorkspace } from '../unit/experiment/fixtureWorkspace';
import { webviewFrame } from '../vscode/webview';
import { openSession, type JourneySession } from './journey/session';
import { required } from './required';

const ROOT = path.resolve(__dirname, '../..');
const LIMIT_MS = 180_000;

function makeRuns(workspace: FixtureWorkspace): void {
  for (const [name, created, loss] of [
    ['wide', 3000, 2.25],
    ['deep', 2900, 2.5],
    ['npt_demo', 900, 3],
  ] as const) {
    workspace.run(name, {
      run: { created },
      config: { np_rank: name === 'wide' ? 64 : 16, learning_rate: loss / 1000 },
    });
    for (const step of [100, 200]) {
      workspace.checkpoint(name, step, { metrics: { 'loss/total': loss, 'eval_loss/total': loss + 1 / step } });
    }
    workspace.write(`${name}/checkpoints/best.json`, { schema: 1, checkpoint: 'checkpoint-200', step: 200 });
    workspace.metrics(name, [
      {
        ...{ event: 'metrics', segment: 1, step: 200, time: 9000 },
        metrics: { 'loss/total': loss, 'throughput/tokens_per_second': 148_210 },
      },
    ]);
    const why = name === 'deep' ? 'failed' : 'done';
    workspace.write(`${name}/exit.json`, {
      ...{ schema: 1, why, step: 200, segment: 1, signal: null, time: 9000 },
      error: why === 'failed' ? 'CUDA out of memory' : null,
    });
  }
}

describe('daily comfort', function () {
  this.timeout(2 * LIMIT_MS);
  const workspace = new FixtureWorkspace();
  let session: JourneySession;

  before(async () => {
    makeRuns(workspace);
    session = await openSession({
      vsix: required('NPT_TEST_VSIX'),
      workspace: workspace.root,
      python: required('NPT_TEST_PYTHON'),
      screenshots: path.join(ROOT, 'test-results/ui-daily'),
    });
    await session.window.showContainer('NPT');
    await session.tree.row('wide').waitFor();
  });
  after(async () => {
    await session.close();
    workspace.remove();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await session.failureShot();
  });

  it('opens a run’s dashboard by a click on it', async () => {
    await session.tree.row('deep').locator('.label-name').click();
    await session.window.tab('deep').waitFor();
    await webviewFrame(session.window.page, '.page');
    await session.window.closeEditors();
  });

  it('drags a checkpoint into a terminal as its path', async () => {
    const { window, tree } = session;
    await tree.expand('wide');
    await tree.row('checkpoint-100').waitFor();
    await window.runCommand('Terminal: Create New Terminal');
    await window.terminal().waitFor();
    await eventually('the path in the terminal', LIMIT_MS, async () => {
      const from = await tree.row('checkpoint-100').locator('.label-name').boundingBox();
      const to = await window.page.locator('.terminal-wrapper.active').first().boundingBox();
      if (from === null || to === null) return undefined;
      const { mouse } = window.page;
      await mouse.move(from.x + from.width / 2, from.y + from.height / 2);
      await mouse.down();
      // A terminal shows where one may let go only after the pointer has come in.
      for (const share of [0.3, 0.5, 0.6]) {
        await mouse.move(to.x + to.width * share, to.y + to.height * share, { steps: 8 });
        await window.page.waitForTimeout(200);
      }
      await mouse.up();
      // A terminal breaks a long line where it ends.
      const text = (await window.terminal().innerText()).replace(/[\s\u00a0]+/g, '');
      return text.includes('wide/checkpoints/checkpoint-100') ? true : undefined;
    });
    await session.shot('dragged', ['dark']);
    await window.runCommand('Terminal: Kill All Terminals');
  });

  it('marks runs and checkpoints in the explorer', async () => {
    const { window } = session;
    await window.runAndPick('NPT: Reveal in Explorer View', 'deep');
    const row = (name: string) =>
      window.page
        .locator('.sidebar .monaco-list-row')
        .filter({ has: window.page.getByText(name, { exact: true }) })
        .first();
    await row('deep').waitFor();
    const mark = (name: string): Promise<string> =>
      row(name)
        .locator('.monaco-icon-label')
        .evaluate((label) => {
          const page = globalThis as unknown as {
            getComputedStyle: (of: unknown, part: string) => { readonly content: string };
          };
          return page.getComputedStyle(label, '::after').content;
        });
    await eventually('the failed run’s mark', LIMIT_MS, async () =>
      (await mark('deep')) === '"!"' ? true : undefined,
    );
    assert.doesNotMatch(await mark('wide'), /!/);
    await session.shot('explorer');
    await window.showContainer('NPT');
  });

  it('shows what differs between runs side by side, and a metric as a column', async () => {
    const { window } = session;
    await window.runCommand('NPT: Show Runs');
    const frame = await webviewFrame(window.page, '.runs-table .grid .row');
    await frame.locator('.heading').getByText('tokens/s', { exact: true }).waitFor();
    await frame.locator('.row').filter({ hasText: '148k' }).first().waitFor();
    await frame.locator('.row').filter({ hasText: 'wide' }).click();
    await frame
      .locator('.row')
      .filter({ hasText: 'deep' })
      .click({ modifiers: ['ControlOrMeta'] });
    await frame.locator('footer').getByText('Differences').click();
    const beside = frame.getByRole('region', { name: 'What differs' });
    await beside.waitFor();
    const line = beside.locator('tr').filter({ has: frame.getByRole('rowheader', { name: 'Loss', exact: true }) });
    assert.equal(await line.locator('td.best').textContent(), '2.250');
    await session.shot('differences');
  });
});
