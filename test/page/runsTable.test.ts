/** The page with the table of runs, over a real session. */
import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import type { Run } from '../../src/core/experiment/model';
import { START_LOOK, type TableLook } from '../../src/core/table/look';
import { aRun } from '../unit/model/builders';
import { PageHarness } from './harness';
import { NOON, openRuns, type OpenRuns, type RunsOptions, shownRuns, sweep, sweepRun } from './runsSuite';
import { becomes, drawn, until } from './waits';

describe('the table of runs’ page', function () {
  let harness: PageHarness;
  let opened: OpenRuns;

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

  async function open(runs: readonly Run[], options: RunsOptions = {}): Promise<Page> {
    opened = await openRuns(harness, runs, options);
    if (runs.length > 0) await opened.page.locator('.grid .row').first().waitFor();
    return opened.page;
  }

  const grid = (page: Page): Locator => page.locator('.grid');
  const heading = (page: Page, title: string): Locator =>
    page.locator('.heading').filter({ has: page.locator('.title').getByText(title, { exact: true }) });
  const headings = (page: Page): Promise<string[]> =>
    page
      .locator('.heading')
      .evaluateAll((all) =>
        all
          .sort((a, b) => Number(a.getAttribute('aria-colindex')) - Number(b.getAttribute('aria-colindex')))
          .map((each) => each.querySelector('.title')?.textContent ?? ''),
      );
  const row = (page: Page, run: Run): Locator => page.locator('.row').filter({ hasText: run.name });
  const loss = (run: Run): number => run.loss ?? Number.NaN;
  /** Presses a button of the bar below the table, once that follows the choice: before, the button ignores a click. */
  const press = async (page: Page, label: string): Promise<void> => {
    await drawn(page);
    await page.locator('footer vscode-button').getByText(label, { exact: true }).click();
  };

  async function shows(page: Page, names: readonly string[]): Promise<void> {
    await until(
      async () => JSON.stringify((await shownRuns(page)).slice(0, names.length)) === JSON.stringify(names),
      async () =>
        `${names.join(', ')} at the top; there are ${(await shownRuns(page)).slice(0, names.length).join(', ')}`,
    );
  }

  async function counts(page: Page, count: number): Promise<void> {
    await until(
      async () => (await grid(page).getAttribute('aria-rowcount')) === String(count + 1),
      async () =>
        `${count} rows; there are ${(await grid(page).getAttribute('aria-rowcount')) ?? ''} with the headings`,
    );
  }

  describe('with 5,000 runs of 40 columns', () => {
    const runs = sweep(5000, 23);
    const sortedByLoss = runs.filter((run) => Number.isFinite(loss(run))).sort((a, b) => loss(a) - loss(b));

    it('has of them what is in sight, and shows any of them after a scroll', async () => {
      const page = await open(runs, { width: 1400 });
      await counts(page, 5000);
      await page.getByText('5,000 runs · 3 training').waitFor();
      const { rows, cells } = await grid(page).evaluate((element) => ({
        rows: element.querySelectorAll('.row').length,
        cells: element.querySelectorAll('[role=gridcell]').length,
      }));
      assert.ok(rows > 20 && rows < 70, `${rows} rows`);
      assert.ok(cells < rows * 24, `${cells} cells in ${rows} rows`);
      assert.equal(await grid(page).getAttribute('aria-colcount'), '40');
      await grid(page).evaluate((element) => {
        element.scrollTop = element.scrollHeight;
        element.scrollLeft = element.scrollWidth;
      });
      await row(page, sweepRun(4999, 23)).waitFor();
      await heading(page, 'argument_22').waitFor();
      // What stays at the left does, and lies over the others.
      const left = await row(page, sweepRun(4999, 23)).locator('[aria-colindex="1"]').boundingBox();
      assert.equal(left?.x, 0);
      assert.match((await page.locator('.cell.best').allTextContents()).join(), /^$/);
    });

    it('sorts all of them by a click, the other way by the next, and not by the third', async () => {
      const page = await open(runs, { width: 1400 });
      await counts(page, 5000);
      await heading(page, 'Loss').click();
      await shows(
        page,
        sortedByLoss.slice(0, 5).map(({ name }) => name),
      );
      assert.equal(await heading(page, 'Loss').getAttribute('aria-sort'), 'ascending');
      assert.match((await page.locator('.cell.best').first().textContent()) ?? '', /^2\.000$/);
      await heading(page, 'Loss').click();
      await shows(
        page,
        sortedByLoss
          .slice(-5)
          .reverse()
          .map(({ name }) => name),
      );
      await heading(page, 'Loss').click();
      await shows(
        page,
        runs.slice(0, 5).map(({ name }) => name),
      );
      assert.equal(await heading(page, 'Loss').getAttribute('aria-sort'), 'none');
    });

    it('filters as one types, and says what is wrong while it still shows what it showed', async () => {
      const page = await open(runs, { width: 1400 });
      await counts(page, 5000);
      const input = page.getByLabel('Filter runs');
      await input.pressSequentially('stage:student loss<2.1 lr:5e-5');
      const matching = runs.filter(
        (run) => run.stage === 'student' && loss(run) < 2.1 && run.config?.['learning_rate'] === 5e-5,
      );
      assert.ok(matching.length > 10);
      await counts(page, matching.length);
      await page.getByText(`${matching.length} shown`).waitFor();
      await input.pressSequentially(' seed<');
      await page.getByText('After seed goes a number, such as 0.1 or 1e-5.').waitFor();
      assert.equal(await input.getAttribute('aria-invalid'), 'true');
      assert.equal(await grid(page).getAttribute('aria-rowcount'), String(matching.length + 1));
      await input.fill('no such run');
      await page.getByText('No run passes the filter').waitFor();
      await page.getByText('Clear Filter').click();
      await counts(page, 5000);
    });

    it('keeps scroll and choice when runs change, come and go', async () => {
      const page = await open(runs, { width: 1400 });
      await counts(page, 5000);
      await grid(page).evaluate((element) => {
        element.scrollTop = 2400 * 24 + 7;
      });
      const chosen = runs[2405]!;
      await row(page, chosen).click();
      await page.getByText('1 run chosen').waitFor();
      const before = await row(page, chosen).boundingBox();
      const newest = ['new-1', 'new-2'].map((name) => ({
        ...sweepRun(7, 23),
        name,
        path: `/lab/experiments/${name}`,
        created: NOON + 60,
      }));
      const changed: Run = { ...chosen, state: 'training', step: 59_999 };
      opened.setRuns([
        ...newest,
        ...runs.map((run) => (run === chosen ? changed : run)).filter((run) => run !== runs[10]),
      ]);
      await page.getByText('5,001 runs · 4 training').waitFor();
      await until(async () => ((await row(page, chosen).textContent()) ?? '').includes('59,999'), 'the new step');
      assert.deepEqual(await row(page, chosen).boundingBox(), before);
      assert.equal(await row(page, chosen).getAttribute('aria-selected'), 'true');
      opened.setRuns(runs.filter((run) => run !== chosen));
      await page.getByText('No run is chosen').waitFor();
    });
  });

  describe('with some runs', () => {
    const runs = sweep(60);

    it('keeps what was chosen and compared, and where the keyboard is, when a run gets another name', async () => {
      const few = sweep(60);
      const page = await open(few, { width: 1400 });
      await counts(page, 60);
      await row(page, sweepRun(4, 0)).click();
      await row(page, sweepRun(9, 0)).click({ modifiers: ['ControlOrMeta'] });
      await page.locator('footer').getByText('2 runs chosen').waitFor();
      const name = 'another name';
      const after = few.map((run, at) => (at === 9 ? { ...run, name, path: `/lab/experiments/${name}` } : run));
      opened.setRuns(after);
      const renamed = after[9]!;
      await row(page, renamed).waitFor();
      await page.locator('footer').getByText('2 runs chosen').waitFor();
      assert.equal(await row(page, renamed).getAttribute('aria-selected'), 'true');
      await grid(page).press('Enter');
      await becomes(() => opened.acts, [['dashboard', [renamed.path]]]);
      await page.locator('footer').getByText('Differences').click();
      await counts(page, 2);
      opened.setRuns(few);
      await page.locator('main').getByText(few[9]!.name).locator('visible=true').first().waitFor();
      await counts(page, 2);
    });

    it('opens a dashboard by a double click and by Enter, and moves by the keyboard alone', async () => {
      const page = await open(runs);
      await row(page, runs[4]!).dblclick();
      await until(() => opened.acts.length > 0, 'the dashboard');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowRight');
      const active = (): Promise<{ text: string; id: string | null }> =>
        grid(page).evaluate((element) => {
          const id = element.getAttribute('aria-activedescendant');
          return { id, text: id === null ? '' : (document.getElementById(id)?.textContent ?? '') };
        });
      await page.keyboard.press('Home');
      assert.equal((await active()).text, runs[5]!.name);
      await page.keyboard.press('Enter');
      await until(() => opened.acts.length > 1, 'the second dashboard');
      await page.keyboard.press('Control+End');
      assert.equal((await active()).text, runs[59]!.name);
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('ArrowUp');
      assert.equal((await active()).text, 'Run');
      await page.keyboard.press('Enter');
      await until(async () => (await heading(page, 'Run').getAttribute('aria-sort')) === 'ascending', 'the sort');
      await becomes(
        () => opened.acts,
        [
          ['dashboard', [runs[4]!.path]],
          ['dashboard', [runs[5]!.path]],
        ],
      );
    });

    it('offers for the chosen runs what can be done with so many', async () => {
      const page = await open(runs);
      const enabled = (): Promise<string[]> =>
        page
          .locator('footer vscode-button')
          .evaluateAll((all) => all.filter((each) => !each.hasAttribute('disabled')).map((each) => each.textContent));
      // The toolkit's buttons follow what they are told a moment later.
      const offers = (what: string, count: string): Promise<void> =>
        until(async () => (await enabled()).join() === what, `what can be done with ${count}`);
      await offers('', 'none');
      await row(page, runs[4]!).click();
      await offers('Dashboard,Branch…,Tag…,Star,Delete…', 'one');
      await press(page, 'Branch…');
      await row(page, runs[6]!).click({ modifiers: ['ControlOrMeta'] });
      await page.getByText('2 runs chosen').waitFor();
      await offers('Dashboard,Overlay,Differences,Compare,Tag…,Star,Delete…', 'two');
      await press(page, 'Overlay');
      await press(page, 'Compare');
      await row(page, runs[8]!).click({ modifiers: ['Shift'] });
      await page.getByText('3 runs chosen').waitFor();
      await press(page, 'Delete…');
      await until(() => opened.acts.length === 4, 'all four');
      const newest = (run: Run | undefined): string => `${run?.path ?? ''}/checkpoints/checkpoint-20000`;
      assert.deepEqual(opened.acts.slice(0, 3), [
        ['branch', [newest(runs[4])]],
        ['overlay', [runs[4]!.path, runs[6]!.path]],
        ['compare', [newest(runs[4]), newest(runs[6])]],
      ]);
      assert.deepEqual(opened.acts[3], ['deleteRuns', [6, 7, 8].map((at) => runs[at]!.path)]);
      await row(page, runs[4]!).click({ button: 'right' });
      await page.getByRole('menuitem', { name: 'Delete Checkpoints…' }).click();
      await until(() => opened.acts.length === 5, 'the checkpoints of one');
      assert.deepEqual([opened.acts[4]?.[0], opened.acts[4]?.[1].length], ['delete', 2]);
    });

    it('cannot branch in a workspace that is not trusted', async () => {
      const page = await open(runs, { canTrain: false });
      await row(page, runs[4]!).click();
      await page.getByText('1 run chosen').waitFor();
      const branch = page.locator('footer vscode-button').getByText('Branch…');
      await until(() => branch.evaluate((each) => each.hasAttribute('disabled')), 'what cannot be done');
    });

    it('chooses with the keyboard, and copies as Markdown and CSV', async () => {
      const page = await open(runs);
      await row(page, runs[0]!).click();
      await page.keyboard.press('Shift+ArrowDown');
      await page.getByText('2 runs chosen').waitFor();
      await page.keyboard.press('Control+c');
      await page.getByText('Copied 2 runs as Markdown').waitFor();
      await until(() => opened.copies.length === 1, 'the copy');
      assert.match(opened.copies[0] ?? '', /^\| Run \| State .*\n\| --- \| --- .*\n\| llama1b\\_r16/);
      await page.keyboard.press('Escape');
      await page.getByText('No run is chosen').waitFor();
      await page.getByText('Copy…').click();
      await page.getByRole('menuitem', { name: 'Copy as CSV' }).click();
      await until(() => opened.copies.length === 2, 'the second copy');
      assert.equal(opened.copies[1]?.trim().split('\n').length, 61);
      await grid(page).focus();
      await page.keyboard.press('Control+a');
      await page.getByText('60 runs chosen').waitFor();
    });

    it('shows of two runs what differs between them, and goes back to all', async () => {
      const page = await open(runs);
      assert.ok((await headings(page)).includes('seed'));
      await row(page, runs[12]!).click();
      await row(page, runs[0]!).click({ modifiers: ['ControlOrMeta'] });
      await press(page, 'Differences');
      const beside = page.getByRole('region', { name: 'What differs' });
      await beside.waitFor();
      assert.equal(await grid(page).isVisible(), false);
      const lines = (): Promise<string[][]> =>
        beside
          .locator('tr')
          .evaluateAll((all) => all.map((line) => [...line.children].map((cell) => cell.textContent)));
      const line = async (title: string): Promise<string[] | undefined> =>
        (await lines()).find(([first]) => first === title);
      assert.deepEqual((await lines())[0], ['2 runs', runs[0]!.name, runs[12]!.name]);
      assert.deepEqual(await line('seed'), ['seed', '0', '44']);
      assert.ok((await line('optimizer')) !== undefined);
      assert.ok((await line('learning_rate')) === undefined && (await line('warmup_steps')) === undefined);
      const best = loss(runs[0]!) < loss(runs[12]!) ? 1 : 2;
      const marked = beside.locator('tr').filter({ has: page.getByRole('rowheader', { name: 'Loss', exact: true }) });
      assert.equal(
        await marked.locator('td.best').evaluate((cell) => [...(cell.parentElement?.children ?? [])].indexOf(cell)),
        best,
      );
      // Live: the better one gets worse.
      opened.setRuns(runs.map((run, at) => (at === (best === 1 ? 0 : 12) ? { ...run, loss: 9 } : run)));
      await until(
        async () =>
          (await marked
            .locator('td.best')
            .evaluate((cell) => [...(cell.parentElement?.children ?? [])].indexOf(cell))) !== best,
        'the other is the best',
      );
      await page.getByText('Copy…').click();
      await page.getByRole('menuitem', { name: 'Copy as Markdown' }).click();
      await until(() => opened.copies.length === 1, 'the copy');
      assert.match(opened.copies[0] ?? '', /^\| {2}\| llama1b.*\n\| --- \| --: \| --: \|\n\| State \|/);
      assert.match(opened.copies[0] ?? '', /\| Loss \|.*\*\*\d/);
      await beside.getByRole('button', { name: runs[12]!.name }).click();
      await until(() => opened.acts.length === 1, 'its dashboard');
      assert.deepEqual(opened.acts[0], ['dashboard', [runs[12]!.path]]);
      await beside.press('Escape');
      await counts(page, 60);
      assert.equal(await beside.isVisible(), false);
    });

    it('shows of many runs what differs as rows: their columns would lie out of sight', async () => {
      const page = await open(runs);
      await grid(page).focus();
      await page.keyboard.press('Control+a');
      await page.getByText('60 runs chosen').waitFor();
      await press(page, 'Differences');
      await page.getByText('Show All Runs').waitFor();
      await counts(page, 60);
      assert.equal(await page.getByRole('region', { name: 'What differs' }).isVisible(), false);
    });

    it('has any metric as a column, and reads those that are looked at alone', async () => {
      const at = (path: string): number => Number(/\d+$/.exec(path)?.[0] ?? 0);
      const logged = (path: string) => ({
        'throughput/tokens_per_second': { last: 1000 * at(path), best: null },
        'training/grad_norm': { last: at(path) / 10, best: null },
        'eval_loss/total': { last: 3, best: 2 + at(path) / 100 },
      });
      const page = await open(runs, { width: 1400, logged });
      const shown = async (column: string, run: Run): Promise<string> => {
        const place = (await headings(page)).indexOf(column);
        const index = await page
          .locator('.heading')
          .evaluateAll(
            (all, title) =>
              all.find((each) => each.querySelector('.title')?.textContent === title)?.getAttribute('aria-colindex') ??
              '',
            column,
          );
        return place === -1 ? '' : ((await row(page, run).locator(`[aria-colindex="${index}"]`).textContent()) ?? '');
      };
      const right = (): Promise<void> =>
        grid(page).evaluate((element) => {
          element.scrollLeft = element.scrollWidth;
        });
      await right();
      await until(async () => (await headings(page)).includes('tokens/s'), 'a column from the beginning');
      await until(async () => (await shown('tokens/s', runs[12]!)) === '12k', 'its figures');
      const reads = (): number => opened.read.length;
      assert.equal(reads(), 60);
      await page.getByText('Columns…').click();
      await page.getByLabel('Search columns').fill('best eval');
      await page.locator('.columns-panel vscode-checkbox:visible').getByText('best eval loss').click();
      await page.keyboard.press('Escape');
      await until(async () => (await shown('best eval loss', runs[12]!)) === '2.120', 'the best of its evaluations');
      assert.equal(reads(), 120);
      assert.ok((opened.kept() as TableLook).shown.includes('best:eval_loss/total'));
      await heading(page, 'best eval loss').click();
      await shows(
        page,
        [0, 1, 2].map((index) => runs[index]!.name),
      );
      // One that is only asked by the filter is read, too.
      await page.getByLabel('Filter runs').fill('gradnorm<1');
      await counts(page, 10);
      const before = reads();
      opened.setRuns(runs.map((run, index) => (index === 5 ? { ...run, step: 1 } : run)));
      await until(() => reads() === before + 1, 'the run that changed, and no other');
      assert.equal(opened.read.at(-1), runs[5]!.path);
      const look = opened.kept();
      await opened.close();
      const again = await open(runs, { width: 1400, look, logged });
      await again.locator('.grid').evaluate((element) => {
        element.scrollLeft = element.scrollWidth;
      });
      await until(async () => (await headings(again)).includes('best eval loss'), 'it is remembered');
    });

    it('makes columns wider, moves, keeps, hides and shows them, and remembers all of it', async () => {
      const page = await open(runs, { width: 1400 });
      const box = (await heading(page, 'State').boundingBox())!;
      await page.mouse.move(box.x + box.width - 2, box.y + 10);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width + 58, box.y + 10, { steps: 4 });
      await page.mouse.up();
      await until(async () => (await heading(page, 'State').boundingBox())?.width === box.width + 60, 'a wider column');
      const [from, to] = [(await heading(page, 'Loss').boundingBox())!, (await heading(page, 'Stage').boundingBox())!];
      await page.mouse.move(from.x + 20, from.y + 10);
      await page.mouse.down();
      await page.mouse.move(to.x + 5, to.y + 10, { steps: 4 });
      await page.mouse.up();
      await until(
        async () => (await headings(page)).slice(0, 4).join() === 'Run,State,Loss,Stage',
        'the loss further left',
      );
      await heading(page, 'Duration').click({ button: 'right' });
      await page.getByRole('menuitemcheckbox', { name: 'Keep at the Left' }).click();
      await until(
        async () => (await headings(page)).slice(0, 2).join() === 'Run,Duration',
        'the duration kept at the left',
      );
      await heading(page, 'Started').click({ button: 'right' });
      await page.getByRole('menuitem', { name: 'Hide Column' }).click();
      await until(async () => !(await headings(page)).includes('Started'), 'no start');
      await page.getByText('Columns…').click();
      await page.getByLabel('Search columns').fill('batch');
      await page.locator('.columns-panel vscode-checkbox:visible').click();
      await page.keyboard.press('Escape');
      await until(async () => (await headings(page)).includes('batch_size'), 'the batch size, the same in all');
      await until(
        () => (opened.kept() as TableLook | undefined)?.shown.includes('--batch_size') === true,
        'it is kept',
      );
      const look = opened.kept();
      const columns = await headings(page);
      await opened.close();
      // Another tab of the same workspace.
      const again = await open(runs, { width: 1400, look });
      await until(async () => (await headings(again)).join() === columns.join(), 'the same columns');
      assert.equal((await heading(again, 'State').boundingBox())?.width, box.width + 60);
      await again.getByText('Columns…').click();
      await again.getByText('Reset Columns').click();
      await until(
        async () => (await headings(again)).slice(0, 3).join() === 'Run,State,Stage',
        'the columns as at first',
      );
    });

    it('moves and widens columns by the keyboard', async () => {
      const page = await open(runs, { width: 1400 });
      await grid(page).focus();
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Alt+ArrowRight');
      await until(
        async () => (await headings(page)).slice(0, 3).join() === 'Run,Stage,State',
        'the state further right',
      );
      const width = (await heading(page, 'State').boundingBox())!.width;
      await page.keyboard.press('Alt+Shift+ArrowRight');
      await until(async () => (await heading(page, 'State').boundingBox())?.width === width + 16, 'a wider column');
      await page.keyboard.press('Shift+F10');
      await page.getByRole('menuitem', { name: 'Hide Column' }).waitFor();
      await page.keyboard.press('End');
      await page.keyboard.press('Enter');
      await until(async () => !(await headings(page)).includes('State'), 'no state');
    });

    it('groups by parent, day and state, folds a group, and sorts over the whole table', async () => {
      const page = await open(runs, {
        look: { ...START_LOOK, group: 'parent', sort: [{ column: 'loss', descending: false }] },
      });
      const groups = (): Promise<string[]> => page.locator('.row.group .title').allTextContents();
      await until(async () => (await groups()).length > 0, 'groups');
      assert.match((await groups())[0] ?? '', /^(No parent|base_\d) ?\d+ runs$/);
      const best = [...runs].filter((run) => Number.isFinite(loss(run))).sort((a, b) => loss(a) - loss(b))[0]!;
      await shows(page, [best.name]);
      await page.locator('.row.group').first().click();
      await until(
        async () => (await page.locator('.row.group').first().getAttribute('aria-expanded')) === 'false',
        'folded',
      );
      assert.equal(await row(page, best).count(), 0);
    });

    it('stars and tags the chosen runs, and has a run in the group of each of its tags', async () => {
      const tagged = runs.map((run, at) =>
        at === 4
          ? { ...run, notes: { tags: ['star', 'keep'], summary: 'Good' } }
          : at === 6
            ? { ...run, notes: { tags: ['keep'], summary: '' } }
            : run,
      );
      const page = await open(tagged, { look: { ...START_LOOK, group: 'tag' } });
      await page.getByLabel('Filter runs').fill('tag:keep,star');
      await counts(page, 5);
      assert.deepEqual(await page.locator('.row.group .title').allTextContents(), ['star1 run', 'keep2 runs']);
      assert.equal(await page.locator('.row.starred').count(), 2, 'in both of its groups');
      const both = row(page, tagged[4]!);
      await both.first().click();
      await row(page, tagged[6]!).click({ modifiers: ['Shift'] });
      await page.getByText('2 runs chosen').waitFor();
      await press(page, 'Star');
      await row(page, tagged[4]!).last().click();
      await page.getByText('1 run chosen').waitFor();
      await press(page, 'Star');
      await press(page, 'Tag…');
      await until(() => opened.acts.length === 3, 'all three');
      assert.deepEqual(opened.acts, [
        ['star', [tagged[4]!.path, tagged[6]!.path]],
        ['unstar', [tagged[4]!.path]],
        ['tag', [tagged[4]!.path]],
      ]);
    });

    it('has all that it showed after a reload', async () => {
      const page = await open(runs);
      await page.getByLabel('Filter runs').fill('llama1b');
      await heading(page, 'Loss').click();
      await until(async () => (await heading(page, 'Loss').getAttribute('aria-sort')) === 'ascending', 'the sort');
      await grid(page).evaluate((element) => {
        element.scrollTop = 240;
      });
      await drawn(page);
      await page.mouse.click(300, 400);
      await page.getByText('1 run chosen').waitFor();
      const state = async (): Promise<{ top?: number; selected?: string[] }> =>
        page.evaluate(
          () =>
            ((window as unknown as Record<string, unknown>)['keptState'] ?? {}) as {
              top?: number;
              selected?: string[];
            },
        );
      await until(async () => (await state()).top === 240 && (await state()).selected?.length === 1, 'it is kept');
      const kept = await state();
      await opened.close();
      const again = await open(runs, { state: kept });
      await again.getByText('1 run chosen').waitFor();
      assert.equal(await grid(again).evaluate((element) => element.scrollTop), 240);
      assert.equal(await again.getByLabel('Filter runs').inputValue(), 'llama1b');
      assert.equal(await heading(again, 'Loss').getAttribute('aria-sort'), 'ascending');
    });
  });

  it('shows text from disk as text', async () => {
    const name = '<img src=x onerror=alert(1)> \u202e[x](command:y)';
    const page = await open([aRun(name, { config: { note: '<b>bold</b>' } }), aRun('b', { config: { note: 'x' } })]);
    await page.getByText('<b>bold</b>').waitFor();
    assert.equal(await page.locator('img, b').count(), 0);
    assert.match(
      (await page.locator('.row [aria-colindex="1"]').allTextContents()).join(),
      /onerror=alert\(1\)> \\u202e/,
    );
  });

  it('says what is the matter where there is nothing to show', async () => {
    await open([], { scanning: true });
    await opened.page.getByText('Looking for runs…').waitFor();
    await opened.close();
    await open([]);
    await opened.page.getByText('There are no runs yet').waitFor();
    opened.setRuns([aRun('first')]);
    await row(opened.page, aRun('first')).waitFor();
    await opened.close();
    await open([], { hasFolder: false });
    await opened.page.getByText('No folder is open').waitFor();
  });

  it('fits at 320 and 400 pixels: controls within the window, the table with a scroll of its own', async () => {
    for (const width of [320, 400]) {
      const page = await open(sweep(30), { width, height: 700 });
      await row(page, sweepRun(0, 0)).waitFor();
      const { overflow, height, controls } = await page.evaluate(() => ({
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        height: document.querySelector('.grid')?.clientHeight ?? 0,
        controls: [...document.querySelectorAll('header vscode-button, header input, footer vscode-button')]
          .filter((each) => each.checkVisibility())
          .map((each) => each.getBoundingClientRect().right),
      }));
      assert.equal(overflow, 0);
      assert.ok(height > 300, `${height} pixels for the table`);
      assert.ok(
        controls.every((right) => right <= width),
        controls.join(),
      );
      if (width === 320) await opened.close();
    }
  });
});
