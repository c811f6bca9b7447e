/** The tree at 300 pixels: 45 runs whose names differ in two words, branches, and a run in each state can be told at a glance. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { FixtureWorkspace } from '../unit/experiment/fixtureWorkspace';
import { eventually } from '../eventually';
import { openSession, type JourneySession } from './journey/session';
import { required } from './required';

const ROOT = path.resolve(__dirname, '../..');
const LIMIT_MS = 180_000;
/** Of the view that the issue names, in CSS pixels. */
const NARROW = 300;

const sweepRun = (n: number): string => `llama1b_r64_lr${n}_bs32_teacher20k_mixed30k_student40k_seed${n}`;

/** Newest first in the tree: branches and states, then the sweep. */
function makeRuns(workspace: FixtureWorkspace): void {
  for (let n = 1; n <= 45; n += 1) {
    workspace.run(sweepRun(n), { run: { created: 1000 + n } });
    workspace.checkpoint(sweepRun(n), 300, { metrics: { 'loss/total': 40 + n / 7, 'eval_loss/total': 41 + n / 7 } });
    ended(workspace, sweepRun(n), 'done', 300);
    workspace.write(`${sweepRun(n)}/checkpoints/best.json`, { schema: 1, checkpoint: 'checkpoint-300', step: 300 });
  }
  workspace.run('npt_demo', { run: { created: 900 } });
  workspace.run('extended', { run: { created: 3000 } });
  for (const step of [100, 200, 250]) {
    workspace.checkpoint('extended', step, {
      metrics: { 'loss/total': 50 - step / 40, 'eval_loss/total': 51 - step / 40 },
    });
  }
  workspace.checkpoint('extended', 200, { name: 'final', metrics: { 'loss/total': 45, 'eval_loss/total': 46 } });
  ended(workspace, 'extended', 'stopped', 250);
  for (const [name, step] of [
    ['extended-lr0.001', 100],
    ['extended-lr0.05', 100],
  ] as const) {
    const parent = { id: 'id-extended', run: 'extended', checkpoint: `checkpoint-${step}`, step };
    workspace.run(name, { run: { created: 3100, parent } });
    workspace.checkpoint(name, 150);
    ended(workspace, name, 'stopped', 150);
  }
  workspace.run('fails', { run: { created: 2900 } });
  workspace.checkpoint('fails', 100);
  ended(workspace, 'fails', 'failed', 180, { error: 'CUDA out of memory' });
  workspace.run('killed', { run: { created: 2800 } });
  workspace.checkpoint('killed', 100);
  ended(workspace, 'killed', 'killed', 110, { signal: 'SIGKILL' });
}

function ended(workspace: FixtureWorkspace, run: string, why: string, step: number, more: object = {}): void {
  workspace.metrics(run, [
    { event: 'metrics', segment: 1, step, time: 9000, metrics: { 'loss/total': 40 + step / 1000 } },
  ]);
  workspace.write(`${run}/exit.json`, {
    ...{ schema: 1, why, step, segment: 1, signal: null, error: null, time: 9000 },
    ...more,
  });
}

describe('the tree at a glance', function () {
  this.timeout(2 * LIMIT_MS);
  const workspace = new FixtureWorkspace();
  let session: JourneySession;

  before(async () => {
    makeRuns(workspace);
    session = await openSession({
      vsix: required('NPT_TEST_VSIX'),
      workspace: workspace.root,
      python: required('NPT_TEST_PYTHON'),
      screenshots: path.join(ROOT, 'test-results/ui-tree'),
    });
    await session.window.page.setViewportSize({ width: 1000, height: 900 });
    await session.window.showContainer('NPT');
    await session.tree.row('extended').waitFor();
  });
  after(async () => {
    await session.close();
    workspace.remove();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await session.failureShot();
  });

  /** Drags the side bar's border until it has this width. */
  async function widen(width: number): Promise<void> {
    const { page } = session.window;
    await eventually(`a side bar of ${width} pixels`, LIMIT_MS, async () => {
      const box = await page.locator('.part.sidebar').boundingBox();
      if (box !== null && Math.abs(box.width - width) <= 1) return true;
      if (box === null) return undefined;
      await page.mouse.move(box.x + box.width, 400);
      await page.mouse.down();
      await page.mouse.move(box.x + width, 400, { steps: 5 });
      await page.mouse.up();
      return undefined;
    });
    await session.window.rest();
  }

  it('shows figure, step and stage of each run at 300 pixels, and which of 45 it is', async () => {
    await widen(NARROW);
    await session.tree.row(sweepRun(44)).waitFor();
    // While a first scan lasts, the tree shows what it has found so far, and names are as short as those beside them allow.
    const rows = await eventually('every run under its short name', LIMIT_MS, async () => {
      const found = await session.tree.legible();
      const labels = found.map((row) => row.label);
      return ['lr44…seed44', 'fails', 'killed', 'extended'].every((label) => labels.includes(label))
        ? found
        : undefined;
    });
    const of = (label: string): string => rows.find((row) => row.label === label)?.description ?? `no ${label}`;
    assert.match(of('lr44…seed44'), /^★47\.29 · 300 student/, JSON.stringify(rows, undefined, 1));
    assert.match(of('fails'), /^40\.18 · 180 mixed · of 300/);
    assert.match(of('killed'), /^40\.11 · 110 mixed · of 300/);
    assert.match(of('extended'), /^40\.25 · 250 student/);
    await session.shot('300px', ['dark', 'light', 'high-contrast']);
  });

  it('says of checkpoints what their run does not, and how many branched from one that is folded', async () => {
    const { tree } = session;
    await widen(NARROW);
    await tree.expand('extended');
    await tree.row('checkpoint-100').waitFor();
    const rows = await session.tree.legible();
    const at = rows.findIndex((row) => row.label === 'extended');
    const under = rows.slice(at + 1, at + 5);
    assert.deepEqual(
      under.map((row) => row.label),
      ['250', 'final', '200', '100'],
    );
    const [newest = '', final = '', , branched = ''] = under.map((row) => row.description);
    assert.match(newest, /^eval 44\.75 · student · \d/);
    assert.match(final, /^200, overtaken · eval 46/);
    assert.match(branched, /^eval 48\.5 · mixed · 2 b/);
    await tree.expand('checkpoint-100');
    await tree.row('extended-lr0.001').waitFor();
    const branch = (await tree.rows()).find((row) => row.name === 'extended-lr0.001');
    assert.equal(branch?.label, '…lr0.001');
    await session.shot('300px-branches');
    await widen(600);
    await session.shot('wide', ['dark', 'high-contrast']);
  });

  it('follows a filter as it is typed, says what it leaves out, and takes another order', async () => {
    const { window, tree } = session;
    await widen(NARROW);
    const names = async (): Promise<string[]> => (await tree.rows()).map((row) => row.name);
    await window.runCommand('NPT: Filter Runs…');
    await window.quickInput().fill('state:failed,interrupted');
    await eventually('only what ended badly', LIMIT_MS, async () =>
      JSON.stringify(await names()) === JSON.stringify(['fails', 'killed', 'npt_demo']) ? true : undefined,
    );
    await window.quickInput().press('Enter');
    await window.page.getByText('Filter “state:failed,interrupted”: 3 of 51 runs').waitFor();
    await session.shot('300px-filtered');
    await window.runAndPick('NPT: Sort Runs…', 'Name');
    await window.runCommand('NPT: Clear Filter');
    await eventually('all runs by name', LIMIT_MS, async () => {
      const all = await names();
      return all[0] === 'extended' && all.includes('fails') ? true : undefined;
    });
    await window.runAndPick('NPT: Sort Runs…', 'Newest first');
  });
});
