/** The page with the workspace's lineage, over a real session. */
import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import type { Run } from '../../src/core/experiment/model';
import { PageHarness } from './harness';
import { lab, lane, largeLab, openLineage, type LineageOptions, type OpenLineage } from './lineageSuite';
import { becomes, drawn, until } from './waits';

describe('the lineage’s page', function () {
  let harness: PageHarness;
  let opened: OpenLineage;

  before(async () => {
    harness = await PageHarness.start();
  });
  after(async () => {
    await harness.stop();
  });
  afterEach(async function () {
    const { problems, reported } = opened;
    await opened.close();
    if (this.currentTest?.state === 'passed') assert.deepEqual([...problems, ...reported], []);
  });

  async function open(runs: readonly Run[], options: LineageOptions = {}): Promise<Page> {
    opened = await openLineage(harness, runs, options);
    if (runs.length > 0) await opened.page.locator('.names .lane').first().waitFor();
    return opened.page;
  }

  const lanes = (page: Page): Locator => page.locator('.lanes');
  const rows = (page: Page): Locator => page.locator('.names .lane');
  const row = (page: Page, text: string): Locator => page.getByRole('treeitem', { name: text }).first();
  const said = async (page: Page): Promise<string> => (await page.locator('.card').textContent()) ?? '';
  const focused = async (page: Page): Promise<string> => {
    await drawn(page);
    return lanes(page).evaluate(
      (tree) => document.getElementById(tree.getAttribute('aria-activedescendant') ?? '')?.ariaLabel ?? '',
    );
  };

  async function says(page: Page, pattern: RegExp): Promise<void> {
    await until(
      async () => pattern.test(await said(page)),
      async () => `${String(pattern)}; it says “${await said(page)}”`,
    );
  }
  async function focuses(page: Page, pattern: RegExp): Promise<void> {
    await until(
      async () => pattern.test(await focused(page)),
      async () => `${String(pattern)}; the focus is at “${await focused(page)}”`,
    );
  }
  /** What is drawn, as a number that another picture does not have. */
  const picture = async (page: Page): Promise<string> => {
    await drawn(page);
    return page.locator('.sheet canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
  };
  async function redraws(page: Page, act: () => Promise<unknown>): Promise<void> {
    const before = await picture(page);
    await act();
    await until(
      async () => (await picture(page)) !== before,
      () => Promise.resolve('another picture'),
    );
  }

  it('draws a lane a run, each below its parent, and remembers parents that are gone', async () => {
    const page = await open(lab(), { width: 1400, height: 700 });
    await page.getByText('12 runs · 8 branches · 2 training', { exact: true }).waitFor();
    await until(
      async () => (await rows(page).count()) === 13,
      async () => `13 lanes; there are ${await rows(page).count()}`,
    );
    const order = await rows(page).evaluateAll((all) =>
      all
        .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
        .map((each) => `${each.getAttribute('aria-level')} ${each.querySelector('.name')?.textContent ?? ''}`),
    );
    assert.deepEqual(order.slice(0, 5), [
      '1 llama1b_r64_teacher20k',
      '2 …lr5e-5',
      '3 …wd0.1',
      '3 queued-next',
      '2 …lr1e-4',
    ]);
    assert.ok(order.includes('1 deleted-parent') && order.includes('2 orphan-a'));
    await row(page, 'deleted-parent is gone').hover();
    await says(page, /deleted-parent is gone.*2 branches/);
    await row(page, 'orphan-a').hover();
    await says(page, /Branched from deleted-parent at step 10,000, which is gone/);
    await row(page, 'names-itself').hover();
    await says(page, /names the run itself/);
    await row(page, 'baseline-from-gone-step').hover();
    await says(page, /Branched from baseline at step 12,345, whose checkpoint is no longer there/);
  });

  it('is walked by keyboard: runs, checkpoints, the parent; Enter opens the dashboard', async () => {
    const page = await open(lab(), { width: 1200, height: 600 });
    await page.getByLabel('Filter runs').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Home');
    await focuses(page, /^llama1b_r64_teacher20k: training, step 58,200 of 60,000/);
    await page.keyboard.press('ArrowRight');
    await says(page, /checkpoint at step 5,000: teacher stage/);
    await page.keyboard.press('ArrowRight');
    await says(page, /step 10,000: teacher stage, pinned/);
    assert.match((await page.locator('[aria-live=polite]').textContent()) ?? '', /step 10,000/);
    await page.keyboard.press('Escape');
    await says(page, /^llama1b_r64_teacher20k: training/);
    await page.keyboard.press('ArrowDown');
    await focuses(page, /^llama1b_r64_teacher20k-lr5e-5: training/);
    await page.keyboard.press('ArrowLeft');
    await focuses(page, /^llama1b_r64_teacher20k:/);
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const last = (await focused(page)).split(':')[0] ?? '';
    await becomes(() => opened.acts, [['dashboard', `/lab/experiments/${last}`]]);
  });

  it('opens a run by a click, not by a drag, and has a menu for the rest', async () => {
    const page = await open(lab(), { width: 1200, height: 600 });
    const box = await lanes(page).boundingBox();
    assert.ok(box);
    await redraws(page, async () => {
      await page.mouse.move(box.x + 700, box.y + 100);
      await page.keyboard.down('Control');
      await page.mouse.wheel(0, -300);
      await page.keyboard.up('Control');
    });
    await redraws(page, async () => {
      await page.mouse.down();
      await page.mouse.move(box.x + 500, box.y + 100, { steps: 4 });
      await page.mouse.up();
    });
    await row(page, 'baseline: finished').click();
    await row(page, 'orphan-b').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Reveal in Experiments View' }).click();
    await row(page, 'orphan-b').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Go to Parent' }).click();
    await focuses(page, /^deleted-parent is gone/);
    const acts: typeof opened.acts = [
      ['dashboard', '/lab/experiments/baseline'],
      ['reveal', '/lab/experiments/orphan-b'],
    ];
    await becomes(() => opened.acts, acts);
    // A parent that is gone cannot be opened; the run after it tells that its turn has been.
    await page.keyboard.press('Enter');
    await row(page, 'baseline: finished').click();
    await becomes(() => opened.acts, [...acts, ['dashboard', '/lab/experiments/baseline']]);
  });

  it('has the keyboard at a run that gets another name', async () => {
    const runs = lab();
    const page = await open(runs, { width: 1000, height: 600 });
    await row(page, 'orphan-b').click({ button: 'right' });
    await page.keyboard.press('Escape');
    await focuses(page, /^orphan-b/);
    opened.setRuns(
      runs.map((run) => (run.name === 'orphan-b' ? { ...run, name: 'zeta', path: '/lab/experiments/zeta' } : run)),
    );
    await row(page, 'zeta').waitFor();
    await focuses(page, /^zeta/);
  });

  it('zooms and moves by keys, buttons and wheel, and comes back to all of it', async () => {
    const page = await open(lab(), { width: 1000, height: 600 });
    await lanes(page).focus();
    await page.getByTitle('Fit (0)').click();
    await until(
      async () => (await picture(page)).length > 1000,
      () => Promise.resolve('a picture'),
    );
    await page.mouse.move(5, 5);
    await lanes(page).focus();
    await page.keyboard.press('0');
    const all = await picture(page);
    for (const act of [
      () => page.keyboard.press('+'),
      () => page.keyboard.press('Shift+ArrowRight'),
      () => page.keyboard.press('-'),
    ])
      await redraws(page, act);
    await page.keyboard.press('0');
    await until(
      async () => (await picture(page)) === all,
      () => Promise.resolve('the picture of all'),
    );
    await redraws(page, () => page.getByTitle('Zoom In (+)').click());
    await page.mouse.move(700, 300);
    await redraws(page, async () => {
      await page.keyboard.down('Shift');
      await page.mouse.wheel(0, 200);
      await page.keyboard.up('Shift');
    });
  });

  it('filters by the table’s language, with the ancestors of what passes, and says what it cannot read', async () => {
    const page = await open(lab(), { width: 1200, height: 600 });
    const filter = page.getByLabel('Filter runs');
    await filter.fill('state:interrupted');
    await page.getByText('1 shown').waitFor();
    await until(
      async () => (await rows(page).count()) === 3,
      async () => `three lanes; there are ${await rows(page).count()}`,
    );
    assert.equal(await page.locator('.names .lane.dimmed').count(), 2);
    await filter.fill('los<2');
    await page.getByText('There is no column “los”. Did you mean loss?').waitFor();
    assert.equal(await rows(page).count(), 3, 'the last filter that could be read stays');
    await filter.fill('nobody');
    await page.getByText('No run passes the filter').waitFor();
    await page.getByText('Clear Filter').click();
    await until(
      async () => (await rows(page).count()) === 13,
      async () => `13 lanes; there are ${await rows(page).count()}`,
    );
  });

  it('follows the model, and keeps in sight what is looked at', async () => {
    const runs = lab();
    const page = await open(runs, { width: 1200, height: 300 });
    await lanes(page).focus();
    await page.keyboard.press('End');
    await focuses(page, /^other-trainer/);
    const top = async (): Promise<number> => (await page.locator('.names .lane.focus').boundingBox())?.y ?? Number.NaN;
    const before = await top();
    const added = [lane(-5, { name: 'new-run', state: 'training', step: 100 }), ...runs];
    opened.setRuns(added);
    await page.getByText('13 runs · 8 branches · 3 training', { exact: true }).waitFor();
    await focuses(page, /^other-trainer/);
    assert.ok(Math.abs((await top()) - before) < 2, 'the run that is looked at moved');
    opened.setRuns(added.map((run) => (run.name === 'other-trainer' ? { ...run, state: 'training' } : run)));
    await focuses(page, /^other-trainer: training/);
    opened.setRuns([]);
    await page.getByText('There are no runs yet').waitFor();
  });

  it('keeps filter, focus and zoom over a reload', async () => {
    const page = await open(lab(), { width: 1200, height: 600 });
    await page.getByLabel('Filter runs').fill('step>20k');
    await page.getByText('9 shown').waitFor();
    await lanes(page).focus();
    await page.keyboard.press('End');
    await page.keyboard.press('+');
    const at = await focused(page);
    const state = await page.waitForFunction(
      (run) => {
        const kept = (window as unknown as { keptState?: { focus: string; view: unknown } }).keptState;
        return kept !== undefined && kept.view !== null && kept.focus.endsWith(run) ? kept : undefined;
      },
      `/${at.split(':')[0] ?? ''}`,
    );
    const kept = await state.jsonValue();
    await opened.close();
    const again = await open(lab(), { width: 1200, height: 600, state: kept });
    await again.getByText('9 shown').waitFor();
    assert.equal(await again.getByLabel('Filter runs').inputValue(), 'step>20k');
    await focuses(again, new RegExp(`^${at.split(':')[0] ?? ''}:`));
  });

  it('draws 5,000 runs with 50,000 checkpoints of which those in sight exist, and moves through them', async function () {
    this.timeout(180_000);
    const page = await open(largeLab(5000, 50_000), { width: 1400, height: 800 });
    await page.getByText('5,000 runs · 4,500 branches').waitFor({ timeout: 60_000 });
    assert.ok((await rows(page).count()) < 60);
    await lanes(page).focus();
    await page.keyboard.press('End');
    await focuses(page, /^run-/);
    await until(
      async () => (await lanes(page).evaluate((tree) => tree.scrollTop)) > 100_000,
      () => Promise.resolve('the end in sight'),
    );
    await redraws(page, () => page.getByTitle('Fit (0)').click());
    assert.ok((await rows(page).count()) <= 1, 'names where there is no room for them');
  });

  for (const theme of ['dark', 'light', 'high-contrast'] as const) {
    it(`draws in the theme’s colours: ${theme}, wide and narrow`, async () => {
      const page = await open(lab(), { theme, width: 320, height: 600 });
      const seen = await page.locator('.sheet canvas').evaluate((element) => {
        const canvas = element as HTMLCanvasElement;
        const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
        const colors = new Set<string>();
        for (let at = 0; at < data.length; at += 4) colors.add(`${data[at]} ${data[at + 1]} ${data[at + 2]}`);
        return colors.size;
      });
      assert.ok(seen > 10, `${seen} colours`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
      assert.ok(wide, 'the page is wider than its window');
    });
  }
});
