import assert from 'node:assert/strict';
import { appendFileSync, cpSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import type { Run } from '../../src/core/experiment/model';
import { boxOf, DashboardSuite } from './dashboardSuite';
import type { OpenOptions, ThemeName } from './harness';
import { appendSteps, makeRun, makeWorkspace, type RunPlan } from './syntheticRun';
import { becomes, until } from './waits';

const LIVE: RunPlan = { name: 'live', state: 'training', until: 25000, every: 50, checkpointsEvery: 6000, best: 24000 };

describe('the dashboard’s page', function () {
  let runs: Run[];
  const suite = new DashboardSuite((experiments) => {
    runs = makeWorkspace(experiments, 40);
  });

  const run = (index: number): Run => runs[index] as Run;

  const open = (about: Run, options: OpenOptions = {}, known: readonly Run[] = runs): Promise<Page> =>
    suite.open(known, about, options);

  /** The charts' window in steps, as its handles say it. */
  async function shown(page: Page): Promise<[number, number]> {
    const values = await page
      .locator('.handle')
      .evaluateAll((all) => all.map((handle) => Number(handle.getAttribute('aria-valuenow'))));
    return [values[0] as number, values[1] as number];
  }

  /** Pixels of the focused run's colour on the large chart: something was drawn. */
  async function inkOf(page: Page): Promise<number> {
    return page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('.main-chart canvas');
      if (!canvas) return 0;
      // A copy, with a pixel of the wanted colour: reading the chart's own canvas back would slow it down.
      const copy = document.createElement('canvas');
      copy.width = canvas.width;
      copy.height = canvas.height + 1;
      const context = copy.getContext('2d', { willReadFrequently: true });
      if (!context) return 0;
      context.drawImage(canvas, 0, 0);
      context.fillStyle = getComputedStyle(document.body).getPropertyValue('--npt-run0').trim();
      context.fillRect(0, canvas.height, 1, 1);
      const [red = 0, green = 0, blue = 0] = context.getImageData(0, canvas.height, 1, 1).data;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) {
        if (
          Math.abs((data[at] as number) - red) +
            Math.abs((data[at + 1] as number) - green) +
            Math.abs((data[at + 2] as number) - blue) <
            30 &&
          (data[at + 3] as number) > 200
        )
          count += 1;
      }
      return count;
    });
  }

  for (const theme of ['dark', 'light', 'high-contrast'] as ThemeName[]) {
    it(`shows the run in ${theme}: header, band, curve, rail`, async () => {
      const page = await open(run(0), {
        theme,
        state: { overlay: runs.slice(1).map((each) => each.path), run: run(0).path },
      });
      assert.equal(await page.locator('h1').textContent(), 'curr-v3');
      assert.equal(await page.locator('.pill').textContent(), 'Training');
      assert.match((await page.locator('.kpi').first().textContent()) ?? '', /61,840 \/ 120,000 · 52%/);
      await until(async () => (await inkOf(page)) > 500, 'the curve is drawn');
      // Ten thousand steps of three stages, and what each is called.
      assert.deepEqual(await page.locator('.band .stage-name').allTextContents(), ['Teacher', 'Mixed', 'Student']);
      assert.equal(await page.locator('.band .checkpoint').count(), 5);
      assert.equal(await page.locator('.band .checkpoint.best').count(), 1);
      assert.equal(await page.locator('.run').count(), 4);
      assert.equal(await page.locator('.run .value.bad').textContent(), 'NaN');
      assert.deepEqual(
        await page.locator('.lineage .lane').evaluateAll((all) => all.map((lane) => lane.firstChild?.textContent)),
        ['curr-v3', 'curr-v3-lr-half', 'curr-v3-no-mix', 'curr-v2'],
      );
      assert.match((await page.locator('.alert.spike').textContent()) ?? '', /Loss spike \+[12]/);
      await until(
        async () => (await page.locator('.difference .after').allTextContents()).includes('1.5e-4'),
        'the difference is shown',
      );
    });
  }

  it('has the teacher’s share as steps, not as a slope', async () => {
    const page = await open(run(0));
    const shares = await page
      .locator('.band .share')
      .evaluateAll((all) => all.map((rect) => [rect.tagName, Number(rect.getAttribute('height'))]));
    assert.deepEqual(shares, [
      ['rect', 46],
      ['rect', 23],
    ]);
  });

  it('moves while the run trains, and changes stage and state by itself', async () => {
    const live = makeRun(suite.experiments, LIVE);
    const page = await open(live, {}, [live]);
    const step = page.locator('.kpi').first().locator('b span');
    assert.equal(await step.textContent(), '25,000');
    await until(async () => (await inkOf(page)) > 500, 'the curve is drawn');
    const asked = suite.opened.heard.posted.filter((message) => message.type === 'curves').length;
    appendSteps(live, LIVE, 25000, 8);
    await until(async () => (await step.textContent()) === '25,400', 'the step moved');
    await until(() => suite.opened.heard.posted.some((message) => message.type === 'points'), 'the new points');
    const sent = suite.opened.heard.posted.filter((message) => message.type === 'curves').length;
    assert.equal(sent, asked, 'only the new points were sent');
    suite.opened.setRuns([{ ...live, state: 'finished', step: 25400 }]);
    await until(async () => (await page.locator('.pill').textContent()) === 'Finished', 'the state changed');
    await until(
      async () => (await page.locator('.kpi').last().locator('b span').textContent()) === 'done',
      'no time is left',
    );
    assert.equal(await page.locator('vscode-button:visible', { hasText: 'Stop' }).count(), 0);
    assert.equal(await page.locator('vscode-button:visible', { hasText: 'Extend' }).count(), 1);
  });

  it('shows a run before its first line, then its first line', async () => {
    const plan: RunPlan = { name: 'newborn', state: 'training', until: 0, every: 10, maxSteps: 500 };
    const newborn = makeRun(suite.experiments, plan);
    const page = await open(newborn, {}, [newborn]);
    assert.equal(await page.locator('.empty').textContent(), 'Waiting for the first logged step…');
    appendSteps(newborn, plan, 0, 3);
    await until(() => page.locator('.empty').isHidden(), 'the curve began');
    await until(
      async () => (await page.locator('.kpi').first().locator('b span').textContent()) === '30',
      'the step is shown',
    );
  });

  it('zooms every chart with the keyboard, and back', async () => {
    const page = await open(run(0));
    const all = await shown(page);
    const handle = page.locator('.handle').first();
    await handle.focus();
    for (let press = 0; press < 5; press += 1) await page.keyboard.press('ArrowRight');
    await until(async () => (await shown(page))[0] >= 11_000, 'the window’s start moved');
    await page.locator('.main-chart .plot').focus();
    await page.keyboard.press('+');
    await until(async () => (await shown(page))[0] > 12_500, 'the window became narrower');
    await page.keyboard.press('0');
    await until(async () => (await shown(page))[0] === all[0], 'everything is shown again');
    assert.deepEqual(await shown(page), all);
  });

  it('zooms with the mouse: drag, wheel, shift-drag, double click', async () => {
    const page = await open(run(0));
    const all = await shown(page);
    const box = await boxOf(page.locator('.main-chart .u-over'));
    const at = (share: number): [number, number] => [box.x + box.width * share, box.y + box.height * 0.3];
    const width = all[1] - all[0];
    await page.mouse.move(...at(0.25));
    await page.mouse.down();
    await page.mouse.move(...at(0.4), { steps: 3 });
    await page.mouse.move(...at(0.5), { steps: 3 });
    await page.mouse.up();
    await until(
      async () => Math.abs((await shown(page))[0] - all[0] - width * 0.25) < width * 0.01,
      'the dragged stretch is shown',
    );
    const dragged = await shown(page);
    assert.ok(Math.abs(dragged[1] - all[0] - width * 0.5) < width * 0.01);
    await page.mouse.wheel(0, 200);
    await until(
      async () => (await shown(page))[1] - (await shown(page))[0] > (dragged[1] - dragged[0]) * 1.2,
      'the wheel zoomed out',
    );
    const before = await shown(page);
    await page.keyboard.down('Shift');
    await page.mouse.down();
    await page.mouse.move(...at(0.4), { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await until(async () => (await shown(page))[0] > before[0], 'the window moved');
    const after = await shown(page);
    assert.ok(Math.abs(after[1] - after[0] - (before[1] - before[0])) <= 2, 'panning keeps the width');
    await page.mouse.dblclick(...at(0.5));
    await until(
      async () => (await shown(page))[0] === all[0] && (await shown(page))[1] === all[1],
      'everything is shown again',
    );
  });

  it('zooms by dragging a handle of the band', async () => {
    const page = await open(run(0));
    const box = await boxOf(page.locator('.handle').nth(1));
    const band = await boxOf(page.locator('.band'));
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(band.x + band.width * 0.3, box.y + 5, { steps: 5 });
    await page.mouse.move(band.x + band.width * 0.25, box.y + 5, { steps: 5 });
    await page.mouse.up();
    await until(
      async () => Math.abs((await shown(page))[1] - 30_000) < 300,
      'the window ends where the handle was dropped',
    );
    assert.equal((await shown(page))[0], 0);
  });

  it('draws with the new colours when the theme changes', async () => {
    const page = await open(run(0));
    await until(async () => (await inkOf(page)) > 500, 'the curve is drawn');
    await page.evaluate(() => {
      document.documentElement.style.setProperty('--vscode-symbolIcon-classForeground', '#00ff88');
    });
    await until(async () => (await inkOf(page)) > 500, 'the curve is drawn in the new colour');
  });

  it('opens a checkpoint with the keyboard, and its buttons name the checkpoint', async () => {
    const stopped = { ...run(0), state: 'stopped' as const };
    const page = await open(stopped, {}, [stopped]);
    const marker = page.locator('.marker[aria-label^="Checkpoint 36,000"]');
    await marker.focus();
    await page.keyboard.press('Enter');
    const popover = page.locator('.popover');
    assert.match((await popover.textContent()) ?? '', /Checkpoint 36,000eval [\d.]+ · mixed · teacher 50% · 1\.40 GB/);
    await page.keyboard.press('Escape');
    assert.equal(await popover.isHidden(), true);
    assert.equal(await marker.evaluate((element) => element === document.activeElement), true);
    const checkpoint = path.join(run(0).path, 'checkpoints', 'checkpoint-36000');
    for (const label of ['Resume', 'Branch…', 'Validate']) {
      await marker.click();
      await popover.locator('vscode-button', { hasText: label }).click();
    }
    await becomes(
      () => suite.opened.heard.acts,
      (['resume', 'branch', 'validate'] as const).map((command) => ({ command, path: checkpoint })),
    );
  });

  it('stops a training run, and starts nothing in an untrusted workspace', async () => {
    let page = await open(run(0));
    await page.locator('vscode-button', { hasText: 'Stop' }).click();
    await page.locator('vscode-button[aria-label="Show Terminal"]').click();
    await becomes(
      () => suite.opened.heard.acts,
      (['stop', 'terminal'] as const).map((command) => ({ command, path: run(0).path })),
    );
    await suite.close();
    page = await open(run(0), { canTrain: false });
    assert.equal(await page.locator('vscode-button[aria-label="Show Terminal"]').isVisible(), false);
    // The toolkit's buttons follow what they are told a moment later.
    for (const [label, disabled] of [
      ['Stop', ''],
      ['Branch…', ''],
      ['Validate', null],
    ] as const) {
      const button = page.locator('header vscode-button', { hasText: label });
      await until(async () => (await button.getAttribute('disabled')) === disabled, label);
    }
  });

  it('says that a run is stopping from when it was asked to until it has ended', async () => {
    const process = {
      ...{ host: 'here', bootId: '', pid: 4, started: 1, startTicks: 5, launcher: 'local', job: null, segment: 1 },
      stopping: { signal: 'SIGINT', since: Date.now() / 1000 },
    };
    let page = await open({ ...run(0), process }, {}, [{ ...run(0), process }, ...runs.slice(1)]);
    const pill = page.locator('header .pill');
    assert.equal(await pill.textContent(), 'Stopping');
    assert.match(
      (await pill.getAttribute('title')) ?? '',
      /^Asked to stop at .+: it finishes its step, saves and stops$/,
    );
    // Stop again says what is waited for, and offers to end it now.
    assert.equal(await page.locator('header vscode-button', { hasText: 'Stop' }).isVisible(), true);
    await suite.close();
    const told = { ...process, stopping: { ...process.stopping, signal: 'SIGQUIT' } };
    page = await open({ ...run(0), process: told }, {}, [{ ...run(0), process: told }, ...runs.slice(1)]);
    assert.match((await page.locator('header .pill').getAttribute('title')) ?? '', /without saving$/);
    await suite.close();
    const ended: Run = { ...run(0), state: 'stopped', process };
    page = await open(ended, {}, [ended, ...runs.slice(1)]);
    assert.equal(await page.locator('header .pill').textContent(), 'Stopped');
  });

  it('overlays the runs that the host names, beside those that are', async () => {
    const page = await open(run(0), { state: { overlay: [run(3).path], run: run(0).path } });
    suite.opened.session.overlay([run(0).path, run(2).path, '/gone']);
    const overlaid = (): Promise<string[]> =>
      page.evaluate(() => (window as unknown as { keptState?: { overlay: string[] } }).keptState?.overlay ?? []);
    await until(
      async () => (await overlaid()).join() === [run(3).path, run(2).path].join(),
      async () => (await overlaid()).join(),
    );
  });

  it('goes on with what it draws where a run is renamed, its own or one laid over it', async () => {
    const page = await open(run(0), { state: { overlay: [run(3).path], run: run(0).path, range: [1000, 9000] } });
    const look = (): Promise<string> =>
      page.evaluate(() => {
        const {
          run: path,
          overlay,
          range,
        } = (window as unknown as { keptState: { run: string; overlay: string[]; range: number[] } }).keptState;
        return [path, ...overlay, ...range].join(' ');
      });
    const hasCurveOf = (path: string): Promise<void> =>
      until(
        () =>
          suite.opened.heard.posted.some(
            (message) =>
              message.type === 'curves' && message.curves.some((curve) => curve.run === path && curve.x.byteLength > 0),
          ),
        `the curve of ${path}`,
      );
    await hasCurveOf(run(3).path);
    const renamed = [...runs];
    for (const [index, name] of [
      [3, 'renamed-overlay'],
      [0, 'renamed-own'],
    ] as const) {
      const to = path.join(suite.experiments, name);
      cpSync(run(index).path, to, { recursive: true });
      renamed[index] = { ...run(index), path: to, name };
      suite.opened.setRuns(renamed);
      suite.opened.session.modelChanged();
      await hasCurveOf(to);
    }
    await until(async () => (await page.locator('h1').textContent()) === 'renamed-own', 'its new name');
    assert.equal(await look(), [renamed[0]?.path, renamed[3]?.path, 1000, 9000].join(' '));
    const box = page.locator('.run', { hasText: 'renamed-overlay' }).locator('vscode-checkbox');
    assert.equal(await box.evaluate((each) => (each as HTMLInputElement).checked), true);
  });

  it('overlays a run when its box is checked, and keeps that over a reload', async () => {
    const page = await open(run(0));
    await page.locator('.run', { hasText: 'curr-v2' }).locator('vscode-checkbox').click();
    await until(
      async () =>
        (await page.locator('.run', { hasText: 'curr-v2' }).locator('.value').textContent())?.startsWith('2.') === true,
      'its curve came',
    );
    const kept = await page.evaluate(
      () => (window as unknown as { keptState: { overlay: string[]; run: string } }).keptState,
    );
    assert.deepEqual(kept.overlay, [run(3).path]);
    assert.equal(kept.run, run(0).path);
  });

  it('makes another run the focused one, with its past from its parent', async () => {
    const page = await open(run(0));
    await page.locator('.run .name', { hasText: 'curr-v3-lr-half' }).click();
    await until(async () => (await page.locator('h1').textContent()) === 'curr-v3-lr-half', 'the other run is shown');
    await until(
      () =>
        suite.opened.heard.posted.some(
          (message) =>
            message.type === 'curves' &&
            message.curves.some((curve) => curve.run === run(1).path && new Float64Array(curve.x)[0] === 40),
        ),
      'the curve begins where its parent’s does',
    );
    assert.match((await page.locator('.about').textContent()) ?? '', /from curr-v3 @ 36k/);
  });

  it('jumps to an alert', async () => {
    const page = await open(run(0));
    await page.locator('.alert.spike').click();
    await until(async () => (await shown(page))[0] > 30_000, 'the window moved there');
    const [from, to] = await shown(page);
    assert.ok(from < 38_120 && to > 38_120);
  });

  it('has the figures as a table, and everything named, for those who do not see it', async () => {
    const page = await open(run(0));
    await until(async () => (await page.locator('.for-screen-readers tbody tr').count()) > 10, 'the table is there');
    assert.match((await page.locator('.for-screen-readers caption').textContent()) ?? '', /Loss\/total/);
    assert.match((await page.locator('.main-chart .plot').getAttribute('aria-label')) ?? '', /of curr-v3, steps 0 to/);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, vscode-button, vscode-checkbox, vscode-dropdown, input, [role=slider]')]
        .filter((element) => !element.textContent.trim() && element.getAttribute('aria-label') === null)
        .map((element) => element.outerHTML.slice(0, 100)),
    );
    assert.deepEqual(nameless, []);
  });

  it('is one column at 320 pixels, without anything sticking out', async () => {
    const page = await open(run(0), { width: 320, height: 900 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    const main = await page.locator('main').evaluate((element) => getComputedStyle(element).display);
    assert.equal(main, 'block');
  });

  it('says so when the run is not there', async () => {
    const { page } = await suite.openWithoutChart([], run(0));
    assert.match((await page.locator('.notice').textContent()) ?? '', /no longer in the workspace.*curr-v3/);
  });

  it('saves every point as CSV, and the chart as a picture', async () => {
    const page = await open(run(2));
    for (const label of ['Picture (PNG)', 'Drawing (SVG)', 'All points (CSV)']) {
      await page.locator('vscode-button[aria-label="Export the chart"]').click();
      await page.locator('.menu button', { hasText: label }).click();
    }
    await until(() => suite.opened.heard.saves.length === 3, 'three files were asked for');
    const [png, svg, csv] = await Promise.all(suite.opened.heard.saves.map((save) => save.content));
    assert.deepEqual([...(png as Uint8Array).subarray(1, 4)], [...Buffer.from('PNG')]);
    assert.match(String(svg), /^<svg .*xmlns="http:\/\/www.w3.org\/2000\/svg".*curr-v3-no-mix · loss\/total/s);
    const lines = String(csv).trimEnd().split('\n');
    assert.equal(lines[0], 'run,step,time,value');
    assert.match(lines.at(-1) ?? '', /^curr-v3.*,\d+,[\d.]+,/);
    // The parent is overlaid by itself: its points are there, too.
    assert.ok(lines.some((line) => line.startsWith('curr-v3,38120,')));
  });

  it('takes a torn line and a NaN in its stride', async () => {
    const plan: RunPlan = { ...LIVE, name: 'torn' };
    const torn = makeRun(suite.experiments, plan);
    const page = await open(torn, {}, [torn]);
    appendFileSync(path.join(torn.path, 'metrics.jsonl'), '{"event":"metrics","segment":1,"step":25050,"time":1,"metr');
    appendFileSync(
      path.join(torn.path, 'metrics.jsonl'),
      '\n{"event":"metrics","segment":1,"step":25100,"metrics":{"loss/total":NaN}}\n',
    );
    await until(
      async () => (await page.locator('.kpi').nth(1).locator('b span').textContent()) === 'NaN',
      'the header says NaN',
    );
    await until(async () => (await page.locator('.alert.nan').count()) === 1, 'an alert says where');
    assert.match((await page.locator('.alert.nan').textContent()) ?? '', /last good checkpoint 24,000/);
  });
});
