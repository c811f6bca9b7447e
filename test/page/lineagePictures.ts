/** Pictures of the lineage in every theme and width, to be looked at: `npx tsx test/page/lineagePictures.ts FOLDER [NAME,…]`. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import type { Run } from '../../src/core/experiment/model';
import { PageHarness } from './harness';
import { lab, largeLab, openLineage, type LineageOptions } from './lineageSuite';

const [, , folder, names] = process.argv;

async function point(page: Page): Promise<void> {
  await page.locator('.lanes').focus();
  await page.keyboard.press('Home');
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press('ArrowRight');
}

async function hover(page: Page): Promise<void> {
  await page.locator('.names .lane').nth(3).hover();
}

async function main(target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  const harness = await PageHarness.start();
  const wide = { width: 1400, height: 640 };
  const narrow = { width: 320, height: 640 };
  type Picture = readonly [string, readonly Run[], LineageOptions, ((page: Page) => Promise<void>)?];
  const pictures: readonly Picture[] = [
    ['dark', lab(), wide, point],
    ['light', lab(), { ...wide, theme: 'light' }, hover],
    ['hc', lab(), { ...wide, theme: 'high-contrast' }, point],
    ['dark-320', lab(), narrow, point],
    ['light-320', lab(), { ...narrow, theme: 'light' }, hover],
    ['hc-320', lab(), { ...narrow, theme: 'high-contrast' }, point],
    ['forced', lab(), wide, async (page) => page.emulateMedia({ forcedColors: 'active' }).then(() => point(page))],
    ['menu', lab(), wide, (page) => page.locator('.names .lane').nth(1).click({ button: 'right' })],
    ['filtered', lab(), wide, (page) => page.getByLabel('Filter runs').fill('state:interrupted,failed')],
    ['nothing', lab(), wide, (page) => page.getByLabel('Filter runs').fill('no such run')],
    ['problem', lab(), wide, (page) => page.getByLabel('Filter runs').fill('los<2')],
    ['large', largeLab(5000, 50_000), wide],
    ['large-fitted', largeLab(5000, 50_000), wide, (page) => page.getByTitle('Fit (0)').click()],
    ['empty', [], wide],
  ];
  try {
    for (const [name, known, options, prepare] of pictures) {
      if (names !== undefined && !names.split(',').includes(name)) continue;
      const opened = await openLineage(harness, known, options);
      const { page, problems, reported } = opened;
      if (known.length > 0) await page.locator('.names .lane').first().waitFor();
      await page.waitForTimeout(400);
      await prepare?.(page);
      await page.waitForTimeout(300);
      await page.screenshot({ path: path.join(target, `${name}.png`) });
      for (const problem of new Set([...problems, ...reported])) console.log(`${name}: ${problem}`);
      await opened.close();
    }
  } finally {
    await harness.stop();
  }
}

if (folder === undefined) {
  console.error('usage: tsx test/page/lineagePictures.ts FOLDER [NAME,…]');
  process.exitCode = 2;
} else void main(folder);
