/** What the dashboard says and draws, read from the page itself, against brute force on the files. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import type { Curriculum } from '../../src/core/curriculum/curriculum';
import type { Run } from '../../src/core/experiment/model';
import { airy } from '../../webview/charts/axes';
import { type Box, boxOf, DashboardSuite } from './dashboardSuite';
import type { OpenOptions } from './harness';
import { makeRun, seeded } from './syntheticRun';
import { until } from './waits';

type Points = readonly (readonly [step: number, value: number])[];

/** Every point of a metric as the file has it. */
function logged(run: Run, metric: string): Points {
  return readFileSync(path.join(run.path, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; step: number; metrics?: Record<string, number | string> })
    .flatMap((line) =>
      line.metrics?.[metric] === undefined ? [] : [[line.step, Number(line.metrics[metric])] as const],
    );
}

/** The average at each point: Σ s^(n−i)·v_i / Σ s^(n−i), straight from its definition. */
function averages(points: Points, smoothing: number): Map<number, number> {
  const found = new Map<number, number>();
  let [sum, weights] = [0, 0];
  for (const [step, value] of points) {
    if (Number.isFinite(value)) {
      sum = smoothing * sum + value;
      weights = smoothing * weights + 1;
    }
    found.set(step, sum / weights);
  }
  return found;
}

function near(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= Math.abs(expected) * 1e-3, `${what}: ${actual}, by the data ${expected}`);
}

const number = (text: string): number => Number(text.replaceAll(',', ''));

describe('the dashboard tells the truth', function () {
  let parent: Run;
  let branch: Run;
  const suite = new DashboardSuite((experiments) => {
    parent = makeRun(experiments, {
      name: 'parent',
      state: 'finished',
      until: 40000,
      every: 400,
      checkpointsEvery: 8000,
    });
    branch = makeRun(experiments, {
      name: 'branch',
      state: 'stopped',
      from: 16000,
      until: 30000,
      every: 400,
      seed: 5,
      level: 1.3,
      parent: { name: 'parent', step: 16000 },
      checkpointsEvery: 8000,
      best: 24000,
      config: { learning_rate: 3e-3 },
    });
  });

  const open = (runs: readonly Run[], about: Run, look: object = {}, options: OpenOptions = {}): Promise<Page> =>
    suite.open(runs, about, { ...options, state: { run: about.path, overlay: [], ...look } });

  /** The plot's box on the page. */
  const plotBox = (page: Page): Promise<Box> => boxOf(page.locator('.main-chart .u-over'));

  /** Whether the focused run's colour is within 2 pixels of each of these places on the page. */
  async function isInked(page: Page, places: readonly (readonly [number, number])[]): Promise<boolean[]> {
    return page.evaluate((wanted) => {
      const canvas = document.querySelector<HTMLCanvasElement>('.main-chart canvas');
      if (canvas === null) return wanted.map(() => false);
      const at = canvas.getBoundingClientRect();
      const copy = document.createElement('canvas');
      copy.width = canvas.width;
      copy.height = canvas.height + 1;
      const context = copy.getContext('2d', { willReadFrequently: true });
      if (context === null) return wanted.map(() => false);
      context.drawImage(canvas, 0, 0);
      context.fillStyle = getComputedStyle(document.body).getPropertyValue('--npt-run0').trim();
      context.fillRect(0, canvas.height, 1, 1);
      const color = context.getImageData(0, canvas.height, 1, 1).data;
      return wanted.map(([x, y]) => {
        const left = Math.round(x - at.left) - 2;
        const top = Math.round(y - at.top) - 2;
        const { data } = context.getImageData(Math.max(0, left), Math.max(0, top), 5, 5);
        for (let pixel = 0; pixel < data.length; pixel += 4) {
          const off = [0, 1, 2].reduce(
            (sum, part) => sum + Math.abs((data[pixel + part] as number) - (color[part] as number)),
            0,
          );
          if (off < 60 && (data[pixel + 3] as number) > 150) return true;
        }
        return false;
      });
    }, places);
  }

  interface Reading {
    readonly step: number;
    /** A line a run: its text without the swatch. */
    readonly lines: readonly string[];
    /** Of the cross-hair, from the plot's left edge, in pixels. */
    readonly left: number;
  }

  /** Points at a share of the plot's width, and reads what the page says there. */
  async function pointAt(page: Page, share: number): Promise<Reading> {
    const box = await plotBox(page);
    const readout = page.locator('.main-chart .readout');
    // A chart that is made anew, for a curve that has come, knows of a pointer only once that moves.
    let side = 1;
    await until(
      async () => {
        side = -side;
        await page.mouse.move(box.x + box.width * share, box.y + box.height / 2 + side);
        return readout.isVisible();
      },
      () => 'the chart says what is under the pointer',
    );
    const title = (await readout.locator('b').textContent()) ?? '';
    return {
      step: number(/[\d,]+/.exec(title)?.[0] ?? 'NaN'),
      lines: await readout.locator('span').allTextContents(),
      left: await page
        .locator('.main-chart .u-cursor-x')
        .evaluate((line) => new DOMMatrix(getComputedStyle(line).transform).m41),
    };
  }

  const average = (line: string | undefined): number => Number(/([\d.e-]+) avg/.exec(line ?? '')?.[1]);
  const raw = (line: string | undefined): number => Number(/(-?[\d.e-]+) logged/.exec(line ?? '')?.[1]);

  /** Weight of the past, from the figure of points that the page says it averages over. */
  async function smoothingShown(page: Page): Promise<number> {
    const label = (await page.locator('.kpi').nth(1).locator('.label').textContent()) ?? '';
    return 1 - 1 / Number(/avg (\d+)/.exec(label)?.[1]);
  }

  /** Everything that is written on the large chart's canvas when it is drawn anew. */
  async function written(page: Page): Promise<{ text: string; left: number; right: number; align: string }[]> {
    await page.evaluate(() => {
      const scope = window as unknown as { written: unknown[] };
      scope.written = [];
      const draw = Object.getOwnPropertyDescriptor(CanvasRenderingContext2D.prototype, 'fillText')?.value as (
        this: CanvasRenderingContext2D,
        ...drawn: [string, number, number]
      ) => void;
      const clear = Object.getOwnPropertyDescriptor(CanvasRenderingContext2D.prototype, 'clearRect')?.value as (
        this: CanvasRenderingContext2D,
        ...box: [number, number, number, number]
      ) => void;
      CanvasRenderingContext2D.prototype.clearRect = function (...box): void {
        if (this.canvas.closest('.main-chart') !== null) scope.written = [];
        clear.call(this, ...box);
      };
      CanvasRenderingContext2D.prototype.fillText = function (text: string, x: number, y: number): void {
        if (this.canvas.closest('.main-chart') !== null) {
          const { width } = this.measureText(text);
          const { x: at } = this.getTransform().transformPoint(new DOMPoint(x, y));
          const turned = this.getTransform().b !== 0;
          const share = this.textAlign === 'right' ? 1 : this.textAlign === 'center' ? 0.5 : 0;
          const left = turned ? at - 6 : at - width * share;
          scope.written.push({ text, left, right: turned ? at + 6 : left + width, align: this.textAlign });
        }
        draw.call(this, text, x, y);
      };
    });
    await page.setViewportSize({ width: 1190, height: 900 });
    const list = (): Promise<{ text: string; left: number; right: number; align: string }[]> =>
      page.evaluate(() => (window as unknown as { written: [] }).written);
    await until(
      async () => (await list()).some(({ text }) => text === 'step'),
      () => 'the chart is drawn anew',
    );
    return list();
  }

  for (const metric of ['eval_loss/total', 'training/learning_rate']) {
    it(`draws ${metric} as it was logged, never as an average, and its markers on that`, async () => {
      const range: [number, number] = [2000, 39000];
      const page = await open([parent], parent, { metric, range, smooth: 60, logY: false });
      const points = logged(parent, metric).filter(([step]) => step >= range[0] && step <= range[1]);
      const values = points.map(([, value]) => value);
      const [low, high] = airy(Math.min(...values), Math.max(...values), false);
      let box = await plotBox(page);
      const place = (step: number, value: number): [number, number] => [
        box.x + ((step - range[0]) / (range[1] - range[0])) * box.width,
        box.y + (1 - (value - low) / (high - low)) * box.height,
      ];
      await until(
        async () => {
          // What is above the chart may come later, and move it.
          box = await plotBox(page);
          const places = points.map(([step, value]) => place(step, value));
          return (await isInked(page, places)).every(Boolean);
        },
        () => 'every logged point is on the line',
      );
      // Where an average of the same points would lie, no line is.
      const averaged = averages(logged(parent, metric), 0.98);
      const far = points
        .map(([step, value]) => [place(step, value), place(step, averaged.get(step) ?? 0)] as const)
        .filter(([here, there]) => Math.abs(here[1] - there[1]) > 20);
      assert.ok(far.length > 5, 'the average lies elsewhere');
      assert.ok(
        !(
          await isInked(
            page,
            far.map(([, there]) => there),
          )
        ).some(Boolean),
      );
      for (const step of [8000, 16000, 24000]) {
        const marker = await boxOf(page.locator(`.marker[aria-label^="Checkpoint ${step.toLocaleString('en-US')}"]`));
        const value = points.find(([at]) => at === step)?.[1];
        assert.ok(value !== undefined);
        assert.ok(Math.abs(marker.y + marker.height / 2 - place(step, value)[1]) < 1.5, `the marker of ${step}`);
      }
      const reading = await pointAt(page, 0.5);
      near(raw(reading.lines[0]), new Map(points).get(reading.step) ?? Number.NaN, `at step ${reading.step}`);
      assert.doesNotMatch(reading.lines.join(), /avg/);
    });
  }

  it('has a branch’s average go on from its parent’s, in its own dashboard and beside its parent', async () => {
    const past = logged(parent, 'loss/total').filter(([step]) => step <= 16000);
    const own = logged(branch, 'loss/total');
    const range: [number, number] = [12000, 24000];
    const share = (16400 - range[0]) / (range[1] - range[0]);
    for (const [about, overlay, line] of [
      [parent, [branch.path], 1],
      [branch, [], 0],
    ] as const) {
      const page = await open([parent, branch], about, { range, overlay });
      await until(
        async () => average((await pointAt(page, share)).lines[line]) > 0,
        () => 'the branch’s curve came',
      );
      const reading = await pointAt(page, share);
      assert.equal(reading.step, 16400);
      const smoothing = await smoothingShown(page);
      const expected = averages([...past, ...own], smoothing).get(16400) as number;
      near(average(reading.lines[line]), expected, `the branch in the dashboard of ${about.name}`);
      near(raw(reading.lines[line]), own[0]?.[1] as number, 'as logged');
      assert.ok(
        Math.abs(expected - (own[0]?.[1] as number)) > 0.1,
        'an average that began afresh would be the first point',
      );
      if (about === parent) await suite.close();
    }
  });

  it('has the header’s average be the chart’s, whatever the slider says', async () => {
    const page = await open([parent], parent);
    const points = logged(parent, 'loss/total');
    const [lastStep, lastValue] = points.at(-1) as [number, number];
    let before = '';
    for (const presses of [0, 12]) {
      await page.locator('input.slider').focus();
      for (let press = 0; press < presses; press += 1) await page.keyboard.press('ArrowRight');
      const label = page.locator('.kpi').nth(1).locator('.label');
      await until(
        async () => (await label.textContent()) !== before,
        () => 'the header follows',
      );
      before = (await label.textContent()) ?? '';
      const figure = page.locator('.kpi').nth(1).locator('b span');
      const smoothing = await page.evaluate(() => {
        const place = (window as unknown as { keptState: { smooth: number | null } }).keptState.smooth;
        return place === null ? null : 1 - 10 ** (-place / (100 / 3));
      });
      const expected = averages(points, smoothing ?? (await smoothingShown(page))).get(lastStep) as number;
      await until(
        async () => Math.abs(Number(await figure.textContent()) - expected) <= expected * 1e-3,
        async () => `the header says ${await figure.textContent()}, by the data ${expected}`,
      );
      await until(
        async () => Math.abs(average((await pointAt(page, 0.995)).lines[0]) - expected) <= expected * 1e-3,
        () => 'the chart says the same',
      );
      assert.equal((await pointAt(page, 0.995)).step, lastStep);
      assert.match(
        (await page.locator('.kpi').nth(1).textContent()) ?? '',
        new RegExp(`last ${lastValue.toPrecision(4)}`),
      );
    }
  });

  it('lists equal runs with equal figures, drawn or not, and says that they are the last logged', async () => {
    const twins = ['one', 'two', 'three'].map((name) => {
      const folder = path.join(suite.experiments, name);
      mkdirSync(folder);
      cpSync(path.join(parent.path, 'metrics.jsonl'), path.join(folder, 'metrics.jsonl'));
      return { ...parent, name, id: name, path: folder, checkpoints: [] };
    });
    const [first, second] = [twins[0] as Run, twins[1] as Run];
    const page = await open(twins, first, { overlay: [second.path] });
    const last = logged(first, 'loss/total').at(-1)?.[1] as number;
    await until(
      async () => (await pointAt(page, 0.5)).lines.length === 2,
      () => 'two runs are drawn',
    );
    const shown = await page.locator('.run .value').allTextContents();
    assert.equal(new Set(shown).size, 1, shown.join());
    near(Number(shown[0]), last, 'the figure');
    assert.equal(await page.locator('.runs .metric').textContent(), 'loss/total · last logged');
    // The header has the same figure, beside the average and called so.
    assert.match((await page.locator('.kpi').nth(1).textContent()) ?? '', new RegExp(`last ${String(shown[0])}`));
  });

  it('gives an evaluation the same figure in the header and in its card', async () => {
    const page = await open([parent], parent);
    const points = logged(parent, 'eval_loss/total');
    const card = page.locator('.card', { hasText: 'eval loss' }).locator('.value');
    await until(
      async () => Number(await card.textContent()) > 0,
      () => 'its curve came',
    );
    near(Number(await card.textContent()), points.at(-1)?.[1] as number, 'the card');
    assert.equal(await page.locator('.kpi').nth(2).locator('b span').textContent(), await card.textContent());
    const best = points.reduce((low, point) => (point[1] < low[1] ? point : low));
    assert.match(
      (await page.locator('.kpi').nth(2).textContent()) ?? '',
      new RegExp(`best [\\d.]+ @ ${best[0] / 1000}k`),
    );
  });

  it('calls a loss that went from 44 to ten million diverged, in red, and no spike that recovered', async () => {
    const curriculum: Curriculum = {
      stages: [
        { name: 'teacher', from: 0, until: 200, mixingRatio: 0, mlpMixingRatio: null },
        { name: 'mixed', from: 200, until: 400, mixingRatio: 0.5, mlpMixingRatio: null },
        { name: 'student', from: 400, until: 600, mixingRatio: 1, mlpMixingRatio: null },
      ],
    };
    const random = seeded(3);
    const write = (run: Run, from: number, to: number, lossAt: (step: number) => number): void => {
      let text = '';
      for (let step = from; step <= to; step += 5)
        text += `${JSON.stringify({ event: 'metrics', segment: 1, step, time: 1e9 + step, metrics: { 'loss/total': lossAt(step) } })}\n`;
      writeFileSync(path.join(run.path, 'metrics.jsonl'), text);
    };
    const base = { until: 0, maxSteps: 600, curriculum, checkpointsEvery: 0 } as const;
    const calm = { ...makeRun(suite.experiments, { ...base, name: 'calm', state: 'finished' }), step: 600 };
    mkdirSync(calm.path, { recursive: true });
    write(calm, 5, 600, (step) => 44 + 40 * Math.exp(-step / 40) + random());
    const wild = {
      ...makeRun(suite.experiments, { ...base, name: 'wild', state: 'training', parent: { name: 'calm', step: 100 } }),
      step: 475,
    };
    write(
      wild,
      105,
      475,
      (step) =>
        (step < 215 ? 44 * 10 ** Math.min(5.3, (step - 100) / 12) : 1e7 * Math.exp(-(step - 215) / 45)) *
        (0.5 + random()),
    );
    const page = await open([calm, wild], wild);
    const below = page.locator('.kpi').nth(1).locator('.sub');
    await until(
      async () => /diverged/.test((await below.textContent()) ?? ''),
      () => 'the header says so',
    );
    assert.equal(await below.getAttribute('class'), 'sub bad');
    const level = Number(/diverged from ([\d.]+)/.exec((await below.textContent()) ?? '')?.[1]);
    assert.ok(level > 44 && level < 60, `from the parent’s level, not from its own: ${level}`);
    const alerts = await page.locator('.alert').allTextContents();
    assert.ok(
      alerts.some((text) => text.includes('Loss has diverged')),
      alerts.join('\n'),
    );
    assert.ok(!alerts.some((text) => /spike|recovered/.test(text)), alerts.join('\n'));
  });

  it('counts what a log axis cannot show, where it is missing, and shows it on a linear one', async () => {
    const odd = makeRun(suite.experiments, { name: 'odd', state: 'stopped', until: 8000, every: 40, maxSteps: 8000 });
    const file = path.join(odd.path, 'metrics.jsonl');
    const values = new Map<number, number>();
    writeFileSync(
      file,
      readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => {
          const event = JSON.parse(line) as { step?: number; metrics?: Record<string, unknown> };
          if (event.metrics === undefined || event.step === undefined) return line;
          const value = event.step % 7 === 0 ? 0 : Math.sin(event.step / 500) / 10;
          values.set(event.step, value);
          event.metrics['similarity'] = value;
          return JSON.stringify(event);
        })
        .join('\n') + '\n',
    );
    for (const range of [null, [1000, 5000]] as const) {
      const page = await open([odd], odd, { metric: 'similarity', range, logY: true });
      const inside = [...values].filter(([step]) => range === null || (step >= range[0] && step <= range[1]));
      const missing = inside.filter(([, value]) => value <= 0).length;
      const note = page.locator('.missing');
      await until(
        async () => note.isVisible(),
        () => 'it is said',
      );
      assert.match(
        (await note.textContent()) ?? '',
        new RegExp(`^${missing} of ${inside.length} points here are zero or negative`),
      );
      await note.locator('vscode-button').click();
      await until(
        () => note.isHidden(),
        () => 'nothing is missing on a linear axis',
      );
      const lowest = inside.reduce((low, point) => (point[1] < low[1] ? point : low));
      assert.equal(
        await page.locator('vscode-checkbox', { hasText: 'Log' }).evaluate((box) => (box as HTMLInputElement).checked),
        false,
      );
      if (range !== null) {
        const reading = await pointAt(page, (lowest[0] - range[0]) / (range[1] - range[0]));
        assert.equal(reading.step, lowest[0]);
        near(raw(reading.lines[0]), lowest[1], 'the lowest');
      } else await suite.close();
    }
  });

  it('writes every tick whole and no two alike, and what the axes count', async () => {
    // What picture 07 had: a learning rate on a log axis; and a window of a few steps far out.
    for (const [look, unit] of [
      [{ metric: 'training/learning_rate', logY: true, range: [400, 30000] }, 'training/learning_rate, log scale'],
      [
        { metric: 'throughput/tokens_per_second', logY: false, range: [38000, 39990] },
        'throughput/tokens_per_second, tokens/s',
      ],
      [{ metric: 'loss/total', logY: true, range: [20000, 20300] }, 'loss/total, log scale'],
    ] as const) {
      const page = await open([parent], parent, look);
      await until(
        async () => (await pointAt(page, 0.5)).lines.length === 1,
        () => 'its curve came',
      );
      const texts = await written(page);
      for (const { text, left } of texts) assert.ok(left >= -0.5, `"${text}" is cut: it begins at ${left}`);
      const box = await plotBox(page);
      const canvas = await page.locator('.main-chart canvas').boundingBox();
      assert.ok(canvas);
      for (const [which, ticks] of [
        ['y', texts.filter(({ align }) => align === 'right')],
        ['x', texts.filter(({ align, text }) => align === 'center' && /^[\d.,k]+$/.test(text))],
      ] as const) {
        const names = ticks.map(({ text }) => text);
        assert.ok(names.length >= 2, `${which} ticks: ${JSON.stringify(texts)}`);
        assert.equal(new Set(names).size, names.length, names.join());
      }
      assert.ok(
        texts.some(({ text }) => text === unit),
        `the axis says ${unit}: ${texts.map(({ text }) => text).join()}`,
      );
      assert.ok(box.x - canvas.x >= 40);
      if (unit !== 'loss/total, log scale') await suite.close();
    }
  });

  it('has the cross-hair stand at logged steps alone, and say what was logged and averaged just there', async () => {
    const dense = makeRun(suite.experiments, {
      name: 'dense',
      state: 'stopped',
      until: 60000,
      every: 5,
      seed: 9,
      maxSteps: 60000,
    });
    for (const [run, range] of [
      [parent, [10000, 14000]],
      [dense, null],
    ] as const) {
      const page = await open([run], run, { range });
      const points = logged(run, 'loss/total');
      const values = new Map(points);
      await until(
        async () => (await page.locator('.kpi').nth(1).locator('b span').textContent()) !== '–',
        () => 'figures',
      );
      await until(
        async () => (await pointAt(page, 0.4)).lines.length === 1,
        () => 'its curve came',
      );
      const expected = averages(points, await smoothingShown(page));
      for (const share of [0.11, 0.237, 0.501, 0.63, 0.88]) {
        const reading = await pointAt(page, share);
        const value = values.get(reading.step);
        assert.ok(value !== undefined, `nothing was logged at step ${reading.step}`);
        near(raw(reading.lines[0]), value, `logged at ${reading.step}`);
        near(average(reading.lines[0]), expected.get(reading.step) as number, `averaged at ${reading.step}`);
        if (range === null) {
          const bucket = /([\d.]+) to ([\d.]+) in (\d+) points/.exec(reading.lines[0] ?? '');
          assert.ok(bucket, 'a pixel of many points says how far they go');
          assert.ok(Number(bucket[1]) <= value * 1.001 && Number(bucket[2]) >= value * 0.999);
        } else {
          const box = await plotBox(page);
          const at = ((reading.step - range[0]) / (range[1] - range[0])) * box.width;
          assert.ok(Math.abs(reading.left - at) <= 1, `the cross-hair is at ${reading.left}, the step at ${at}`);
        }
      }
      if (run === parent) await suite.close();
    }
  });

  it('tells the configuration’s difference from the parent to its branch, in both dashboards', async () => {
    for (const about of [branch, parent]) {
      const page = await open([branch, parent], about);
      const section = page.locator('section[aria-label="Configuration difference"]');
      await until(
        async () => (await section.locator('.after').count()) > 0,
        () => 'the difference came',
      );
      assert.match((await section.locator('h2').textContent()) ?? '', /parent → branch/);
      assert.deepEqual(await section.locator('.key, .before, .after').allTextContents(), [
        'learning_rate',
        '3e-4',
        '0.003',
      ]);
      if (about === branch) await suite.close();
    }
  });

  it('says that config.json is not there yet, and shows the difference once it is', async () => {
    const page = await open([{ ...branch, config: null }, parent], branch);
    const section = page.locator('section[aria-label="Configuration difference"]');
    await until(
      async () => /No config\.json yet: branch/.test((await section.textContent()) ?? ''),
      () => 'it is said',
    );
    assert.equal(await section.locator('.key').count(), 0);
    suite.opened.setRuns([branch, parent]);
    await until(
      async () => (await section.locator('.key').allTextContents()).join() === 'learning_rate',
      () => 'it came',
    );
  });

  it('follows a configuration that a resume changed', async () => {
    const page = await open([branch, parent], branch);
    const section = page.locator('section[aria-label="Configuration difference"]');
    await section.locator('.after').first().waitFor();
    const changed = { ...branch, config: { ...branch.config, learning_rate: 0.00077 } };
    suite.opened.setRuns([changed, parent]);
    await section.locator('.after', { hasText: '7.7e-4' }).waitFor();
  });

  it('says by what a checkpoint is the best: not by the training loss beside it', async () => {
    const page = await open([branch], branch);
    const marker = page.locator('.marker.best');
    await marker.waitFor();
    assert.match((await marker.getAttribute('aria-label')) ?? '', /best by evaluation/);
    await marker.click();
    assert.match((await page.locator('.popover').textContent()) ?? '', /best by evaluation.*eval [\d.]+/);
    assert.match((await page.locator('.band .checkpoint.best title').textContent()) ?? '', /best by evaluation/);
  });
});
