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

async function type(page: Page, text: string): Promise<void> {
  await page.getByLabel('Filter runs').fill(text);
}

async function main(target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  const harness = await PageHarness.start();
  const runs = sweep(300);
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
  ];
  try {
    for (const [name, known, options, prepare] of pictures) {
      if (names !== undefined && !names.split(',').includes(name)) continue;
      const opened = await openRuns(harness, known, options);
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
