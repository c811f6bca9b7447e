/** Pictures of the table of runs in every theme and width, to be looked at: `npx tsx test/page/runsPictures.ts FOLDER [NAME,…]`. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import type { Run } from '../../src/core/experiment/model';
import { START_LOOK } from '../../src/core/table/look';
import { PageHarness } from './harness';
import { openRuns, type RunsOptions, sweep } from './runsSuite';

const [, , folder, names] = process.argv;

async function choose(page: Page): Promise<void> {
  await page.locator('.row').nth(2).click();
  await page
    .locator('.row')
    .nth(4)
    .click({ modifiers: ['ControlOrMeta'] });
  await page.locator('.row').nth(6).hover();
}

async function openMenu(page: Page): Promise<void> {
  await page.locator('.row').nth(3).click({ button: 'right' });
}

async function openColumns(page: Page): Promise<void> {
  await page.getByText('Columns…').click();
}

async function openMetrics(page: Page): Promise<void> {
  await openColumns(page);
  await page.getByLabel('Search columns').fill('loss');
}

async function differ(page: Page): Promise<void> {
  await choose(page);
  await page
    .locator('.row')
    .nth(8)
    .click({ modifiers: ['ControlOrMeta'] });
  await page.locator('footer').getByText('Differences').click();
}

/** What the runs of the pictures logged. */
function logged(path: string): ReturnType<NonNullable<RunsOptions['logged']>> {
  const at = Number(/\d+$/.exec(path)?.[0] ?? 0);
  return {
    'throughput/tokens_per_second': { last: 40_000 + ((at * 977) % 20_000), best: null },
    'training/grad_norm': { last: 0.2 + ((at * 37) % 100) / 50, best: null },
    'loss/fidelity': { last: 1 + ((at * 91) % 100) / 100, best: null },
    'eval_loss/total': { last: 2.4 + ((at * 13) % 100) / 100, best: 2.2 + ((at * 13) % 100) / 100 },
    'mlp_direct_loss/layer_11': { last: at % 7 === 0 ? Number.NaN : 0.5, best: null },
  };
}

async function type(page: Page, text: string): Promise<void> {
  await page.getByLabel('Filter runs').fill(text);
}

async function main(target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  const harness = await PageHarness.start();
  const runs = sweep(300);
  const metricsLook = {
    ...START_LOOK,
    shown: ['best:eval_loss/total', 'last:training/grad_norm', 'last:loss/fidelity', 'last:mlp_direct_loss/layer_11'],
    hidden: ['notes', 'tags', 'started', 'parent'],
    sort: [{ column: 'best:eval_loss/total', descending: false }],
  };
  const byLoss = { ...START_LOOK, sort: [{ column: 'best', descending: false }] };
  const wide = { width: 1400, height: 800 };
  const narrow = { width: 400, height: 800 };
  type Picture = readonly [string, readonly Run[], RunsOptions, ((page: Page) => Promise<void>)?];
  const pictures: readonly Picture[] = [
    ['dark', runs, wide, choose],
    ['light', runs, { ...wide, theme: 'light' }, choose],
    ['hc', runs, { ...wide, theme: 'high-contrast' }, choose],
    ['dark-400', runs, narrow, choose],
    ['light-400', runs, { ...narrow, theme: 'light' }, choose],
    ['hc-400', runs, { ...narrow, theme: 'high-contrast' }, choose],
    ['sorted', runs, { ...wide, look: byLoss }],
    ['groups', runs, { ...wide, look: { ...byLoss, group: 'parent' } }, choose],
    ['menu', runs, wide, openMenu],
    ['columns', runs, { ...wide, theme: 'light' }, openColumns],
    ['problem', runs, wide, (page) => type(page, 'stage:student loss<')],
    ['nothing', runs, wide, (page) => type(page, 'no such run')],
    ['filtered', runs, wide, (page) => type(page, 'stage:student loss<2.6 lr:1e-4')],
    ['empty', [], wide],
    ['metrics', runs, { ...wide, look: metricsLook }],
    ['metrics-columns', runs, wide, openMetrics],
    ['differs', runs, { ...wide, look: metricsLook }, differ],
    ['differs-light', runs, { ...wide, theme: 'light' }, differ],
    ['differs-hc', runs, { ...wide, theme: 'high-contrast' }, differ],
    ['differs-320', runs, { width: 320, height: 800 }, differ],
    ['dark-320', runs, { width: 320, height: 800 }, choose],
  ];
  try {
    for (const [name, known, options, prepare] of pictures) {
      if (names !== undefined && !names.split(',').includes(name)) continue;
      const opened = await openRuns(harness, known, { logged, ...options });
      const { page, problems, reported } = opened;
      if (known.length > 0) await page.locator('.grid .row').first().waitFor();
      await page.waitForTimeout(400);
      await prepare?.(page);
      await page.waitForTimeout(200);
      await page.screenshot({ path: path.join(target, `${name}.png`) });
      for (const problem of new Set([...problems, ...reported])) console.log(`${name}: ${problem}`);
      await opened.close();
    }
  } finally {
    await harness.stop();
  }
}

if (folder === undefined) {
  console.error('usage: tsx test/page/runsPictures.ts FOLDER [NAME,…]');
  process.exitCode = 2;
} else void main(folder);
