/** The probe's page, over probes as the host makes them. */
import assert from 'node:assert/strict';
import type { RunProbe, RunProbedLayer } from '../../src/core/checkpoint/probe/probeRun';
import type { Checkpoint, Run } from '../../src/core/experiment/model';
import { probeMessage } from '../../src/features/probe/facts';
import type { ProbeMessage } from '../../src/protocol/probe';
import { PageHarness, type OpenOptions, type PlainPage } from './harness';
import { CURRICULUM } from './syntheticRun';
import { becomes } from './waits';

const NOW = Date.now() / 1000;

function layerOf(layer: number, at: number, patch: Partial<RunProbedLayer> = {}): RunProbedLayer {
  const similarity = 0.6 * (1 - Math.exp(-at * (1 + layer / 10))) - layer * 0.01;
  const sizes = { vANorm: 8 - at - layer * 0.2, vBNorm: 1 + at * 0.5 + layer * 0.03, nonFinite: 0, similarity };
  return {
    layer,
    input: 'probe.pt',
    tokens: 64,
    mapped: true,
    effectiveRank: 200 - 40 * at - layer * 3,
    parts: [{ projection: 'gate', rank: 0, ...sizes }],
    drift: at === 0 ? null : Math.exp(-2 * at) + layer * 0.005,
    logged: similarity + 3e-9,
    ...patch,
  };
}

/** A probe of so many checkpoints, one every 6000 steps. */
function probed(
  count: number,
  layers: readonly number[],
  change: (probe: RunProbe) => RunProbe = (same) => same,
): ProbeMessage {
  const checkpoints = Array.from({ length: count }, (_, index) => {
    const step = (index + 1) * 6000;
    return {
      name: `checkpoint-${step}`,
      path: `/w/experiments/demo/checkpoints/checkpoint-${step}`,
      step,
      stage: 'mixed',
    };
  }) as unknown as Checkpoint[];
  const run = { name: 'demo', path: '/w/experiments/demo', curriculum: CURRICULUM } as unknown as Run;
  const probe: RunProbe = {
    unavailable: null,
    checkpoints: checkpoints.map(({ path }, index) => ({
      path,
      problem: null,
      layers: layers.map((layer) => layerOf(layer, index / Math.max(1, count - 1))),
    })),
  };
  return probeMessage(run, checkpoints, change(probe), NOW);
}

describe('the probe’s page', function () {
  let harness: PageHarness;
  let opened: PlainPage;

  before(async () => {
    harness = await PageHarness.start();
  });
  after(async () => {
    await harness.stop();
  });
  afterEach(async function () {
    const { problems } = opened;
    await opened.close();
    if (this.currentTest?.state === 'passed') assert.deepEqual(problems, []);
  });

  async function show(found: ProbeMessage, options: OpenOptions = {}): Promise<PlainPage['page']> {
    opened = await harness.openBundle('probe', options);
    opened.post(found);
    await opened.page.locator('.card canvas').first().waitFor();
    return opened.page;
  }

  it('says that it is ready, and draws a chart a measure with every layer in its legend', async () => {
    const page = await show(probed(12, [11, 12, 13]));
    await becomes(() => opened.heard, [{ type: 'ready' }]);
    assert.equal(await page.locator('h1').textContent(), 'Probe of demo');
    assert.equal(await page.locator('.card canvas').count(), 5);
    await page.getByText('Probe Again').click();
    await becomes(() => opened.heard.at(-1), { type: 'again' });
    assert.match(
      (await page.locator('.about').textContent()) ?? '',
      /^12 checkpoints · on the run’s probe\.pt \(64 tokens\) · (just now|\d+ min ago)$/,
    );
    assert.match((await page.locator('header').textContent()) ?? '', /equal those that the trainer logged .*3e-9/);
    assert.deepEqual(
      await page
        .locator('.card')
        .first()
        .locator('.layers > span')
        .evaluateAll((all) => all.map((each) => each.getAttribute('title'))),
      ['layer 11', 'layer 12', 'layer 13'],
    );
    // A line of its own each, in colour and dashes: known without colour, and under forced colours.
    const lines = await page
      .locator('.card')
      .first()
      .locator('.layers line')
      .evaluateAll((all) => all.map((each) => [each.getAttribute('stroke'), each.getAttribute('stroke-dasharray')]));
    assert.equal(new Set(lines.map(([color]) => color)).size, 3);
    assert.equal(new Set(lines.map(([, dash]) => dash)).size, 3);
    // Tinted and drawn on: more than one colour on the canvas.
    const colours = await page
      .locator('.card canvas')
      .first()
      .evaluate((canvas: HTMLCanvasElement) => {
        const copy = document.createElement('canvas');
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const context = copy.getContext('2d', { willReadFrequently: true });
        context?.drawImage(canvas, 0, 0);
        const { data } = context?.getImageData(0, 0, copy.width, copy.height) ?? { data: [] };
        const found = new Set<string>();
        for (let at = 0; at < data.length; at += 4)
          if ((data[at + 3] ?? 0) > 200) found.add(`${data[at]} ${data[at + 1]} ${data[at + 2]}`);
        return found.size;
      });
    assert.ok(colours > 3, `${colours} colours`);
  });

  it('tells a checkpoint’s values under the arrow keys on every chart, and the last one’s otherwise', async () => {
    const page = await show(probed(4, [3]));
    const place = page.locator('.place');
    const values = (): Promise<string[]> => page.locator('.layers b').allTextContents();
    assert.equal(await place.textContent(), 'checkpoint-24000 · step 24,000 · mixed');
    const last = await values();
    await page.locator('.card .plot').nth(2).press('Home');
    await page.getByText('checkpoint-6000 · step 6,000 · mixed').waitFor();
    const first = await values();
    assert.deepEqual([first[1], first[2]], ['–', '191']);
    assert.notDeepEqual(first, last);
    await page.locator('.card .plot').nth(2).press('ArrowRight');
    await page.getByText('checkpoint-12000 · step 12,000 · mixed').waitFor();
    await page.locator('.card .plot').nth(2).blur();
    await page.getByText('checkpoint-24000 · step 24,000 · mixed').waitFor();
    assert.deepEqual(await values(), last);
  });

  it('has a table with every figure for screen readers', async () => {
    const page = await show(probed(3, [1, 2]));
    assert.equal(await page.locator('.for-screen-readers tbody tr').count(), 6);
    assert.deepEqual(await page.locator('.for-screen-readers tbody tr').first().locator('th, td').allTextContents(), [
      'checkpoint-6000',
      '6,000',
      'mixed',
      '1',
      '-0.01',
      'none',
      '197',
      '7.8',
      '1.03',
    ]);
  });

  it('names checkpoints that were not run, and outputs that are not finite; text in them is only text', async () => {
    const page = await show(
      probed(3, [1], (probe) => ({
        ...probe,
        checkpoints: [
          { ...probe.checkpoints[0]!, layers: [], problem: '<img src=x onerror=alert(1)>' },
          {
            ...probe.checkpoints[1]!,
            layers: [
              layerOf(1, 0.5, {
                parts: [{ projection: 'gate', rank: 0, vANorm: 1, vBNorm: 1, nonFinite: 7, similarity: NaN }],
                effectiveRank: null,
              }),
            ],
          },
          probe.checkpoints[2]!,
        ],
      })),
    );
    assert.deepEqual(
      (await page.locator('.problems li').allTextContents()).map((text) => text.trim()),
      [
        'checkpoint-6000 was not run: <img src=x onerror=alert(1)>.',
        'checkpoint-12000: layer 1 gives 7 outputs that are not finite.',
      ],
    );
    assert.equal(await page.locator('img').count(), 0);
  });

  it('says so when nothing was probed, and where no checkpoint could be', async () => {
    opened = await harness.openBundle('probe');
    await opened.page.getByText('Nothing was probed yet').waitFor();
    opened.post(
      probed(1, [1], (probe) => ({
        ...probe,
        checkpoints: [{ ...probe.checkpoints[0]!, layers: [], problem: 'the disk is gone' }],
      })),
    );
    await opened.page.getByText('No checkpoint of demo could be probed').waitFor();
    await opened.page.getByText('checkpoint-6000 was not run: the disk is gone.').waitFor();
    await opened.page.getByText('Probe Again').click();
    await becomes(() => opened.heard.at(-1), { type: 'again' });
  });

  it('shows what it showed after a reload, and tells of newer checkpoints', async () => {
    const found = probed(2, [1]);
    opened = await harness.openBundle('probe', { state: { run: found.run, found } });
    await opened.page.locator('.card canvas').first().waitFor();
    opened.post({ type: 'news', run: '/w/experiments/renamed', name: 'renamed', newer: 2 });
    await opened.page.getByText('2 checkpoints are newer than this probe.').waitFor();
    await opened.page.getByText('Probe of renamed', { exact: true }).first().waitFor();
    const kept = await opened.page.evaluate(
      () => (window as unknown as { keptState: { run: string; found: ProbeMessage } }).keptState,
    );
    assert.deepEqual([kept.run, kept.found.run], ['/w/experiments/renamed', '/w/experiments/renamed']);
  });

  it('is one column at 320 px, with nothing cut off', async () => {
    const page = await show(probed(10, [11, 12, 13, 14]), { width: 320 });
    const { columns, overflow } = await page.evaluate(() => ({
      columns: new Set([...document.querySelectorAll('.card')].map((card) => card.getBoundingClientRect().left)).size,
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    }));
    assert.deepEqual([columns, overflow], [1, 0]);
    const name = await page.locator('h1').boundingBox();
    const again = await page.getByText('Probe Again').boundingBox();
    assert.ok(name !== null && again !== null && again.x > name.x + name.width, 'the button stands beside the name');
    assert.ok(again.y < name.y + name.height);
  });

  it('draws a single checkpoint, and one without a curriculum', async () => {
    const page = await show({ ...probed(1, [1]), stages: [] }, { theme: 'high-contrast' });
    assert.match((await page.locator('.about').textContent()) ?? '', /^1 checkpoint ·/);
  });
});
